"""The verdicts on recorded figures: retrain, ask people, or neither.

Belongs here: pure functions of recorded signals, a policy and the clock. Does not belong here: measuring and judging
figures (`distributions.verdict`, `performance.verdicts`), starting a run (`pipelines.sensors`) or sending an alert
(`pipelines.alert_sensor`).

A missing signal is "unknown" with a reason, never "none": a calm monitor and a dead one must not look alike. Evidence
that is present still counts: a drifted score asks for a retraining even if a feature could not be measured.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from assets.product import RetrainPolicy, Verdict

MonitoringAction = Literal["none", "retrain", "alert", "unknown"]
RetrainAction = Literal["none", "retrain", "alert", "wait", "unknown"]
CauseKind = Literal["performance", "estimated", "drift", "schedule"]

_URGENCY: tuple[CauseKind, ...] = ("performance", "estimated", "drift", "schedule")


@dataclass(frozen=True)
class Cause:
    """A possible cause of a retraining, with its verdict.

    Attributes:
        kind: The monitor that reports it.
        key: Unique to this occurrence of the cause (`cause_key`), so that it never starts two runs.
        action, reasons: Those of the monitor's verdict.
    """

    kind: CauseKind
    key: str
    action: MonitoringAction
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class RetrainVerdict(Verdict[RetrainAction]):
    """Whether to train now.

    Attributes:
        run_key: The key of the most urgent cause; `None` unless the action is "retrain".
        causes: Keys of all causes that this run answers; record them with the run, and pass them as `answered` later.
    """

    run_key: str | None = None
    causes: tuple[str, ...] = ()


def retrain_verdict(
    causes: Sequence[Cause],
    last_trained_at: datetime | None,
    policy: RetrainPolicy,
    now: datetime,
    *,
    answered: Collection[str] = (),
) -> RetrainVerdict:
    """Whether a training starts now.

    Args:
        causes: The causes with their verdicts.
        last_trained_at: When the last training started; `None` when there has been none.
        answered: Keys of causes that earlier runs have answered, with whatever result.

    Returns:
        "retrain" if an unanswered cause asks for a training, "wait" if it asks within the cooldown; else "alert" if one
        needs people, as where a data fault explains it; "unknown" if one is unknown, or if the clock and the record
        contradict each other.
    """
    asking = [cause for cause in causes if cause.action == "retrain"]
    unanswered = sorted((cause for cause in asking if cause.key not in answered), key=lambda c: _URGENCY.index(c.kind))
    if not unanswered:
        return _nothing_asked(causes, asking)
    reasons = tuple(f"{cause.kind}: {reason}" for cause in unanswered for reason in cause.reasons)
    if last_trained_at is None and all(cause.kind != "schedule" for cause in unanswered):
        return RetrainVerdict("unknown", ("a live model asks for a training, but none is on record", *reasons))
    if last_trained_at is not None and last_trained_at > now:
        return RetrainVerdict("unknown", (f"the last training, {last_trained_at.isoformat()}, is ahead of the clock",))
    if last_trained_at is not None and now - last_trained_at < policy.cooldown:
        until = (last_trained_at + policy.cooldown).isoformat(timespec="minutes")
        return RetrainVerdict("wait", (f"trained less than {_span(policy.cooldown)} ago: wait until {until}", *reasons))
    return RetrainVerdict(
        "retrain", reasons, run_key=unanswered[0].key, causes=tuple(cause.key for cause in unanswered)
    )


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


def _nothing_asked(causes: Sequence[Cause], asking: Sequence[Cause]) -> RetrainVerdict:
    alerts = [f"{cause.kind}: {reason}" for cause in causes if cause.action == "alert" for reason in cause.reasons]
    unknown = [f"{cause.kind}: {reason}" for cause in causes if cause.action == "unknown" for reason in cause.reasons]
    answered = [f"{cause.kind}: already answered by a run ({cause.key})" for cause in asking]
    if not causes:
        return RetrainVerdict("unknown", ("no cause was examined",))
    if alerts:
        return RetrainVerdict("alert", (*alerts, *unknown, *answered))
    if unknown:
        return RetrainVerdict("unknown", (*unknown, *answered))
    calm = [f"{cause.kind}: {reason}" for cause in causes if cause.action == "none" for reason in cause.reasons]
    return RetrainVerdict("none", (*answered, *calm))


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


def _span(span: timedelta) -> str:
    hours = span / timedelta(hours=1)
    return f"{hours / 24:.0f} days" if hours >= 48 else f"{hours:.0f} hours"
