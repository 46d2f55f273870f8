"""The plan and the result of a backfill, as people read them, of products made by the day, the month, the hour."""

import io
from datetime import date

from rich.console import Console

from assets.product import Partitions
from assets.product.partitions import Partition
from pipelines.cli.render.backfill import show_backfill, show_plan
from pipelines.operations.loop.backfill import BackfillReport
from pipelines.operations.loop.backfill_days import DayResult
from pipelines.operations.loop.backfill_plan import Plan, PlannedAsset
from resources.lake.differences import RowChanges
from resources.naming import days_between
from resources.slots import checked_slot, slots_between

FIRST, LAST = date(2026, 1, 15), date(2026, 3, 31)
CHANGED = {date(2026, 2, 3): RowChanges(1, 0, 2), date(2026, 2, 4): RowChanges(10, 3, 0)}


def shown(length: Partition) -> tuple[list[str], list[str], BackfillReport]:
    """The lines of a plan, and of a report in which two days have changed and a third has failed."""
    partitions = Partitions(length, FIRST)
    days = [
        DayResult(day, {"raw": CHANGED[day]} if day in CHANGED else {}, "no file" if day == LAST else "")
        for day in days_between(FIRST, LAST)
    ]
    report = BackfillReport("shop", partitions, ("raw",), tuple(days), {})
    texts = []
    for show in (
        lambda to: show_plan(Plan("shop", partitions, (FIRST, LAST), (PlannedAsset("raw", True),)), to),
        lambda to: show_backfill(report, to),
    ):
        to = Console(record=True, width=200, file=io.StringIO())
        show(to)
        texts.append([line.strip() for line in to.export_text().splitlines() if line.strip()])
    return texts[0], texts[1], report


def test_days_are_shown_by_the_month_where_a_month_is_made() -> None:
    plan, result, report = shown("month")
    assert any("2026-01-15 to 2026-03-31, 3 months" in line for line in plan)
    assert result[0] == "shop, 2026-01-15 to 2026-03-31: of 3 months 1 unchanged, 1 changed, 1 failed"
    assert [line.split()[:2] for line in result[2:5]] == [
        ["2026-03", "failed"], ["2026-02", "changed"], ["2026-01", "unchanged"],
    ]  # fmt: skip
    assert "raw 11 added, 3 removed, 2 altered" in result[3]
    assert report.sentence == "1 of 3 months failed: 2026-03; the first one: no file"
    assert (report.to_dict()["partition"], len(report.to_dict()["days"])) == ("month", 76)


def test_days_are_shown_by_the_day_where_a_day_is_made() -> None:
    plan, result, report = shown("day")
    assert any("2026-01-15 to 2026-03-31  " in line for line in plan)
    assert result[0] == "shop, 2026-01-15 to 2026-03-31: 73 unchanged, 2 changed, 1 failed"
    assert [line.split()[:2] for line in result[2:5]] == [
        ["2026-03-31", "failed"], ["2026-02-03", "changed"], ["2026-02-04", "changed"],
    ]  # fmt: skip
    assert report.sentence == "1 of 76 days failed: 2026-03-31; the first one: no file"


def test_hours_are_shown_by_the_hour() -> None:
    hours = slots_between(checked_slot("2026-03-01-22:00"), checked_slot("2026-03-02-09:00"))
    days = tuple(DayResult(hour, {}, "no file" if hour == hours[2] else "") for hour in hours)
    report = BackfillReport("shop", Partitions("hour", FIRST), ("raw",), days, {"scores": hours[1:3]})
    plan = Plan("shop", Partitions("hour", FIRST), (hours[0], hours[-1]), (PlannedAsset("raw", True),))
    said = []
    for show in (lambda to: show_plan(plan, to), lambda to: show_backfill(report, to)):
        to = Console(record=True, width=200, file=io.StringIO())
        show(to)
        said.append(to.export_text())
    assert "2026-03-01-22:00 to 2026-03-02-09:00, 12 hours" in said[0]
    assert "of 12 hours 11 unchanged, 0 changed, 1 failed" in said[1]
    assert "and 2 more hours; --json lists all hours" in said[1]
    assert "scores, 2 hours from 2026-03-01-23:00 to 2026-03-02-00:00" in said[1]
    assert report.sentence == "1 of 12 hours failed: 2026-03-02-00:00; the first one: no file"
