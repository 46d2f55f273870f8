"""The details of an explanation: the contribution of every feature, and the recourse.

Belongs here: both as JSON values, and why one is not given. Does not belong here: the reasons in words, finding record
and bundle (`explainer.py`), searching a recourse (`recourse.py`).
"""

from typing import Any

from assets.bundle.bundle import BundleParts
from assets.bundle.scorer import Scorer
from assets.serving.decision import CannotReplay, Decision
from assets.serving.earlier.recourse import recourse_of
from assets.serving.judgement import Case
from assets.serving.reasons import by_feature


def no_details(why: str) -> dict[str, Any]:
    """The details of a decision that has none, and why."""
    return {"contributions": [], "recourse": None, "recourse_remark": why}


def details_of(record: Decision, scorer: Scorer) -> dict[str, Any]:
    """The details of a decision whose score is that of its bundle's model.

    Raises:
        CannotReplay: The recorded request gets another score.
        ModelError: The model failed.
    """
    parts = scorer.bundle.parts
    if record.score is None:
        return no_details(f"a knock-out took it before its features were computed: {', '.join(record.rules)}")
    if record.fallback is not None:
        return no_details("the model failed then, and its scorecard decided")
    return {"contributions": _contributions(record, scorer), **_recourse(record, scorer, parts)}


def _contributions(record: Decision, scorer: Scorer) -> list[dict[str, Any]]:
    """Every feature with its value and contribution, the largest first, and the score if it had the usual value."""
    parts = scorer.bundle.parts
    matrix = scorer.encode_row({name: record.features[name] for name in parts.kernel.features.names})
    totals = by_feature(scorer.contributions(matrix)[0], parts.encoder.sources)
    ordered = sorted(totals, key=lambda name: (-abs(totals[name]), name))
    usual: list[float | None] = [None] * len(ordered)
    if parts.usual is not None:
        rows = parts.usual.replaced(matrix, [(name,) for name in ordered], parts.encoder.places)
        usual = scorer.score(rows).tolist()
    return [
        {"feature": name, "value": record.features[name], "contribution": totals[name], "score_if_usual": score}
        for name, score in zip(ordered, usual, strict=True)
    ]


def _recourse(record: Decision, scorer: Scorer, parts: BundleParts) -> dict[str, Any]:
    if record.outcome == parts.policy.accept:
        return {"recourse": None, "recourse_remark": "it was accepted"}
    if parts.recourse is None:
        return {"recourse": None, "recourse_remark": "its product declares no recourse"}
    case = Case(record.row_id, record.as_of, record.inputs, record.keys)
    found = recourse_of(case, record.features, scorer, parts.recourse)
    if found.score != record.score:
        raise CannotReplay(
            f"decision {record.id}: its request has the score {found.score} now, recorded {record.score}"
        )
    return {"recourse": found.to_dict(record.inputs), "recourse_remark": ""}
