"""The form of a backfill for people: its plan before, and the table of its partitions after.

Belongs here: text for the terminal. Does not belong here: other results (`render`), JSON, which the values make.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from pipelines.cli import console
from resources.errors import listed
from resources.slots import named, slots_between

if TYPE_CHECKING:  # these imports take seconds, and `--help` does not need them
    from rich.console import Console

    from pipelines.operations.loop.backfill import BackfillReport
    from pipelines.operations.loop.backfill_days import PartitionResult
    from pipelines.operations.loop.backfill_plan import Plan
    from resources.slots import Slot

_SHOWN = 10
"""The largest number of partitions in the table."""


def show_plan(plan: "Plan", to: "Console") -> None:
    """The runs with rows and estimated time, what is kept, and what would be stale."""
    console.heading(f"Plan of the backfill of {plan.product}, {plan.days[0]} to {plan.days[1]}", to)
    known = {asset.name: asset for asset in plan.assets}
    lines = []
    for run in plan.runs:
        count = len(slots_between(*run.days))
        for name in run.assets:
            asset, seconds = known[name], known[name].seconds(count)
            lines.append([
                name, _period(plan, run.days) if asset.daily else "as a whole",
                f"{asset.rows:,}" if asset.daily else "", "unknown" if seconds is None else f"{seconds:.1f}",
            ])  # fmt: skip
    slots = f"{named(plan.days[0]).split()[0]}s"
    console.table(["asset", slots, "rows now", "seconds"], lines, to, right=["rows now", "seconds"])
    if plan.resumed:
        kept = sorted(name for name, days in plan.done.days.items() if days)
        console.say(f"goes on with the backfill of {plan.resumed}, which has made {listed(kept) or 'nothing yet'}", to)
    total = "unknown: an asset never ran" if plan.seconds is None else f"{plan.seconds:.0f} s, by earlier runs"
    console.say(f"estimated time: {total}", to)
    _show_stale("if content changes, stale afterwards", plan.product, plan.stale, to)
    if plan.unmade:
        console.say(f"and to be made anew: {listed(plan.unmade)}", to)


def show_backfill(report: "BackfillReport", to: "Console") -> None:
    """How many partitions are unchanged, changed and failed, a line for each of the first ones, and what is stale."""
    by_state: dict[str, list[PartitionResult]] = {"unchanged": [], "changed": [], "failed": []}
    for result in report.results:
        by_state[result.state].append(result)
    counts = ", ".join(f"{len(results):,} {state}" for state, results in by_state.items())
    length = report.partitions.length
    counted = counts if length == "day" else f"of {len(report.results):,} {length}s {counts}"
    console.heading(f"{report.product}, {report.days[0].day} to {report.days[-1].day}: {counted}", to)
    listing = [*by_state["failed"], *by_state["changed"], *by_state["unchanged"]]
    styles = {"unchanged": "dim", "changed": "yellow", "failed": "red"}
    rows = [[one.name, Text(one.state, styles[one.state]), _outcome(one)] for one in listing[:_SHOWN]]
    console.table([length, "", "rows"], rows, to)
    if len(listing) > _SHOWN:
        slots = f"{named(report.days[0].day).split()[0]}s"
        console.say(f"and {len(listing) - _SHOWN:,} more {length}s; --json lists all {slots}", to)
    console.say(f"materialised again: {', '.join(report.assets)}", to)
    _show_stale("stale now", report.product, report.stale, to)


def _period(plan: "Plan", days: "tuple[Slot, Slot]") -> str:
    """The days of a run; of hours, weeks and months also their number."""
    length, count = plan.partitions.length, len(plan.partitions.starts(days))
    counted = "" if length == "day" else f", {count:,} {length}{'' if count == 1 else 's'}"
    return f"{days[0]} to {days[1]}{counted}"


def _outcome(result: "PartitionResult") -> str:
    changes = "; ".join(
        f"{name} {found.added:,} added, {found.removed:,} removed, {found.altered:,} altered"
        for name, found in result.changes.items()
    )
    return "; ".join(part for part in (result.reason, changes) if part)


def _show_stale(when: str, product: str, stale: "Mapping[str, Sequence[Slot]]", to: "Console") -> None:
    if stale:
        found = [
            f"{name}, {len(days):,} {named(days[0]).split()[0]}s from {days[0]} to {days[-1]}"
            for name, days in stale.items()
        ]
        console.say(f"{when}: {listed(found, separator='; ')}; made again by: loopline run {product}", to)
