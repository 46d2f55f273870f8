"""Whether a retraining helped, and what else may be wrong where it did not.

Belongs here: a pure function of what became of the retraining. Does not belong here: whether one starts (`verdict.py`),
reading runs, bundles and figures (`pipelines.runs.retrainings`), the gates (`assets.evaluation.gates`).

A new model that cannot be told from the one before has cost what a retraining costs and mended nothing; and a cause
that asks again for the new model was none that the old rows could answer.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from assets.monitoring.verdicts import CauseKind
from assets.product import Verdict

HelpAction = Literal["helped", "no help", "open", "unknown"]
Fate = Literal["refused", "in rollout", "waits", "rolled back", "decides", "succeeded"]
LOSSES: frozenset[CauseKind] = frozenset({"performance", "estimated", "drift"})
"""The causes that a retraining is to make go away."""


@dataclass(frozen=True)
class Compared:
    """The new model and the one before on the same rows, or on the decisions of the same days.

    Attributes:
        new, before: The AUC of each.
        low, high: The 95% interval of `new - before`; `None` where there is none.
        rows: Which rows, in words.
    """

    new: float
    before: float
    rows: str
    low: float | None = None
    high: float | None = None

    @property
    def sentence(self) -> str:
        """Both figures, with the interval of the difference."""
        interval = "" if self.low is None or self.high is None else f" (95%: {self.low:+z.3f} to {self.high:+z.3f})"
        return f"AUC {self.new:.3f}, {self.before:.3f} before: {self.new - self.before:+z.3f}{interval}, {self.rows}"


@dataclass(frozen=True)
class Retraining:
    """What became of a retraining.

    Attributes:
        kinds: What asked for it.
        since: The first day of the episode that asked; `None` where none did.
        trained_at: When it trained, by the product's clock; `None` if it did not come so far.
        version: The version that it registered; `None` where its checks refused the model.
        fate: Where that version stands.
        refused: What the checks said.
        compared: The new model beside the one before; the later is the weightier.
        asks_again: The causes that ask for the new champion now.
        faults: The data faults that stand.
        maturity: How long a label takes to be final.
    """

    kinds: frozenset[CauseKind]
    since: date | None
    trained_at: datetime | None
    version: str | None
    fate: Fate
    refused: tuple[str, ...] = ()
    compared: tuple[Compared, ...] = ()
    asks_again: frozenset[CauseKind] = frozenset()
    faults: tuple[str, ...] = ()
    maturity: timedelta = timedelta(0)


def help_verdict(found: Retraining) -> Verdict[HelpAction]:
    """Whether the retraining made better what asked for it.

    Returns:
        "open" while the new version is on its way; "helped" if its figures are better beyond chance, or if nothing had
        been lost and they are not worse; "no help" if it was refused or taken out, if the same cause asks again, or if
        it cannot be told from the model before, with what else may be wrong; "unknown" without figures.
    """
    name = f"version {found.version}"
    if found.fate == "refused":
        return _no_help(found, tuple(f"its checks refused the model: {one}" for one in found.refused))
    if found.fate in ("in rollout", "waits"):
        where = "is in its rollout" if found.fate == "in rollout" else "waits for an approver"
        return Verdict("open", (f"{name} {where}: nobody knows yet whether it helps",))
    if found.fate == "rolled back":
        return _no_help(found, (f"{name} was taken out of serving",))
    if found.fate == "succeeded":
        return Verdict("unknown", (f"{name} decided until a later version took its place",))
    again = sorted(found.kinds & LOSSES & found.asks_again)
    if again:
        told = tuple(f"{kind} asks for a retraining of {name} too" for kind in again)
        return _no_help(found, (*told, *(one.sentence for one in found.compared)))
    if not found.compared:
        return Verdict("unknown", (f"{name} decides, and no figure of it stands beside one of the model before",))
    last, sentences = found.compared[-1], tuple(one.sentence for one in reversed(found.compared))
    if last.low is not None and last.low > 0.0:
        return Verdict("helped", sentences)
    if last.high is not None and last.high < 0.0:
        return _no_help(found, (f"{name} ranks worse than the model before", *sentences))
    if found.kinds & LOSSES:
        return _no_help(found, (f"{name} cannot be told from the model before", *sentences))
    return Verdict("helped", (f"nothing had been lost, and {name} is not worse than the model before", *sentences))


def _no_help(found: Retraining, reasons: tuple[str, ...]) -> Verdict[HelpAction]:
    return Verdict("no help", (*reasons, *suspicions(found)))


def suspicions(found: Retraining) -> tuple[str, ...]:
    """What else may be wrong, the most likely first; at least one."""
    told = [f"what else may be wrong: a data fault stands: {fault}" for fault in found.faults]
    if found.since is not None and found.trained_at is not None:
        begun = datetime(found.since.year, found.since.month, found.since.day, tzinfo=UTC)
        final = begun + found.maturity
        if found.trained_at < final:
            told.append(
                f"what else may be wrong: the change is too young: labels of rows since {found.since} are final from "
                f"{final:%Y-%m-%d} on, and the model learned from rows before it"
            )
    if found.kinds == {"drift"}:
        told.append(
            "what else may be wrong: nothing is lost: rows moved and the model ranks them as before; a change that is "
            "meant is declared in MonitoringPolicy(accepted=...)"
        )
    told.append(
        "what else may be wrong: the features do not tell what changed: compare the slices of group_performance, and "
        "add a source or a feature that does"
    )
    return tuple(told)
