"""The life of an alert, as a pure function of its state, the policy and the time."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from resources.alerts.life import (
    AlertState,
    Mark,
    acknowledged,
    message_of,
    next_alert,
    resolved,
    seen,
    silenced,
    told,
)
from resources.alerts.policy import AlertError, AlertPolicy
from resources.notifications import Alert

T = datetime(2026, 10, 1, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)
POLICY = AlertPolicy(repeat=timedelta(days=1), escalate_after=4 * HOUR, escalate_to="head@bank.example")
ALERT = Alert(
    severity="warning", title="daily failed", product="credit_risk", message="no file", kind="run_failed",
    subject="credit_risk_daily", episode="2026-09-30",
)  # fmt: skip
ACK = Mark("ada", "on it", T)


def fresh(alert: Alert = ALERT) -> AlertState:
    return seen(None, alert, "owner@bank.example", T)


def tell(state: AlertState, at: datetime) -> tuple[AlertState, str]:
    """What is told at a time, delivered at once."""
    state, step = next_alert(state, POLICY, at)
    return (state, "hold") if step.action == "hold" else (told(state, state.severity, at), step.action)


def test_it_is_told_once_repeated_each_day_and_escalated_once() -> None:
    state, actions = fresh(), list[tuple[int, str]]()
    for hour in range(60):
        state, action = tell(seen(state, ALERT, "", T + hour * HOUR), T + hour * HOUR)
        actions += [(hour, action)] if action != "hold" else []
    assert actions == [(0, "open"), (4, "escalate"), (28, "repeat"), (52, "repeat")]
    assert (state.severity, state.owner) == ("error", "head@bank.example")


def test_who_acknowledges_is_left_in_peace_until_it_is_worse() -> None:
    state, _ = tell(fresh(), T)
    state = acknowledged(state, ACK)
    assert {tell(state, T + hour * HOUR)[1] for hour in range(1, 100)} == {"hold"}
    worse = seen(state, replace(ALERT, severity="error"), "", T + HOUR)
    assert tell(worse, T + HOUR)[1] == "worse"


def test_a_silence_holds_until_its_end_and_over_the_next_of_its_case() -> None:
    until = Mark("ada", "known outage", T, T + 5 * HOUR)
    state = silenced(fresh(), until, T)
    assert tell(state, T + HOUR)[1] == "hold"
    assert tell(state, T + 5 * HOUR)[1] == "open"
    again = seen(resolved(state, "made again", T + HOUR), ALERT, "o", T + 2 * HOUR)
    assert (again.opened_at, tell(again, T + 2 * HOUR)[1]) == (T + 2 * HOUR, "hold")
    later = seen(resolved(state, "made again", T + HOUR), ALERT, "o", T + 6 * HOUR)
    assert tell(later, T + 6 * HOUR)[1] == "open"


def test_its_end_is_told_once_to_those_who_heard_of_it() -> None:
    unheard = resolved(fresh(), "made again", T + HOUR)
    assert tell(unheard, T + HOUR)[1] == "hold"
    heard = resolved(tell(fresh(), T)[0], "made again", T + HOUR)
    after, action = tell(heard, T + HOUR)
    assert (action, tell(after, T + 2 * HOUR)[1]) == ("resolve", "hold")
    _, step = next_alert(heard, POLICY, T + HOUR)
    ended = message_of(heard, step)
    assert (ended.title, ended.message, ended.severity) == ("ended: daily failed", "made again", "warning")
    assert resolved(after, "another reason", T + 9 * HOUR) == after


def test_an_alert_after_the_end_is_a_new_one() -> None:
    old = acknowledged(tell(fresh(), T)[0], ACK)
    new = seen(resolved(old, "made again", T + HOUR), ALERT, "owner@bank.example", T + 2 * HOUR)
    assert (new.opened_at, new.acknowledged, new.sent_at) == (T + 2 * HOUR, None, None)


def test_news_are_told_and_end_with_it() -> None:
    state, action = tell(fresh(replace(ALERT, severity="info")), T)
    assert (action, state.is_open, state.resolution) == ("open", False, "told")
    assert tell(state, T + HOUR)[1] == "hold"


def test_it_is_not_told_again_because_its_words_change() -> None:
    state, _ = tell(fresh(), T)
    assert tell(seen(state, replace(ALERT, message="no file, run 2"), "", T + HOUR), T + HOUR)[1] == "hold"


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda: silenced(fresh(), Mark("ada", "r", T, T), T), "has ended already"),
        (lambda: silenced(fresh(), Mark("ada", " ", T, T + HOUR), T), "--reason TEXT"),
        (lambda: acknowledged(fresh(), Mark("", "r", T)), "--by NAME"),
        (lambda: acknowledged(resolved(fresh(), "made again", T), ACK), "nothing to acknowledge"),
        (lambda: AlertPolicy(repeat=timedelta(0)), "repeat=.*write a positive time"),
    ],
)
def test_what_makes_no_sense_is_refused(act: Callable[[], object], words: str) -> None:
    with pytest.raises(AlertError, match=words):
        act()


def test_a_case_is_a_word_and_tells_occurrences_apart() -> None:
    assert ALERT.case == "credit_risk/run_failed/credit_risk_daily/2026-09-30"
    odd = Alert(kind="data_fault", severity="error", title="data fault: a.b all_null", product="p", message="m")
    assert odd.case == "p/data_fault/data-fault:-a.b-all_null"
    assert replace(ALERT, run_id="2", message="other", severity="error").case == ALERT.case
    assert replace(ALERT, episode="2026-10-01").case != ALERT.case
