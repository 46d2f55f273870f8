"""The verdict on a retraining: its causes, what it is worth, and what holds it.

Belongs here: pure functions of causes, recorded trainings, a policy and the clock. Does not belong here: finding causes
(`causes.py`, `assets.monitoring.signals`), what a loss costs (`gain.py`), starting a run (`pipelines.runs.requests`),
whether a retraining helped (`helped.py`).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

from assets.monitoring.verdicts import Cause, CauseKind
from assets.product import RetrainPolicy, Verdict

RetrainAction = Literal["none", "retrain", "alert", "wait", "unknown"]
HoldKind = Literal["run in progress", "cooldown", "budget", "labels", "cost", "data fault"]

BUDGET_SPAN = timedelta(days=90)
"""The time of which the policy's budget is."""
_URGENCY: tuple[CauseKind, ...] = get_args(CauseKind)
_OF_LOSS: tuple[CauseKind, ...] = ("performance", "estimated", "drift")
"""The causes that say that the champion earns less than it did; the others are declared, whatever they are worth."""


@dataclass(frozen=True)
class Hold:
    """What keeps a retraining that is asked for from starting.

    Attributes:
        kind: What it is.
        sentence: The same in words for people, with the figures.
        until: When it ends by itself; `None` where it does not, or nobody knows.
    """

    kind: HoldKind
    sentence: str
    until: datetime | None = None


@dataclass(frozen=True)
class RetrainSignals:
    """What is known when a retraining is judged.

    Attributes:
        causes: Every cause that was examined, with its verdict.
        trained: When models were trained, by the product's clock, in any order.
        answered: Keys of causes that earlier runs have answered, with whatever result.
        gain: What a champion as good as at its approval would earn until the next scheduled retraining, in the currency
            of the profit: the most that a retraining is worth. `None` where it is not known.
        gained: Where `gain` comes from, in words; empty where it is not known.
        new_labels: Labels that became final after the champion was trained; `None` where nobody asked.
        in_progress: A run that trains now; `None` where none does.
    """

    causes: tuple[Cause, ...]
    trained: tuple[datetime, ...] = ()
    answered: Collection[str] = ()
    gain: float | None = None
    gained: str = ""
    new_labels: int | None = None
    in_progress: str | None = None

    @property
    def last_trained(self) -> datetime | None:
        """When the last training was; `None` when there has been none."""
        return max(self.trained, default=None)


@dataclass(frozen=True)
class RetrainVerdict(Verdict[RetrainAction]):
    """Whether to train now.

    Attributes:
        run_key: The key of the most urgent cause; `None` unless the action is "retrain".
        causes: Keys of all causes that this run answers; record them with the run, and pass them as `answered` later.
        holds: What holds a retraining that is asked for; data faults also where nothing else asks.
        gain: The most that it is worth, as in the signals.
        cost: What it costs.
    """

    run_key: str | None = None
    causes: tuple[str, ...] = ()
    holds: tuple[Hold, ...] = ()
    gain: float | None = None
    cost: float = 0.0


def retrain_verdict(signals: RetrainSignals, policy: RetrainPolicy, now: datetime) -> RetrainVerdict:
    """Whether a training starts now.

    Returns:
        "retrain" if an unanswered cause asks for a training and nothing holds it, "wait" if something does; else
        "alert" if a cause needs people, as where a data fault explains it; "unknown" if one is unknown, or if the clock
        and the record contradict each other. A cause by hand is held by nothing.
    """
    asking = [cause for cause in signals.causes if cause.action == "retrain"]
    unanswered = sorted((c for c in asking if c.key not in signals.answered), key=lambda c: _URGENCY.index(c.kind))
    kinds = {cause.kind for cause in unanswered}
    if not unanswered:
        return _nothing_asked(signals, asking, policy)
    told = tuple(f"{cause.kind}: {reason}" for cause in unanswered for reason in cause.reasons)
    last = signals.last_trained
    if last is None and not kinds & {"schedule", "hand"}:
        return RetrainVerdict("unknown", ("a live model asks for a training, but none is on record", *told))
    if last is not None and last > now:
        return RetrainVerdict("unknown", (f"the last training, {last.isoformat()}, is ahead of the clock",))
    found = () if "hand" in kinds else holds_of(signals, unanswered, policy, now)
    reasons = (*(hold.sentence for hold in found), *told, worth(signals, policy))
    if found:
        return RetrainVerdict("wait", reasons, holds=found, gain=signals.gain, cost=policy.cost)
    return RetrainVerdict(
        "retrain", reasons, unanswered[0].key, tuple(cause.key for cause in unanswered), (), signals.gain, policy.cost
    )


