"""Planned incidents: what they do, that days before them stay as they were, and that nonsense is refused."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest

from resources.sandbox.world.incidents import Incident, SandboxError
from tests.unit.resources.sandbox.conftest import LAST, Home, small
from tests.unit.resources.sandbox.systems.test_source_systems import frame, repayments, table

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


@pytest.mark.parametrize("source", ["applications", "transactions", "bureau_reports", "repayments"])
def test_an_outage_takes_a_days_rows_and_no_others(bank: Home, filled: Filled, source: str) -> None:
    home = filled(Incident(kind="outage", day=DAY, source=source))
    file = {
        "transactions": home.landing / "transactions" / f"{DAY}.csv",
        "bureau_reports": home.bureau / "reports" / f"{DAY}.json",
    }.get(source)
    if file:
        assert not file.exists()
        assert file.with_stem((DAY + timedelta(days=1)).isoformat()).exists()
        return
    usual = frame(bank, source)
    kept = usual[usual.known_at.str[:10] != DAY.isoformat()].reset_index(drop=True)
    assert len(kept) < len(usual)
    pd.testing.assert_frame_equal(frame(home, source).reset_index(drop=True), kept)


@pytest.mark.parametrize(
    ("source", "column"),
    [
        ("applications", "amount"),
        ("transactions", "amount"),
        ("bureau_reports", "utilisation"),
        ("repayments", "days_past_due"),
    ],
)
def test_a_bad_feed_breaks_its_share_of_one_day(bank: Home, filled: Filled, source: str, column: str) -> None:
    last = DAY + timedelta(days=6)
    home = filled(Incident(kind="bad_feed", day=DAY, last_day=last, source=source, share=0.6))
    usual, broken = frame(bank, source), frame(home, source)
    hit = usual[column] != broken[column]
    during = usual.known_at.str[:10].between(DAY.isoformat(), last.isoformat())
    assert not hit[~during].any()
    assert 0.3 < hit[during].mean() < 0.9
    assert (broken[column][hit] < 0).mean() > 0.9
    others = [name for name in usual.columns if name != column]
    pd.testing.assert_frame_equal(usual[others], broken[others])


def test_a_renamed_column_has_its_new_name_from_the_day_on(filled: Filled) -> None:
    home = filled(
        Incident(kind="schema_change", day=DAY, source="transactions", column="category", renamed_to="kind"),
        Incident(kind="schema_change", day=DAY, source="bureau_reports", column="bureau_score", renamed_to="score"),
        Incident(kind="schema_change", day=DAY, source="repayments", column="kind", renamed_to="event"),
    )
    eve = DAY - timedelta(days=1)
    for day, there, gone in ((eve, "category", "kind"), (DAY, "kind", "category"), (LAST, "kind", "category")):
        names = (home.landing / "transactions" / f"{day}.csv").read_text().splitlines()[0].split(",")
        assert there in names
        assert gone not in names
    events = [json.loads(line) for line in (home.stream / "repayments.jsonl").read_text().splitlines()]
    assert {("event" in e, e["known_at"] >= DAY.isoformat()) for e in events} == {(True, True), (False, False)}
    reports = [r for path in sorted((home.bureau / "reports").glob("20*.json")) for r in json.loads(path.read_text())]
    assert {("score" in r, r["known_at"] >= DAY.isoformat()) for r in reports} == {(True, True), (False, False)}


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


def test_a_column_that_the_source_does_not_have_is_refused(filled: Filled) -> None:
    with pytest.raises(SandboxError, match="transactions has no column 'colour'"):
        filled(Incident(kind="schema_change", day=DAY, source="transactions", column="colour", renamed_to="hue"))
