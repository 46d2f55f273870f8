"""What an answer must be, by the words of the service's promises alone.

Belongs here: reading requests and answers as a strict stranger does. Does not belong here: making requests, sockets.
"""

import json
import math
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any, Literal
from unicodedata import category

from tests.campaigns.http.contract_cases import Breach
from tests.campaigns.http.wire import Response

# Well framed requests are answered one by one; ill framed ones are refused, or the connection is closed; where readers
# of HTTP rightly differ (`loose`), both are fine.
Framing = Literal["well", "loose", "ill"]
NO_FAULT = range(200, 500)
REFUSALS = range(400, 500)
_LONGEST_SENTENCE = 10_000
_TEXT_FIELDS = (
    "customer_id",
    "purpose",
    "employment",
    "housing",
    "channel",
    "card_id",
    "terminal_id",
    "direction",
    "category",
)


@dataclass(frozen=True)
class Case:
    """One attack.

    Attributes:
        kind: Its name.
        pieces: The bytes, in the pieces in which they are sent.
        methods: The methods of the requests in it; as many answers are awaited when it is well framed.
        statuses: The statuses that any answer may have.
        honest: The product whose decision each answer must be, exactly as it always is.
        breach: What of a contract the request breaks, which the answer must name.
        names: Words that the answer must hold.
        continues: Whether the client awaits `100 Continue` before the second piece.
        last: Whether the request asks to close the connection.
        decides: Whether an answer of status 200 is a decision.
    """

    kind: str
    pieces: tuple[bytes, ...]
    methods: tuple[str, ...] = ("POST",)
    framing: Framing = "well"
    statuses: Container[int] = field(default_factory=lambda: NO_FAULT)
    honest: str | None = None
    breach: Breach | None = None
    names: tuple[str, ...] = ()
    continues: bool = False
    last: bool = False
    decides: bool = False


def fault_of(case: Case, response: Response, method: str) -> str | None:
    """What is wrong with an answer; None when nothing is."""
    status = response.status
    if status >= 500:
        return f"status {status}"
    if status not in case.statuses:
        return f"status {status}, which is not among {case.statuses}"
    if method == "HEAD" or case.framing != "well":
        return None
    if 400 <= status < 500:
        fault = _fault_of_error(response)
        return fault or _unnamed(case, response)
    if "json" in response.fields.get("content-type", ""):
        return _fault_of_json(response.body)
    return None


def decision_of(response: Response) -> tuple[Any, ...]:
    """What must be the same each time a request is decided; the answer itself when it is no decision."""
    try:
        answer = json.loads(response.body)
    except ValueError:
        answer = None
    if response.status != 200 or not isinstance(answer, dict):
        return response.status, response.body
    return tuple(
        answer.get(name) for name in ("product", "outcome", "score", "threshold", "fallback", "reasons", "as_of")
    )


def fault_of_decision(response: Response) -> str | None:
    """What is wrong with an answer of status 200 to a request for a decision."""
    if _fault_of_json(response.body):
        return "a decision that is no JSON"
    answer = json.loads(response.body)
    if not isinstance(answer, dict) or not answer.get("decision_id") or not answer.get("outcome"):
        return "a decision without id or outcome"
    score = answer.get("score")
    if score is not None and not (isinstance(score, float) and math.isfinite(score) and 0 <= score <= 1):
        return f"the score {score!r:.60}"
    return None


def must_be_refused(body: bytes) -> str | None:
    """Why a body cannot be a request, when it certainly cannot; None when that is for the service to say."""
    twice: list[str] = []

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(found)) < len(found):
            twice.append("a key")
        return dict(found)

    try:
        # Not `json.loads` of bytes, which lets surrogates pass.
        text = body.decode(json.detect_encoding(body))
        content = json.loads(text, parse_constant=_no_constant, parse_int=str, object_pairs_hook=pairs)
    except RecursionError:
        return None
    except ValueError as error:
        return f"no JSON: {error}"
    if not isinstance(content, dict):
        return "no object"
    if twice:
        return None
    return _text_that_is_none(content)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _text_that_is_none(content: dict[str, Any]) -> str | None:
    """Names a text of a known field that UTF-8 cannot hold."""
    found = {name: content.get(name) for name in ("product", "source", "event_id")}
    for part in ("request", "event"):
        inner = content.get(part)
        if isinstance(inner, dict):
            found |= {name: inner.get(name) for name in _TEXT_FIELDS}
    for name, value in found.items():
        if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
            return f"{name} is no text that UTF-8 can hold"
    return None


def _fault_of_json(body: bytes) -> str | None:
    try:
        json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except ValueError as error:
        return f"a body that is no JSON: {error}"
    return None


def _fault_of_error(response: Response) -> str | None:
    if "json" not in response.fields.get("content-type", ""):
        return f"an error of type {response.fields.get('content-type')!r} instead of JSON"
    fault = _fault_of_json(response.body)
    if fault:
        return fault
    answer = json.loads(response.body)
    sentence = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(sentence, str) or len(sentence.split()) < 2:
        return "an error without a sentence"
    if "Traceback" in sentence or any(category(letter) in ("Cc", "Zl", "Zp") for letter in sentence):
        return "an error that is no plain sentence"
    if any(category(letter) == "Cs" for text in _texts(answer) for letter in text):
        return "an error in letters that UTF-8 cannot hold"
    return "an error without end" if len(sentence) > _LONGEST_SENTENCE else None


def _unnamed(case: Case, response: Response) -> str | None:
    text = " ".join(_texts(json.loads(response.body)))
    missing = [f"the word {word!r}" for word in case.names if word not in text]
    missing += case.breach.unnamed(text) if case.breach else []
    return f"an error that does not name {', '.join(missing)}" if missing else None


def _texts(value: Any) -> list[str]:
    """All that an answer says, in whichever fields."""
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in (str(key), *_texts(item))]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [str(value)]
