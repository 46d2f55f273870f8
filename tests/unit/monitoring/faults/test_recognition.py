"""Planted data faults are recognised by name, from fingerprints alone; quiet days have none."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets.monitoring.faults.finding import FAULT_KINDS, Finding
from assets.monitoring.faults.fingerprint import Fingerprint, fingerprint
from assets.monitoring.faults.recognition import RowSet, faults_of_day
from assets.monitoring.faults.storage import fingerprint_table, fingerprints_of
from tests.support.data.faulty_cards import PLANTED, Edit, column, day_of_number, quiet_day

CARDS = RowSet("card_transactions", times=("event_time",))
KEY, PLAIN = ("transaction_id",), ("transaction_id", "card_id")
BEFORE = 28


def counted(rows: pa.Table) -> Fingerprint:
    rows = rows.drop_columns(["day"])
    return fingerprint(rows, rows.column_names, KEY, plain=PLAIN)


def quiet(numbers: Sequence[int]) -> dict[date, Mapping[str, Fingerprint]]:
    return {day_of_number(number): {CARDS.name: counted(quiet_day(number))} for number in numbers}


QUIET = quiet(range(BEFORE))


def judged(edits: Sequence[Edit], *, first: int = BEFORE) -> list[tuple[Finding, ...]]:
    """The findings of each of the days from the number on, of which each has a planted fault."""
    days, found, known = dict(QUIET), list[tuple[Finding, ...]](), list[Finding]()
    for number, edit in enumerate(edits, start=first):
        day = day_of_number(number)
        days[day] = {CARDS.name: counted(edit(quiet_day(number)))}
        found.append(faults_of_day(day, [CARDS], days, known).findings)
        known += found[-1]
    return found


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_recognised_by_name_on_its_day_and_nothing_else_is(name: str) -> None:
    kind, place, edit = PLANTED[name]
    (findings,) = judged([edit])
    assert [(one.kind, one.column, one.since) for one in findings] == [(kind, place, day_of_number(BEFORE))]
    assert findings[0].sentence.startswith(f"{kind}: {findings[0].place} ")


def test_every_kind_is_planted() -> None:
    assert {kind for kind, _, _ in PLANTED.values()} == set(FAULT_KINDS)


def test_the_figures_name_factor_values_and_hours() -> None:
    def figures(name: str) -> Mapping[str, object]:
        ((finding,),) = judged([PLANTED[name][2]])
        return finding.figures

    assert figures("cents")["factor"] == 100
    assert figures("thousands")["factor"] == 0.001
    assert figures("pounds")["factor"] == pytest.approx(2.2, abs=0.15)
    assert figures("sign")["factor"] == -1
    assert (figures("renamed")["old"], figures("renamed")["new"]) == ("FR", "FRA")
    assert figures("new")["new"] == "NL"
    assert figures("clock")["hours"] == 1
    assert figures("rounded")["step"] == 1
    assert figures("gone")["rows"] == 0


def test_a_fault_that_stays_is_the_same_fault_and_one_that_is_mended_is_gone() -> None:
    cents, quiet_again = PLANTED["cents"][2], lambda rows: rows
    days = judged([cents, cents, cents, quiet_again])
    since = day_of_number(BEFORE)
    assert [[(one.kind, one.since) for one in day] for day in days] == [[("scaled", since)]] * 3 + [[]]
    assert len({one.key for day in days for one in day}) == 1


@pytest.mark.parametrize("name", ["all null", "constant", "cents", "thousands", "sign", "rounded", "gone"])
def test_a_source_with_twenty_rows_a_day_is_judged_too(name: str) -> None:
    """As the applications of a small bank."""
    kind, place, edit = PLANTED[name]
    days = {day_of_number(n): {CARDS.name: counted(quiet_day(n, 22))} for n in range(BEFORE)}
    known: list[Finding] = []
    for n in range(BEFORE, BEFORE + 2):
        days[day_of_number(n)] = {CARDS.name: counted(edit(quiet_day(n, 22)))}
        known += faults_of_day(day_of_number(n), [CARDS], days, known).findings
    assert {(one.kind, one.column) for one in known} == {(kind, place)}


def test_a_clock_that_few_events_leave_open_is_told_on_the_second_day() -> None:
    """With 400 events a day an hour's shift is certain from two days together."""
    days = {day_of_number(n): {CARDS.name: counted(quiet_day(n, 400))} for n in range(BEFORE)}
    known: list[Finding] = []
    told = []
    for n in range(BEFORE, BEFORE + 2):
        days[day_of_number(n)] = {CARDS.name: counted(PLANTED["clock"][2](quiet_day(n, 400)))}
        known += faults_of_day(day_of_number(n), [CARDS], days, known).findings
        told.append([(one.kind, one.figures["hours"]) for one in known])
    assert told[-1] == [("clock_shifted", 1)]


def test_summer_time_is_no_fault_of_a_clock() -> None:
    """From 29 March on people live an hour earlier by UTC; a week before, an hour earlier is a wrong clock."""
    earlier = column("event_time", lambda values: pc.subtract(values, pa.scalar(timedelta(hours=1), pa.duration("us"))))

    def kinds(number: int) -> list[tuple[str, object]]:
        day = day_of_number(number)
        days = dict(QUIET) | {day: {CARDS.name: counted(earlier(quiet_day(number)))}}
        return [(one.kind, one.figures["hours"]) for one in faults_of_day(day, [CARDS], days, []).findings]

    assert kinds(20) == [("clock_shifted", -1)]
    assert kinds(BEFORE) == []


def test_a_day_that_was_never_made_is_told_the_day_after() -> None:
    days = dict(QUIET)
    late = day_of_number(BEFORE + 1)
    days[late] = {CARDS.name: counted(quiet_day(BEFORE + 1))}
    (finding,) = faults_of_day(late, [CARDS], days, []).findings
    assert (finding.kind, finding.since) == ("feed_missing", day_of_number(BEFORE))
    there = replace(CARDS, made=frozenset({day_of_number(BEFORE)}))
    assert faults_of_day(late, [there], days, []).findings == (), "the day of another source was missing"


def test_a_few_days_are_no_history() -> None:
    few = dict(list(QUIET.items())[-5:])
    day = day_of_number(BEFORE)
    few[day] = {CARDS.name: counted(PLANTED["cents"][2](quiet_day(BEFORE)))}
    found = faults_of_day(day, [CARDS], few, [])
    assert (found.findings, found.unjudged) == ((), (CARDS.name,))


def test_weeks_of_quiet_days_have_no_fault() -> None:
    nothing: list[Edit] = [lambda rows: rows] * 21
    assert judged(nothing) == [()] * 21


def test_fingerprints_come_back_from_their_table_and_hold_no_key() -> None:
    table = fingerprint_table(QUIET)
    assert fingerprints_of(table) == QUIET
    assert not [text for text in table["counts"].to_pylist() if text and ("K1" in text or "transaction" in text)]
