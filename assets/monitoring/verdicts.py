"""The verdicts of monitors, and the causes of a retraining that they give.

Belongs here: the shape of a monitor's verdict and of a cause, the name of a cause, the first day of its episode. Does
not belong here: measuring and judging figures (`distributions.verdict`, `performance.verdicts`), the verdict on a
retraining (`retraining.verdict`), sending an alert (`pipelines.alerting.sensor`).

A missing signal is "unknown" with a reason, never "none": a calm monitor and a dead one must not look alike. Evidence
that is present still counts: a drifted score asks for a retraining even if a feature could not be measured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from assets.product import Verdict

MonitoringAction = Literal["none", "retrain", "alert", "unknown"]
CauseKind = Literal["hand", "performance", "estimated", "drift", "features", "labels", "staleness", "schedule"]
"""What asks for a retraining, the most urgent first."""


@dataclass(frozen=True)
class HeldVerdict(Verdict[MonitoringAction]):
    """A verdict that asks for people, because data faults explain what would ask for a retraining.

    Attributes:
        faults: A sentence for each of them.
    """

    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cause:
    """A possible cause of a retraining, with its verdict.

    Attributes:
        kind: Who reports it.
        key: Unique to this occurrence of the cause (`cause_key`), so that it never starts two runs.
        action, reasons: Those of its verdict.
        since: The first day of its episode, however long it lasts; `None` where it has none.
        evidence: The figures behind the verdict, by name.
        faults: The data faults that explain it, and hold it.
    """

    kind: CauseKind
    key: str
    action: MonitoringAction
    reasons: tuple[str, ...]
    since: date | None = None
    evidence: Mapping[str, float] = field(default_factory=dict)
    faults: tuple[str, ...] = ()


def cause_key(product: str, kind: CauseKind, model_version: str, since: date) -> str:
    """The key of one occurrence of a cause: of this product, kind and model, since this day.

    The same drift, seen again tomorrow, has the same key; a new model or a new episode has another.
    """
    return f"{product}/{kind}/v{model_version}/{since.isoformat()}"


def episode_start(history: Sequence[tuple[date, MonitoringAction]]) -> date | None:
    """The first day of the episode of "retrain" that is still going on; `None` when there is none.

    Args:
        history: Actions by day, in ascending order. An "unknown" day neither begins nor ends an episode.
    """
    start: date | None = None
    for day, action in history:
        if action == "none":
            start = None
        elif action == "retrain" and start is None:
            start = day
    return start


def stale_reason(figures: str, day: date | None, window_days: int, now: datetime) -> str | None:
    """The reason why figures of that day do not describe today; `None` when they do."""
    if day is None:
        return f"there are no {figures}"
    age = (now.date() - day).days
    if age < 0:
        return f"{figures} of {day.isoformat()} lie ahead of the clock"
    if age > window_days:
        return f"{figures} end on {day.isoformat()}, {age} days ago: longer than their window of {window_days} days"
    return None


def first_few(gaps: list[str], shown: int = 3) -> tuple[str, ...]:
    more = len(gaps) - shown
    return (*gaps[:shown], f"and {more} more") if more > 0 else tuple(gaps)
