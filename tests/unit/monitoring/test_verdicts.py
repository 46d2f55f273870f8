from datetime import date, timedelta

import pytest

from assets.monitoring.verdicts import MonitoringAction, cause_key, episode_start

DAY = date(2026, 3, 1)


def test_a_cause_is_named_by_product_kind_model_and_first_day() -> None:
    names = {
        cause_key("p", "drift", "3", DAY),
        cause_key("q", "drift", "3", DAY),
        cause_key("p", "performance", "3", DAY),
        cause_key("p", "drift", "4", DAY),
        cause_key("p", "drift", "3", DAY + timedelta(days=1)),
    }
    assert len(names) == 5


@pytest.mark.parametrize(
    ("letters", "start"),
    [
        ("", None),
        ("nnn", None),
        ("nrr", 1),
        ("nrurr", 1),
        ("rrnrr", 3),
        ("rrn", None),
        ("rru", 0),
        ("uur", 2),
    ],
)
def test_an_episode_begins_once_and_gaps_do_not_break_it(letters: str, start: int | None) -> None:
    actions: dict[str, MonitoringAction] = {"n": "none", "r": "retrain", "u": "unknown"}
    history = [(DAY + timedelta(days=i), actions[letter]) for i, letter in enumerate(letters)]
    assert episode_start(history) == (None if start is None else DAY + timedelta(days=start))
