"""The life of an alert: opened, told, repeated, escalated, acknowledged, silenced, resolved.

Belongs here: the state of an alert as a frozen value, and what happens to it next, as pure functions of state, policy
and time. Does not belong here: keeping states (`book.py`), delivering (`targets.py`), doing both (`desk.py`).
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from resources.alerts.policy import AlertError, AlertPolicy
from resources.notifications import Alert, Severity

StepAction = Literal["open", "worse", "escalate", "repeat", "resolve", "hold"]
"""What is told next; `hold` tells nothing."""

_RANKS: tuple[Severity, ...] = ("info", "warning", "error")


@dataclass(frozen=True)
class Mark:
    """What a person said about an alert.

    Attributes:
        by: The person's name.
        reason: Why.
        at: When.
        until: When a silence ends; `None` for an acknowledgement, which holds as long as the alert.
    """

    by: str
    reason: str
    at: datetime
    until: datetime | None = None


@dataclass(frozen=True)
class AlertState:
    """One alert, from its first sight to its end.

    Attributes:
        alert: What was told or is to be told, as last seen.
        owner: Who answers for it now.
        severity: The present one; higher than the alert's own once it was escalated.
        opened_at, seen_at: When it was seen for the first and for the last time.
        sent_at: When it was told last; `None` for never.
        sent_severity: The severity that was told last; `None` for never.
        escalated_at: When it was escalated; `None` if it was not.
        acknowledged, silence: What people said of it.
        resolved_at, resolution: When and why it ended; `None` and empty while it stands.
        claimed_until: A process is about to tell it, and no other may until then.
        reached: The targets that have the message that is under way.
    """

    alert: Alert
    owner: str
    severity: Severity
    opened_at: datetime
    seen_at: datetime
    sent_at: datetime | None = None
    sent_severity: Severity | None = None
    escalated_at: datetime | None = None
    acknowledged: Mark | None = None
    silence: Mark | None = None
    resolved_at: datetime | None = None
    resolution: str = ""
    claimed_until: datetime | None = None
    reached: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether it stands."""
        return self.resolved_at is None

    def is_silent(self, now: datetime) -> bool:
        """Whether a silence holds."""
        return self.silence is not None and self.silence.until is not None and now < self.silence.until


@dataclass(frozen=True)
class Step:
    """What is told next, and why."""

    action: StepAction
    reason: str


def seen(state: AlertState | None, alert: Alert, owner: str, now: datetime) -> AlertState:
    """The state after the alert was seen: a new one, or the standing one with its newest content.

    Args:
        state: Of the same case; `None` for none. One that has ended is followed by a new one, under the silence of the
            old one while that lasts.
        owner: Who answers where the alert names nobody.
    """
    if state is None or not state.is_open:
        silence = state.silence if state is not None and state.is_silent(now) else None
        return AlertState(alert, alert.owner or owner, alert.severity, now, now, silence=silence)
    raised = max(state.severity, alert.severity, key=_RANKS.index)
    reached = state.reached if alert == state.alert else ()
    return replace(state, alert=alert, severity=raised, seen_at=now, reached=reached)


def next_alert(state: AlertState, policy: AlertPolicy, now: datetime) -> tuple[AlertState, Step]:
    """What is to be told of an alert now, and the state with which it is told.

    The state that is returned for an action other than `hold` is what `told` makes of a delivery that succeeded.
    """
    if state.silence is not None and state.is_silent(now):
        return state, Step("hold", f"silenced by {state.silence.by} until {_minutes(state.silence.until)}")
    if not state.is_open:
        if state.sent_at is None or state.sent_at >= (state.resolved_at or now):
            return state, Step("hold", f"ended: {state.resolution}")
        return state, Step("resolve", state.resolution)
    if state.sent_at is None or state.sent_severity is None:
        return state, Step("open", "not told yet")
    if _RANKS.index(state.severity) > _RANKS.index(state.sent_severity):
        return state, Step("worse", f"was {state.sent_severity}, is {state.severity}")
    if state.acknowledged is not None:
        return state, Step("hold", f"acknowledged by {state.acknowledged.by}")
    if state.escalated_at is None and now - state.opened_at >= policy.escalate_after:
        return _escalated(state, policy, now), Step("escalate", f"nobody has acknowledged it for {_span(now, state)}")
    if now - state.sent_at >= policy.repeat:
        return state, Step("repeat", f"stands for {_span(now, state)}")
    return state, Step("hold", f"told at {_minutes(state.sent_at)}")


def told(state: AlertState, severity: Severity, now: datetime) -> AlertState:
    """The state after every target has the message. An alert of severity `info` is news, and ends with it."""
    done = replace(
        state, sent_at=now, sent_severity=severity, claimed_until=None, reached=()
    )  # fmt: skip
    return resolved(done, "told", now) if severity == "info" and done.is_open else done


def resolved(state: AlertState, why: str, now: datetime) -> AlertState:
    """The state of an alert that has ended; one that had ended before stays as it is."""
    return replace(state, resolved_at=now, resolution=why, reached=()) if state.is_open else state


def silenced(state: AlertState, mark: Mark, now: datetime) -> AlertState:
    """The state under a silence.

    Raises:
        AlertError: It ends in the past, or names nobody or no reason.
    """
    _check(mark)
    if mark.until is None or mark.until <= now:
        raise AlertError(f"a silence until {mark.until} has ended already; give a time after {_minutes(now)}")
    return replace(state, silence=mark)


def acknowledged(state: AlertState, mark: Mark) -> AlertState:
    """The state once a person has said that they look after it: it is told again only when it is worse, or ended.

    Raises:
        AlertError: The alert has ended, or the mark names nobody or no reason.
    """
    _check(mark)
    if not state.is_open:
        raise AlertError(f"{state.alert.case} has ended ({state.resolution}); there is nothing to acknowledge")
    return replace(state, acknowledged=mark)


def message_of(state: AlertState, step: Step) -> Alert:
    """The alert as it is told: with the present owner and severity; again, escalated or ended it says so first."""
    alert = replace(state.alert, owner=state.owner, severity=state.severity)
    if step.action == "open":
        return alert
    if step.action == "resolve":
        return replace(alert, title=f"ended: {alert.title}", message=step.reason, remedy="")
    words = {"worse": "worse", "escalate": "escalated", "repeat": "still"}
    return replace(alert, title=f"{words[step.action]}: {alert.title}", message=f"{step.reason}. {alert.message}")


def _escalated(state: AlertState, policy: AlertPolicy, now: datetime) -> AlertState:
    higher = _RANKS[min(_RANKS.index(state.severity) + 1, len(_RANKS) - 1)]
    return replace(state, severity=higher, owner=policy.escalate_to or state.owner, escalated_at=now)


def _check(mark: Mark) -> None:
    if not mark.by.strip() or not mark.reason.strip():
        raise AlertError("give --by NAME and --reason TEXT; both are recorded")


def _minutes(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"


def _span(now: datetime, state: AlertState) -> str:
    hours = (now - state.opened_at) / timedelta(hours=1)
    return f"{hours / 24:.0f} days" if hours >= 48 else f"{hours:.1f} hours"
