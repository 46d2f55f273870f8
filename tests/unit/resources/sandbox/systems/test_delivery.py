"""Delivery: an outage, a bad feed and a schema change touch their days and no others."""

import json
from collections.abc import Callable
from datetime import date, timedelta

import pandas as pd
import pytest

from resources.sandbox.world.incidents import Incident, SandboxError
from tests.unit.resources.sandbox.conftest import LAST, Home
from tests.unit.resources.sandbox.frames import frame

DAY = date(2025, 11, 12)
Filled = Callable[..., Home]


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


def test_a_column_that_the_source_does_not_have_is_refused(filled: Filled) -> None:
    with pytest.raises(SandboxError, match="transactions has no column 'colour'"):
        filled(Incident(kind="schema_change", day=DAY, source="transactions", column="colour", renamed_to="hue"))
