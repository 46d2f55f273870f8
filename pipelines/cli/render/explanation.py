"""The explanation of a decision.

Belongs here: the form of this result. Does not belong here: the terminal (`console.py`), commands.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipelines.cli import console

if TYPE_CHECKING:  # this import takes seconds, and `--help` does not need it
    from rich.console import Console

_MOST_CONTRIBUTIONS = 10


def show_explanation(found: Mapping[str, Any], to: "Console") -> None:
    """Outcome and score, the reasons with their proofs, the largest contributions, the recourse."""
    decision = found["decision"]
    console.heading(
        f"Decision {decision['decision_id']} of {decision['product']}, version {decision['bundle']}: "
        f"{decision['outcome']}, score {_score(decision['score'])}",
        to,
    )
    for reason in found["reasons"]:
        console.say(f"  · {reason['text']}{_proof(reason)}", to)
    if found["remark"]:
        console.say(f"  {found['remark']}", to)
    if found["contributions"]:
        console.table(
            ["feature", "value", "contribution (log odds)", "score if usual"],
            [
                [one["feature"], _value(one["value"]), f"{one['contribution']:+z.3f}", _score(one["score_if_usual"])]
                for one in found["contributions"][:_MOST_CONTRIBUTIONS]
            ],
            to,
            right=["value", "contribution (log odds)", "score if usual"],
        )
    for line in _recourse_lines(found):
        console.say(f"  {line}", to)


def _recourse_lines(found: Mapping[str, Any]) -> list[str]:
    recourse = found["recourse"]
    if recourse is None:
        return [f"no recourse is given: {found['recourse_remark']}"]
    if recourse["share"] is None:
        return ["without recourse: nothing of this request may change"]
    which = "allowed changes" if recourse["every_change_tried"] else "allowed changes that were tried"
    share = (
        f"{recourse['accepted_changes']:,} of {recourse['allowed_changes']:,} {which} "
        f"({recourse['share']:.1%}), of at most {recourse['at_once']} columns"
    )
    if recourse["without_recourse"]:
        return [f"without recourse: {share}, would have been accepted"]
    change = recourse["counterfactual"]
    words = ", ".join(
        f"{one['column']} {_value(one['to'])} instead of {_value(one['from'])}" for one in change["changes"]
    )
    return [f"accepted with {words}: score {_score(change['score'])}", f"{share}, would have been accepted"]


def _proof(reason: Mapping[str, Any]) -> str:
    if "score_if_usual" not in reason:
        return ""
    together = ", all of these together" if "together" in reason else ""
    return f" (score {_score(reason['score_if_usual'])} if usual{together})"


def _score(score: float | None) -> str:
    return "none" if score is None else f"{score:.3f}"


def _value(value: float | str | None) -> str:
    return "missing" if value is None else value if isinstance(value, str) else f"{value:,.6g}"
