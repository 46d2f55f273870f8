"""Declined decisions of the live service, and the judge of what they were told.

Belongs here: sending requests until enough are declined, holding each reason and each counterfactual against the
exported model's runner and the live service. Does not belong here: which products and how many, assertions.

The judge reads the answers of HTTP, the words of `product.py` and the runner of `loopline export-model`, which is other
code than the service's. Ids and times are the service's own: no request names a row or a moment.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assets.bundle.bundle import Bundle
from assets.edge.score import Model
from assets.product import Recourse, Words
from tests.support.servers.serving_process import Service

_OTHER = "\x02a value that is not declared"
_SERVICES = ("as_of",)
Told = dict[str, Any]


@dataclass(frozen=True)
class Declined:
    """A declined decision.

    Attributes:
        request: As it was sent.
        answer: What the service answered.
        told: What `GET /decisions/ID` says of it.
    """

    request: Mapping[str, Any]
    answer: Told
    told: Told


@dataclass(frozen=True)
class Bench:
    """A live product.

    Attributes:
        bundle: The one that decides.
        words: The declared words of each feature.
        recourse: The declared policy; `None` where the product has none.
        requests: Without end.
        model: The exported model's runner.
    """

    service: Service
    product: str
    bundle: Bundle
    words: Mapping[str, str | Words]
    recourse: Recourse | None
    requests: Iterator[dict[str, Any]]
    model: Model

    def decide(self, request: Mapping[str, Any]) -> Told:
        """The service's decision; id and time are its own."""
        status, answer = self.service.post("/decide", {"product": self.product, "request": request})
        assert status == 200, answer
        return answer

    def declined(self, count: int) -> list[Declined]:
        """So many declined decisions, with what the service tells of each."""
        found: list[Declined] = []
        while len(found) < count:
            request = {name: value for name, value in next(self.requests).items() if name not in _SERVICES}
            answer = self.decide(request)
            if answer["outcome"] == self.bundle.policy.refuse:
                status, text = self.service.get(f"/decisions/{answer['decision_id']}")
                assert status == 200, text
                found.append(Declined(request, answer, json.loads(text)))
        return found

    def score(self, features: Mapping[str, Any]) -> float:
        """The score of a row of features, by the runner."""
        return float(self.model.scores([features])[0][0])

    def usual(self, feature: str) -> Any:
        """The usual value of a feature; its own where the bundle has none."""
        encoder, usual = self.bundle.parts.encoder, self.bundle.parts.usual
        assert usual is not None
        place = encoder.places[feature]
        cells = usual.cells[place]
        if feature not in encoder.categories:
            return cells[0]
        if cells[0] is None:
            return None
        return next((value for value, cell in zip(encoder.categories[feature], cells, strict=True) if cell), _OTHER)


@dataclass
class Findings:
    """What the judge counted, and every fault.

    Attributes:
        silent: Reasons whose words claim no direction.
    """

    decisions: int = 0
    by_rule: int = 0
    reasons: int = 0
    silent: int = 0
    together: int = 0
    unproved: int = 0
    counterfactuals: int = 0
    without_recourse: int = 0
    faults: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """The counts."""
        return {name: value for name, value in vars(self).items() if name != "faults"}


def judged(bench: Bench, declined: list[Declined]) -> Findings:
    """Judges every reason and every counterfactual."""
    found = Findings()
    for one in declined:
        found.decisions += 1
        fault = found.faults.append
        who = one.answer["decision_id"]
        shown = [reason for reason in one.answer["reasons"] if "rule" not in reason]
        if one.answer["score"] is None or one.answer["score"] < bench.bundle.policy.threshold:
            found.by_rule += 1
            if shown or not one.answer["reasons"]:
                fault(f"{who}: a rule declined, and the reasons are {one.answer['reasons']}")
        elif not shown:
            fault(f"{who}: the score declined, and no reason says so")
        for problem in _reasons(bench, one, shown, found):
            fault(f"{who}: {problem}")
        for problem in _recourse(bench, one, found):
            fault(f"{who}: {problem}")
    return found


