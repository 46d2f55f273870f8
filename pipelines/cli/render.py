"""The form of results: as text for people, as JSON for scripts.

Belongs here: a function for each kind of result. Does not belong here: the terminal (`console.py`), commands.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.text import Text

from pipelines.cli import console

if TYPE_CHECKING:  # these imports take seconds, and `--help` does not need them
    from rich.console import Console

    from assets.replay.features import EventGap
    from pipelines.operations.check_product import CheckReport
    from pipelines.operations.doctor import Finding
    from pipelines.operations.loop.load_store import Loaded
    from pipelines.operations.loop.run_loop import LoopReport
    from pipelines.operations.new_product import NewProduct
    from pipelines.operations.replay import ReplayReport
    from pipelines.operations.tables import TableFacts
    from pipelines.services.states import ServiceStatus
    from resources.dependencies import Dependency

_SHOWN = 20
"""The largest number of decisions that a replay lists."""


def report_json(report: "LoopReport") -> dict[str, Any]:
    """The JSON object of `run` and `demo`."""
    champion = report.champion
    return {
        "product": report.product.name,
        "from": str(report.first),
        "to": str(report.last),
        "stages": [vars(stage) for stage in report.stages],
        "gates": [{k: gate[k] for k in ("name", "value", "threshold", "passed")} for gate in report.gates],
        "champion": None
        if champion is None
        else {"version": champion.version, "auc": champion.parts.metrics["metrics"]["test"]["auc"]},
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
        console.heading(
            f"Champion: version {report.champion.version}, AUC {test['auc']:.3f} on {test['rows']:,} {tested}",
            to,
        )
    if report.waiting is not None:
        show_waiting({report.product.name: report.waiting}, to)
    console.say(f"  {report.wall_seconds:.0f} s", to)


def new_json(product: "NewProduct") -> dict[str, Any]:
    """The JSON object of `new`."""
    draft = product.draft
    return {
        "product": draft.name,
        "folder": str(product.folder),
        "files": product.lines,
        "sources": {source.name: source.sample.shown for source in draft.sources},
        "guessed": list(draft.guessed),
    }


def show_new(product: "NewProduct", to: "Console") -> None:
    """The files, what was guessed, and the next command."""
    draft = product.draft
    console.heading(f"Product {draft.name} in {product.folder}", to)
    console.table(["file", "lines"], [[path, lines] for path, lines in product.lines.items()], to, right=["lines"])
    console.heading("Guessed: look at these, and at the lines marked `guessed`", to)
    for guess in draft.guessed:
        console.say(f"  {guess}", to)
    if draft.roles.time is None:
        console.say(
            "  without times nobody can say what was known at a decision: the test is on rows chosen at random, and "
            "neither a leak from the future nor a change over time would show",
            to,
        )
    console.heading("Next", to)
    console.say(f"  loopline check {draft.name}", to)
    console.say(f"  loopline run {draft.name}", to)


def check_json(report: "CheckReport") -> dict[str, Any]:
    """The JSON object of `check`."""
    return {
        "product": report.product,
        "passed": report.passed,
        "days": [str(day) for day in report.days],
        "results": [vars(result) for result in report.results],
    }


def show_check(report: "CheckReport", to: "Console") -> None:
    """A line for each check."""
    console.heading(f"{report.product}, sampled on {', '.join(map(str, report.days))}", to)
    marks = {
        "passed": Text("passed", "green"),
        "failed": Text("failed", "red"),
        "changed": Text("changed", "yellow"),
        "not judged": Text("not judged", "yellow"),
    }
    console.table(["check", "", ""], [[r.name, marks[r.state], r.detail] for r in report.results], to)


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


def failure_json(error: Exception, message: str) -> dict[str, Any]:
    """The JSON object of a command that failed: kind and message, and the gates that refused a model."""
    found: dict[str, Any] = {"error": {"kind": type(error).__name__, "message": message}}
    gates = getattr(error, "gates", None)
    return found | ({"gates": list(gates.results), "report": gates.report} if gates and gates.results else {})


def show_failure(error: Exception) -> None:
    """The sentence of an error, below the gates and the report where gates refused a model."""
    gates = getattr(error, "gates", None)
    if gates and gates.results:
        show_gates("Gates of the refused model", gates.results, console.PROGRESS)
        console.say(f"  report: {gates.report} (after `loopline up`)", console.PROGRESS)
    console.fail(str(error))


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


def show_tables(found: Sequence["TableFacts"], to: "Console") -> None:
    """A line for each table."""
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
    """A line for each finding, with its remedy."""
    for finding in found:
        remedy = "" if finding.ok else f" → {finding.remedy}"
        console.say(f"{finding.name:<18} {finding.detail}{remedy}", to, mark="done" if finding.ok else "failed")


def show_service(service: "ServiceStatus", to: "Console") -> None:
    """A line for a service."""
    marks: dict[str, console.Mark] = {"running": "done", "stopped": "idle"}
    line = f"{service.name:<10} {service.state:<8} {service.address} {service.detail}".rstrip()
    console.say(line, to, mark=marks.get(service.state, "failed"))


def show_waiting(waiting: Mapping[str, Mapping[str, str]], to: "Console") -> None:
    """For each product the version that waits for an approver, with what the approver needs."""
    for product, version in waiting.items():
        console.heading(f"{product}: version {version['version']} waits for an approver", to)
        for name in ("reason", "model_card", "approve", "reject"):
            console.say(f"  {name.replace('_', ' ')}: {version[name]}", to)


def services_json(found: Sequence["ServiceStatus"]) -> dict[str, Any]:
    """The JSON object of `up`, `down` and `status`."""
    return {"services": [vars(service) for service in found]}


def show_elsewhere(
    here: Sequence[str], elsewhere: "Sequence[Dependency]", problems: "Mapping[Dependency, str]", to: "Console"
) -> None:
    """What `up` starts on this machine, and a line for each server that must run elsewhere."""
    console.say(f"starts here: {', '.join(here)}; these servers must run already, and are not started:", to)
    for one in elsewhere:
        if one in problems:
            console.say(f"{problems[one]}: {one.remedy}", to, mark="warning")
        else:
            console.say(f"{one.name:<18} {one.place}", to, mark="done")


def elsewhere_json(
    elsewhere: "Sequence[Dependency]", problems: "Mapping[Dependency, str]"
) -> list[dict[str, str | None]]:
    """Those servers in the JSON object of `up`; `problem` is null for a server that answers."""
    return [
        {"name": one.name, "place": one.place, "variable": one.variable, "problem": problems.get(one)}
        for one in elsewhere
    ]


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
