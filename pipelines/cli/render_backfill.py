"""The form of a backfill for people: its plan before, and the table of its days after.

Belongs here: text for the terminal. Does not belong here: other results (`render.py`), JSON, which the values make.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from pipelines.cli import console
from resources.errors import listed

if TYPE_CHECKING:  # these imports take seconds, and `--help` does not need them
    from datetime import date

    from rich.console import Console

    from pipelines.operations.loop.backfill import BackfillReport
    from pipelines.operations.loop.backfill_days import DayResult
    from pipelines.operations.loop.backfill_plan import Plan

_SHOWN = 10
"""The largest number of days in the table."""


def show_plan(plan: "Plan", to: "Console") -> None:
    """The runs with rows and estimated time, what is kept, and what would be stale."""
    console.heading(f"Plan of the backfill of {plan.product}, {plan.days[0]} to {plan.days[1]}", to)
    known = {asset.name: asset for asset in plan.assets}
    lines = []
    for run in plan.runs:
        count = (run.days[1] - run.days[0]).days + 1
        for name in run.assets:
            asset, seconds = known[name], known[name].seconds(count)
            lines.append([
                name, f"{run.days[0]} to {run.days[1]}" if asset.daily else "as a whole",
                f"{asset.rows:,}" if asset.daily else "", "unknown" if seconds is None else f"{seconds:.1f}",
            ])  # fmt: skip
    console.table(["asset", "days", "rows now", "seconds"], lines, to, right=["rows now", "seconds"])
    if plan.resumed:
        kept = sorted(name for name, days in plan.done.days.items() if days)
        console.say(f"goes on with the backfill of {plan.resumed}, which has made {listed(kept) or 'nothing yet'}", to)
    total = "unknown: an asset never ran" if plan.seconds is None else f"{plan.seconds:.0f} s, by earlier runs"
    console.say(f"estimated time: {total}", to)
    _show_stale("if content changes, stale afterwards", plan.product, plan.stale, to)
    if plan.unmade:
        console.say(f"and to be made anew: {listed(plan.unmade)}", to)


def show_backfill(report: "BackfillReport", to: "Console") -> None:
    """How many days are unchanged, changed and failed, a line for each of the first of these, and what is stale."""
    by_state: dict[str, list[DayResult]] = {"unchanged": [], "changed": [], "failed": []}
    for day in report.days:
        by_state[day.state].append(day)
    counts = ", ".join(f"{len(days):,} {state}" for state, days in by_state.items())
    console.heading(f"{report.product}, {report.days[0].day} to {report.days[-1].day}: {counts}", to)
    listing = [*by_state["failed"], *by_state["changed"], *by_state["unchanged"]]
    styles = {"unchanged": "dim", "changed": "yellow", "failed": "red"}
    rows = [[day.day, Text(day.state, styles[day.state]), _outcome(day)] for day in listing[:_SHOWN]]
    console.table(["day", "", "rows"], rows, to)
    if len(listing) > _SHOWN:
        console.say(f"and {len(listing) - _SHOWN:,} more days; --json lists them all", to)
    console.say(f"materialised again: {', '.join(report.assets)}", to)
    _show_stale("stale now", report.product, report.stale, to)


def _outcome(day: "DayResult") -> str:
    changes = "; ".join(
        f"{name} {found.added:,} added, {found.removed:,} removed, {found.altered:,} altered"
        for name, found in day.changes.items()
    )
    return "; ".join(part for part in (day.reason, changes) if part)


def _show_stale(when: str, product: str, stale: "Mapping[str, Sequence[date]]", to: "Console") -> None:
    if stale:
        found = [f"{name}, {len(days):,} days from {days[0]} to {days[-1]}" for name, days in stale.items()]
        console.say(f"{when}: {listed(found, separator='; ')}; made again by: loopline run {product}", to)
