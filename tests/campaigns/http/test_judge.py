"""The rules that judge answers: each finds what it is there for, and nothing in answers that are right.

Belongs here: the judge, the reader of contracts. Does not belong here: a running service.
"""

import json
from random import Random

import pytest

from tests.campaigns.http.contract_cases import MISSING, Breach, breaches, edges, read_contract
from tests.campaigns.http.judge import REFUSALS, Case, fault_of, must_be_refused
from tests.campaigns.http.wire import Response

GOOD = {
    "error": "the request cannot be answered as it is",
    "problems": ["field 'amount' is -1; 100 to 200,000 is allowed"],
}


def answer(status: int, content: object, kind: str = "application/json") -> Response:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Response(status, {"content-type": kind}, body, body)


def test_right_answers_have_no_fault() -> None:
    breach = Breach("amount", -1, "range", (100.0, 200_000.0))
    assert fault_of(Case("a", (b"",), breach=breach), answer(400, GOOD), "POST") is None
    assert fault_of(Case("a", (b"",)), answer(200, {"score": 0.5}), "POST") is None
    assert fault_of(Case("a", (b"",)), answer(405, b"", "text/plain"), "HEAD") is None
    assert (
        fault_of(Case("a", (b"",), framing="ill", statuses=REFUSALS), answer(400, b"no", "text/plain"), "POST") is None
    )


@pytest.mark.parametrize(
    "wrong",
    [
        answer(500, GOOD),
        answer(503, GOOD),
        answer(404, b"Not Found", "text/plain"),
        answer(400, {"error": ""}),
        answer(400, {"detail": "field 'amount' is wrong"}),
        answer(400, {"error": "Traceback (most recent call last): a b"}),
        answer(400, {"error": "a field is \ud800"}),
        answer(400, ["field 'amount' is wrong"]),
        answer(200, b'{"score": NaN}'),
        answer(200, b'{"score": "\xed\xa0\x80"}'),
    ],
)
def test_wrong_answers_have_a_fault(wrong: Response) -> None:
    assert fault_of(Case("a", (b"",)), wrong, "POST")


def test_a_breach_must_be_named_in_full() -> None:
    breach = Breach("amount", 1e12, "range", (100.0, 200_000.0))
    assert breach.unnamed("amount is 1000000000000.0; 100-200000 is allowed") == []
    assert breach.unnamed("amount is 1e+12; it must be between 100 and 200,000") == []
    assert breach.unnamed("the amount is too high; 100 to 200000") == ["the value 1000000000000.0"]
    assert breach.unnamed("amount is 1e12") == ["the bound 100.0", "the bound 200000.0"]
    assert Breach("purpose", "yacht", "set", ("car", "home")).unnamed("purpose is 'yacht', not car") == [
        "the bound 'home'"
    ]
    assert Breach("purpose", None, "null").unnamed("purpose is missing") == ["the value None"]
    assert Breach("purpose", MISSING, "missing").unnamed("purpose is missing") == []


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        (b'{"product": "a", "request": {"amount": 1}}', False),
        (b'{"product": "a", "product": "b"}', False),
        (b'{"amount": ' + b"1" * 5000 + b"}", False),
        (b'{"amount": NaN}', True),
        (b'{"product": "\\ud800"}', True),
        (b'{"product": "\\ud83d\\ude00"}', False),
        (b'{"product": "\xed\xa0\x80"}', True),
        (b'{"product": "\xff"}', True),
        (b"[]", True),
        (b"", True),
        (b'{"request": {"customer_id": "a\\udc00"}}', True),
    ],
)
def test_what_cannot_be_a_request(body: bytes, refused: bool) -> None:
    assert bool(must_be_refused(body)) is refused


def test_a_contract_is_read_whole() -> None:
    columns = read_contract("credit_risk", "applications")
    term = columns["term_months"]
    assert (term.low, term.high, term.required) == (3, 120, True)
    assert edges(term) == [3, 120]
    assert edges(columns["employment_years"]) == [None]
    assert {breach.what for breach in breaches(term, Random(1))} == {"range", "null", "missing", "type"}
    assert "null" not in {breach.what for breach in breaches(columns["employment_years"], Random(1))}
    assert "set" in {breach.what for breach in breaches(columns["purpose"], Random(1))}