def holds_of(
    signals: RetrainSignals, causes: Sequence[Cause], policy: RetrainPolicy, now: datetime
) -> tuple[Hold, ...]:
    """What holds a retraining for these causes; also asked before one by hand, which is told and not held."""
    found: list[Hold] = []
    if signals.in_progress is not None:
        found.append(Hold("run in progress", f"a retraining is under way: run {signals.in_progress}"))
    last = signals.last_trained
    if last is not None and now - last < policy.cooldown:
        until = last + policy.cooldown
        told = f"trained less than {_span(policy.cooldown)} ago: wait until {until.isoformat(timespec='minutes')}"
        found.append(Hold("cooldown", told, until))
    within = sorted(one for one in signals.trained if now - BUDGET_SPAN < one <= now)
    if len(within) >= policy.budget:
        until = within[-policy.budget] + BUDGET_SPAN
        told = (
            f"{len(within)} trainings in {BUDGET_SPAN.days} days, and the budget is {policy.budget}: wait until "
            f"{until.isoformat(timespec='minutes')}, or train by hand"
        )
        found.append(Hold("budget", told, until))
    only_losses = all(cause.kind in _OF_LOSS for cause in causes)
    if only_losses and policy.needed_labels:
        found += _too_few_labels(signals.new_labels, policy.needed_labels)
    if only_losses and signals.gain is not None and signals.gain < policy.cost:
        told = f"it costs {policy.cost:,.0f} and is worth {signals.gain:,.0f} at most until the next scheduled one"
        found.append(Hold("cost", told))
    return tuple(found)


def worth(signals: RetrainSignals, policy: RetrainPolicy) -> str:
    """What a retraining is worth beside its cost, in words."""
    if signals.gain is None:
        return f"worth: not known; it costs {policy.cost:,.0f}"
    return f"worth {signals.gain:,.0f} at most ({signals.gained}); it costs {policy.cost:,.0f}"


def _too_few_labels(known: int | None, needed: int) -> list[Hold]:
    if known is None:
        told = f"nobody knows how many labels became final since the champion was trained; {needed} are needed"
    elif known < needed:
        told = f"{known} labels became final since the champion was trained; {needed} are needed to learn the change"
    else:
        return []
    return [Hold("labels", told)]


def _nothing_asked(signals: RetrainSignals, asking: Sequence[Cause], policy: RetrainPolicy) -> RetrainVerdict:
    by_action = {
        action: [f"{one.kind}: {reason}" for one in signals.causes if one.action == action for reason in one.reasons]
        for action in ("alert", "unknown", "none")
    }
    answered = [f"{cause.kind}: already answered by a run ({cause.key})" for cause in asking]
    faults = dict.fromkeys(fault for cause in signals.causes for fault in cause.faults)
    holds = tuple(Hold("data fault", fault) for fault in faults)
    if not signals.causes:
        return RetrainVerdict("unknown", ("no cause was examined",))
    if by_action["alert"]:
        reasons = (*by_action["alert"], *by_action["unknown"], *answered)
        return RetrainVerdict("alert", reasons, holds=holds, gain=signals.gain, cost=policy.cost)
    if by_action["unknown"]:
        return RetrainVerdict("unknown", (*by_action["unknown"], *answered), gain=signals.gain, cost=policy.cost)
    return RetrainVerdict("none", (*answered, *by_action["none"]), gain=signals.gain, cost=policy.cost)


def _span(span: timedelta) -> str:
    hours = span / timedelta(hours=1)
    return f"{hours / 24:.0f} days" if hours >= 48 else f"{hours:.0f} hours"
