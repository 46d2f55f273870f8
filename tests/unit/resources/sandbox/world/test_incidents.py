"""Planned incidents: the effect on people, unchanged days before them, and refusals."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest

from resources.sandbox.world.incidents import Incident, SandboxError
from tests.unit.resources.sandbox.conftest import Home, small
from tests.unit.resources.sandbox.frames import frame, repayments, table

DAY = date(2025, 11, 12)
Filled = Callable[..., Home]


def before(home: Home, source: str, day: date) -> pd.DataFrame:
    """Rows that became known before the day."""
    rows = frame(home, source)
    return rows[rows.known_at < day.isoformat()].reset_index(drop=True)


@pytest.mark.parametrize("kind", ["drift", "shock"])
def test_nothing_changes_before_the_day(bank: Home, filled: Filled, kind: Any) -> None:
    home = filled(Incident(kind=kind, day=DAY))
    for source in ("applications", "consents", "transactions", "bureau_reports", "repayments"):
        pd.testing.assert_frame_equal(before(home, source, DAY), before(bank, source, DAY))


def test_drift_lowers_incomes_and_raises_loans_from_its_day(bank: Home, filled: Filled) -> None:
    home = filled(Incident(kind="drift", day=DAY, strength=0.5))
    for source, column, low, high in (
        ("applications", "income_monthly", 0.45, 0.55),
        ("applications", "amount", 1.15, 1.35),
    ):
        usual, drifted = (frame(place, source) for place in (bank, home))
        after = usual.known_at >= DAY.isoformat()
        assert low < drifted[column][after].mean() / usual[column][after].mean() < high
    pay = [
        f[(f.category == "salary") & (f.event_time >= DAY.isoformat())].amount.mean()
        for f in (frame(bank, "transactions"), frame(home, "transactions"))
    ]
    assert pay[1] / pay[0] == pytest.approx(0.5, abs=0.02)


def test_drift_ends_on_its_last_day(bank: Home, filled: Filled) -> None:
    end = DAY + timedelta(days=13)
    home = filled(Incident(kind="drift", day=DAY, last_day=end))
    usual, drifted = table(bank, "applications"), table(home, "applications")
    changed = usual.income_monthly != drifted.income_monthly
    assert changed.any()
    assert set(usual.known_at[changed].str[:10]) <= {(DAY + timedelta(days=n)).isoformat() for n in range(14)}


def test_a_shock_turns_more_loans_bad(bank: Home, filled: Filled) -> None:
    home = filled(Incident(kind="shock", day=DAY, strength=3.0))
    usual, shocked = (f.application_id[f.kind == "missed"].nunique() for f in (repayments(bank), repayments(home)))
    assert shocked > 1.3 * usual


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kind": "flood"}, "kind 'flood' is unknown; one of"),
        ({"kind": "outage"}, "needs a source, one of"),
        ({"kind": "drift", "source": "transactions"}, "takes no source"),
        ({"kind": "outage", "source": "weather"}, "source 'weather' is unknown"),
        ({"kind": "bad_feed", "source": "transactions", "share": 0.0}, "share 0.0 must be above 0"),
        ({"kind": "bad_feed", "source": "consents"}, "have no number to break"),
        ({"kind": "drift", "strength": 0.95}, "strength 0.95"),
        ({"kind": "shock", "strength": -1.0}, "strength -1.0"),
        ({"kind": "outage", "source": "transactions", "last_day": date(2025, 11, 1)}, "is before day"),
        ({"kind": "schema_change", "source": "transactions"}, "needs column and renamed_to"),
        (
            {"kind": "schema_change", "source": "applications", "column": "age", "renamed_to": "years"},
            "is a database table",
        ),
        (
            {"kind": "schema_change", "source": "repayments", "column": "known_at", "renamed_to": "seen_at"},
            "rename another column",
        ),
    ],
)
def test_nonsense_is_refused_in_words(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(SandboxError, match=message):
        Incident(day=DAY, **wrong)


def test_a_day_outside_the_period_is_refused() -> None:
    with pytest.raises(SandboxError, match="drift on 2030-01-01 is outside 2025-10-01 to 2025-12-31"):
        small(Incident(kind="drift", day=date(2030, 1, 1)))
