"""What a run of the loop did, as text and as JSON: stages, gates, champion, decision, what to run next.

Belongs here: the form of these results. Does not belong here: the terminal (`console.py`), commands.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.text import Text

from pipelines.cli import console
from pipelines.cli.render.services import show_waiting

if TYPE_CHECKING:  # these imports take seconds, and `--help` does not need them
    from rich.console import Console

    from assets.bundle.bundle import Bundle
    from pipelines.operations.loop.load_store import Loaded
    from pipelines.operations.loop.run_loop import LoopReport


def report_json(report: "LoopReport") -> dict[str, Any]:
    """The JSON object of `run` and `demo`."""
    champion = report.champion
    return {
        "product": report.product.name,
        "from": str(report.first),
        "to": str(report.last),
        "stages": [vars(stage) for stage in report.stages],
        "gates": [{k: gate[k] for k in ("name", "value", "threshold", "passed")} for gate in report.gates],
        "champion": None if champion is None else {"version": champion.version, **_headline(champion)},
        "waiting": None if report.waiting is None else dict(report.waiting),
        "made": list(report.materialised),
        "wall_seconds": round(report.wall_seconds, 1),
    }


def show_report(report: "LoopReport", to: "Console") -> None:
    """The stages, the champion's gates and the champion."""
    console.heading(f"Stages, {report.first} to {report.last}", to)
    console.table(
        ["asset", "rows", "seconds", ""],
        [
            [s.name, f"{s.rows:,}", f"{s.seconds:.1f}", "" if s.name in report.materialised else "up to date"]
            for s in report.stages
        ],
        to,
        right=["rows", "seconds"],
    )
    if report.champion is not None:
        show_gates("Gates of the champion", report.gates, to)
        test = report.champion.parts.metrics["metrics"]["test"]
        tested = "later rows" if report.product.model.split == "time" else "rows chosen at random"
        ((name, value),) = _headline(report.champion).items()
        told = "unknown" if value is None else f"{value:.3f}"
        console.heading(
            f"Champion: version {report.champion.version}, {_HEADLINES.get(name, name)} {told} on {test['rows']:,} "
            f"{tested}",
            to,
        )
    if report.waiting is not None:
        show_waiting({report.product.name: report.waiting}, to)
    console.say(f"  {report.wall_seconds:.0f} s", to)


_HEADLINES = {"auc": "AUC"}


def _headline(champion: "Bundle") -> dict[str, float | None]:
    """The figure by which people know a model, by its name."""
    from assets.bundle.headline import named_figures

    return dict([next(iter(named_figures(champion.parts.metrics).items()))])


def show_gates(heading: str, gates: Sequence[Mapping[str, Any]], to: "Console") -> None:
    """A line for each gate; a value that could not be computed is unknown, and one that was not asked for has none."""
    states = {True: Text("passed", "green"), False: Text("failed", "red"), None: Text("not asked", "dim")}
    console.heading(heading, to)
    console.table(
        ["gate", "value", "", "threshold", ""],
        [
            [g["name"], _gate_value(g),
             "≥" if g["comparison"] == "at_least" else "≤", f"{g['threshold']:g}",
             states[g["passed"]]]
            for g in gates
        ],
        to,
        right=["value"],
    )  # fmt: skip


def _gate_value(gate: Mapping[str, Any]) -> str:
    if gate["passed"] is None:
        return ""
    return "unknown" if gate["value"] is None else f"{gate['value']:.4g}"


def show_loaded(found: "Loaded", to: "Console") -> None:
    """Version and rows, and a line for each source: the end of its loaded days, and the missing day after them."""
    console.heading(f"Online store of {found.product}: {found.rows:,} events, version {found.version}", to)
    for source, until in found.watermarks.items():
        lacking = found.lacking.get(source)
        line = f"{source:<20} until {until}" + (f"; {lacking} was never materialised" if lacking else "")
        console.say(line, to, mark="failed" if lacking else "done")


def decision_json(decision: dict[str, Any]) -> dict[str, Any]:
    """The decision in the JSON object of `run` and `demo`: the answer, with its id also as `id`."""
    return {"id": decision["decision_id"], **decision}


def show_decision(decision: dict[str, Any], to: "Console") -> None:
    """Outcome, score and the texts of the reasons."""
    score = "none" if decision["score"] is None else f"{decision['score']:.3f}"
    console.heading(f"Decision {decision['decision_id']}: {decision['outcome']}, score {score}", to)
    for reason in decision["reasons"]:
        console.say(f"  · {reason['text']}", to)


def show_next(report: "LoopReport", others: Sequence[str], to: "Console") -> None:
    """Suggests commands to run after the demonstration.

    Args:
        others: The products that were not demonstrated.
    """
    product, first = report.product.name, report.last.replace(day=1)
    commands = [
        ("loopline up", "Dagster, MLflow and the decision service, with their addresses"),
        *((f"loopline run {other}", "another product") for other in others),
        (f"loopline backfill {product} --from {first} --to {first.replace(day=7)}", ""),
        (f"loopline tables {product}", "what is in the lake"),
    ]
    console.heading("What next", to)
    for command, purpose in commands:
        console.say(f"  {command:<36} {purpose}".rstrip(), to)
