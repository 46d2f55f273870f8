"""The form of traffic for people: its plan, its counts while it runs, its result.

Belongs here: text for the terminal. Does not belong here: other results (`render`), JSON, which the values make.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pipelines.cli import console

if TYPE_CHECKING:  # these imports take seconds, and `--help` does not need them
    from rich.console import Console

    from pipelines.operations.traffic.drive import TrafficReport
    from pipelines.operations.traffic.pace import Pace
    from pipelines.operations.traffic.tally import Summary


def show_plan(product: str, pace: "Pace", rows: int, *, again: bool) -> None:
    """What will be sent, and whether the rows suffice; before the first request, as progress."""
    console.heading(f"Traffic for {product}: {pace.requests:,} requests, {pace.rate:g} a second; Ctrl-C ends it")
    if rows < pace.requests:
        repeated = "they are sent again" if again else "the traffic ends then; --again repeats them"
        console.say(f"{rows:,} rows last for {rows / pace.rate:.1f} s: {repeated}", mark="idle")


def show_counts(lately: "Summary") -> None:
    """A line of progress: the counts since the last line."""
    parts = [f"{lately.sent:,} sent", *_troubles(lately), f"{lately.decided:,} decided", *_latency(lately)]
    parts += [_counted(counts) for counts in (lately.outcomes, lately.roles) if counts]
    console.say(f"{lately.seconds:>6.0f} s  " + "; ".join(parts), mark="warning" if _troubles(lately) else "idle")


def show_traffic(report: "TrafficReport", to: "Console") -> None:
    """The counts of the whole, and the first text of each refusal."""
    counts, why = report.summary, {"complete": "", "out of rows": ", out of rows", "interrupted": ", interrupted"}
    sent = f"{counts.sent:,} of {report.pace.requests:,} requests sent in {counts.seconds:.1f} s"
    console.heading(f"{report.product}: {sent}{why[report.ended]}", to)
    shown = [
        ("decided", f"{counts.decided:,}" + "".join(f", {part}" for part in _latency(counts))),
        ("refused", _counted(counts.refused)),
        ("unanswered", _counted(counts.unanswered)),
        ("held back", f"{counts.held_back:,}" if counts.held_back else ""),
        ("fallbacks", _counted(counts.fallbacks) or "none"),
        ("outcomes", _counted(counts.outcomes)),
        ("roles", _counted(counts.roles)),
        ("bundles", _counted({f"version {name}": count for name, count in counts.bundles.items()})),
    ]
    console.table(["", ""], [[name, text] for name, text in shown if text], to)
    for kind, said in counts.said.items():
        console.say(f"  · {kind}: {said}", to)


def _troubles(counts: "Summary") -> list[str]:
    """What became of requests that were not decided by a model."""
    found = [("refused", counts.refused), ("unanswered", counts.unanswered), ("fallback", counts.fallbacks)]
    told = [f"{word} {_counted(of)}" for word, of in found if of]
    return [f"{counts.held_back:,} held back", *told] if counts.held_back else told


def _latency(counts: "Summary") -> list[str]:
    if counts.p50_ms is None or counts.p99_ms is None:
        return []
    return [f"p50 {counts.p50_ms:.1f} ms", f"p99 {counts.p99_ms:.1f} ms"]


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {counts[name]:,}" for name in sorted(counts))
