"""How results are shown: as text for people, as JSON for scripts.

Belongs here: the form of a report, a decision and a service's state. Does not belong here: the terminal itself
(`console.py`), commands (`cli.py`).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.text import Text

from pipelines.cli import console

if TYPE_CHECKING:  # seconds of imports that `--help` does not need
    from rich.console import Console

    from pipelines.operations.doctor import Finding
    from pipelines.operations.load_store import Loaded
    from pipelines.operations.run_loop import LoopReport
    from pipelines.operations.tables import TableFacts
    from pipelines.services.lifecycle import ServiceStatus


def report_json(report: "LoopReport") -> dict[str, Any]:
    """What `run` and `demo` print with --json."""
    champion = report.champion
    return {
        "product": report.product.name,
        "from": report.first.isoformat(),
        "to": report.last.isoformat(),
        "stages": [vars(stage) for stage in report.stages],
        "gates": [{k: gate[k] for k in ("name", "value", "threshold", "passed")} for gate in report.gates],
        "champion": None
        if champion is None
        else {"version": champion.version, "auc": champion.parts.metrics["metrics"]["test"]["auc"]},
        "made": list(report.made),
        "wall_seconds": round(report.wall_seconds, 1),
    }


def show_report(report: "LoopReport", to: "Console") -> None:
    """Stages, gates and champion."""
    console.heading(f"Stages, {report.first} to {report.last}", to)
    console.table(
        ["asset", "rows", "seconds", ""],
        [
            [s.name, f"{s.rows:,}", f"{s.seconds:.1f}", "" if s.name in report.made else "was there"]
            for s in report.stages
        ],
        to,
        right=["rows", "seconds"],
    )
    if report.champion is not None:
        console.heading("Gates of the champion", to)
        console.table(
            ["gate", "value", "", "threshold", ""],
            [
                [g["name"], f"{g['value']:.4g}", "≥" if g["comparison"] == "at_least" else "≤", f"{g['threshold']:g}",
                 Text("passed", "green") if g["passed"] else Text("failed", "red")]
                for g in report.gates
            ],
            to,
            right=["value"],
        )  # fmt: skip
        test = report.champion.parts.metrics["metrics"]["test"]
        console.heading(
            f"Champion: version {report.champion.version}, AUC {test['auc']:.3f} on {test['rows']:,} later rows",
            to,
        )
    console.say(f"  {report.wall_seconds:.0f} s", to)


def show_loaded(found: "Loaded", to: "Console") -> None:
    """Version and rows, and a line a source: until when its events are known, and what it lacks."""
    console.heading(f"Online store of {found.product}: {found.rows:,} events, version {found.version}", to)
    for source, until in found.loaded_until.items():
        lacking = found.lacking.get(source)
        line = f"{source:<20} until {until}" + (f"; {lacking} was never made" if lacking else "")
        console.say(line, to, mark="failed" if lacking else "done")


def show_decision(decision: dict[str, Any], to: "Console") -> None:
    """Outcome, score and reasons in words."""
    score = "none" if decision["score"] is None else f"{decision['score']:.3f}"
    console.heading(f"Decision {decision['decision_id']}: {decision['outcome']}, score {score}", to)
    for reason in decision["reasons"]:
        console.say(f"  · {reason['text']}", to)


def show_next(to: "Console") -> None:
    """What one may do after the demonstration."""
    console.heading("What next", to)
    for line in (
        "loopline up                          Dagster, MLflow and the decision service, with their addresses",
        "loopline run card_fraud              the second product",
        "loopline backfill credit_risk --from 2026-09-01 --to 2026-09-07",
        "loopline tables credit_risk          what is in the lake",
    ):
        console.say(f"  {line}", to)


def show_tables(found: Sequence["TableFacts"], to: "Console") -> None:
    """One line a table."""
    console.table(
        ["table", "version", "partitions", "last partition", "rows", "content", "last commit"],
        [
            [t.name, t.version, t.partitions, t.last_partition or "", f"{t.rows:,}", t.content_hash[:12],
             t.last_commit[:19]]
            for t in found
        ],
        to,
        right=["version", "partitions", "rows"],
    )  # fmt: skip


def show_findings(found: Sequence["Finding"], to: "Console") -> None:
    """One line a finding of the doctor, with what mends it."""
    for finding in found:
        remedy = "" if finding.ok else f" → {finding.remedy}"
        console.say(f"{finding.name:<18} {finding.detail}{remedy}", to, mark="done" if finding.ok else "failed")


def show_service(service: "ServiceStatus", to: "Console") -> None:
    """One line a service."""
    marks: dict[str, console.Mark] = {"running": "done", "stopped": "idle"}
    line = f"{service.name:<10} {service.state:<8} {service.address} {service.detail}".rstrip()
    console.say(line, to, mark=marks.get(service.state, "failed"))


def services_json(found: Sequence["ServiceStatus"]) -> dict[str, Any]:
    """What `up`, `down` and `status` print with --json."""
    return {"services": [vars(service) for service in found]}