def _reasons(bench: Bench, one: Declined, shown: list[Told], found: Findings) -> Iterator[str]:
    if not shown:
        return
    features, score = one.told["decision"]["features"], one.answer["score"]
    if bench.score(features) != score:
        yield f"the runner gives {bench.score(features)}, the service {score}"
    if len({reason["text"] for reason in shown}) != len(shown):
        yield "a sentence is said twice"
    group = [reason["feature"] for reason in shown if reason.get("together")]
    for reason in shown:
        found.reasons += 1
        name = reason["feature"]
        if reason.get("score_if_usual") is None:
            found.unproved += 1
            if reason["text"] != bench.bundle.parts.kernel.features.describe(name):
                yield f"{name} is not proved, and its words claim: {reason['text']}"
            continue
        found.together += name in group
        replaced = {each: bench.usual(each) for each in (group if name in group else [name])}
        again = bench.score({**features, **{each: value for each, value in replaced.items() if value is not None}})
        if not again < score:
            yield f"{name}: with its usual value the score is {again}, not below {score}"
        if again != reason["score_if_usual"]:
            yield f"{name}: the runner gives {again}, the reason says {reason['score_if_usual']}"
        yield from _direction(bench, name, features[name], reason["text"], found)


def _direction(bench: Bench, name: str, value: Any, text: str, found: Findings) -> Iterator[str]:
    """Whether the words say on which side of the usual value the value is."""
    words, usual = bench.words.get(name), bench.usual(name)
    description = bench.bundle.parts.kernel.features.describe(name)
    if value is None:
        found.silent += 1
        if not text.startswith("Nothing is known of this"):
            yield f"{name} is missing, and its words are: {text}"
        return
    if isinstance(words, Words):
        wanted = words.high if value > usual else words.low if value < usual else None
        found.silent += wanted is None
        if text != (wanted or description):
            yield f"{name} is {value}, usual is {usual}, and its words are: {text}"
        return
    found.silent += 1
    if text != (words or description):
        yield f"{name}: its words are {text}, declared is {words or description}"


def _recourse(bench: Bench, one: Declined, found: Findings) -> Iterator[str]:
    recourse, inputs = one.told["recourse"], one.told["decision"]["inputs"]
    if bench.recourse is None or one.answer["score"] is None:
        if recourse is not None:
            yield f"there is a recourse: {recourse}"
        return
    if recourse is None:
        yield f"there is no recourse: {one.told['recourse_remark']}"
        return
    share = recourse["accepted_changes"] / recourse["allowed_changes"] if recourse["allowed_changes"] else None
    if recourse["share"] != share:
        yield f"the share is {recourse['share']} of {recourse}"
    counterfactual = recourse["counterfactual"]
    if recourse["without_recourse"] != (counterfactual is None):
        yield f"it is marked {recourse['without_recourse']}, and has {counterfactual}"
    if counterfactual is None:
        found.without_recourse += 1
        return
    found.counterfactuals += 1
    changes = {change["column"]: change["to"] for change in counterfactual["changes"]}
    if not 1 <= len(changes) <= bench.recourse.at_once:
        yield f"{len(changes)} columns change"
    for name, value in changes.items():
        if not allowed(bench.recourse, name, inputs[name], value):
            yield f"{name} changes from {inputs[name]} to {value}, against {bench.recourse.columns[name]}"
    again = bench.decide({**one.request, **changes})
    if (again["outcome"], again["score"]) != (bench.bundle.policy.accept, counterfactual["score"]):
        yield f"with {changes} the service answers {again['outcome']} at {again['score']}: {counterfactual}"


def allowed(recourse: Recourse, name: str, present: Any, value: Any) -> bool:
    """Whether the policy allows a change, by its declaration alone."""
    change = recourse.columns[name]
    if change.way == "never" or present is None or value == present:
        return False
    if isinstance(present, str):
        return not change.to or value in change.to
    rises = value > present
    return (
        (change.way != "fall" or not rises)
        and (change.way != "rise" or rises)
        and (change.low is None or value >= change.low)
        and (change.high is None or value <= change.high)
        and (change.by is None or abs(value - present) <= change.by * abs(present) * (1 + 1e-12))
        and math.isclose(value / change.step, round(value / change.step), abs_tol=1e-6)
    )


def exported(bundle: Bundle, folder: Path, key: bytes) -> Model:
    """The runner of the bundle, exported as `loopline export-model` does."""
    from assets.edge.export import export_model

    export_model(bundle, folder, key, "float32")
    return Model(folder)
