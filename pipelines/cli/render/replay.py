"""What a replay of decisions found.

Belongs here: the form of these results. Does not belong here: the terminal (`console.py`), commands.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipelines.cli import console

if TYPE_CHECKING:  # these imports take seconds, and `--help` does not need them
    from rich.console import Console

    from assets.replay.features import EventGap
    from pipelines.operations.decisions.replay import ReplayReport


_SHOWN = 20
"""The largest number of decisions that a replay lists."""


def show_replay(report: "ReplayReport", to: "Console") -> None:
    """The counts, the features that differ, and the reason for each decision that differs or waits."""
    counts = {name: len(report.of(name)) for name in ("identical", "waiting", "different", "erased", "void")}
    console.heading(
        f"Replay of {report.product}, {report.where}: {len(report.decisions):,} decisions, "
        f"{counts['identical']:,} identical, {counts['different']:,} different",
        to,
    )
    if report.by_feature():
        console.table(
            ["feature", "decisions", "decision", "logged", "recomputed"],
            [
                [name, len(found), found[0][0].decision_id, found[0][1].recorded, found[0][1].computed]
                for name, found in report.by_feature().items()
            ],
            to,
            right=["decisions"],
        )
    for decision in report.of("different")[:_SHOWN]:
        for line in _gap_lines(decision.parity.gaps):
            console.say(f"  · {decision.decision_id}: {line}", to)
        if decision.parity.remark:
            console.say(f"  · {decision.decision_id}: {decision.parity.remark}", to)
    if counts["different"] > _SHOWN:
        console.say(f"  · {counts['different'] - _SHOWN:,} more differ; --json lists them all", to)
    for decision in report.of("waiting")[:_SHOWN]:
        late = [gap for gap in decision.parity.gaps if gap.waiting]
        why = "; ".join(dict.fromkeys(gap.why for gap in late))
        console.say(f"  · {decision.decision_id} is identical except for {len(late)} posted events that are {why}", to)
    if counts["erased"]:
        console.say(f"  {counts['erased']:,} cannot be compared: their subjects' data were erased", to)
    if counts["void"]:
        console.say(f"  {counts['void']:,} are void: they were not logged in time, and their callers were told", to)


def _gap_lines(gaps: "Sequence[EventGap]") -> list[str]:
    """A line for all events of one source that only the lake or only the store has, for the same reason."""
    alike: dict[tuple[str, str, str], list[EventGap]] = {}
    for gap in gaps:
        alike.setdefault((f"{gap.source} of {gap.key}", gap.held_by, gap.why), []).append(gap)
    lines = []
    for (events, held_by, why), of in alike.items():
        times = sorted(gap.event_time for gap in of)
        when = (
            f"from {times[0].isoformat()} to {times[-1].isoformat()}" if len(of) > 1 else f"at {times[0].isoformat()}"
        )
        count = "one event" if len(of) == 1 else f"{len(of):,} events"
        lines.append(f"{count} of {events} {when}, only in the {held_by}: {why}")
    return lines
