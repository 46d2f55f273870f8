"""The `loopline` command: for people on call and for scripts.

Belongs here: arguments, what is printed, exit status. Does not belong here: what a command does (`loop.py`,
`services.py`, `tables.py`, `doctor.py`, `deciding.py`), the commands over what is recorded (`inspect.py`). Every
command takes `--json`: one JSON object on standard output instead of text, everything else on standard error. The
exit status is 0 only when what was asked for holds.
"""

import os
import sys
import warnings
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli import console, inspect, render
from pipelines.cli.arguments import Json, ProductName
from resources.environments import Environment, load_environment
from resources.errors import LooplineError
from resources.naming import checked_day

if TYPE_CHECKING:
    from assets.bundle.registration import Answer

app = typer.Typer(
    help="Keeps decision models in production: from raw events to governed decisions and back.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(inspect.commands)

Version = Annotated[str, typer.Argument(metavar="VERSION", help="As the registry numbers it.")]
By = Annotated[str, typer.Option(help="Your name; it is recorded.")]
Reason = Annotated[str, typer.Option(help="Why; it is recorded.")]
From = Annotated[str | None, typer.Option("--from", metavar="DAY", help="First UTC day, YYYY-MM-DD.")]
To = Annotated[str | None, typer.Option("--to", metavar="DAY", help="Last UTC day, YYYY-MM-DD.")]


@app.command()
def demo(json_: Json = False) -> None:
    """The whole loop on the sandbox, from nothing to a live decision; prints what it did."""
    from pipelines.operations.decide import decide_example
    from pipelines.operations.run_loop import run_loop

    environment = _environment()
    console.heading("Loopline: credit_risk, from source systems to a live decision")
    report = run_loop("credit_risk", environment, progress=console.say)
    decision = decide_example(report.product, environment)
    to = console.results(json_)
    render.show_report(report, to)
    render.show_decision(decision, to)
    render.show_next(to)
    if json_:
        console.print_json({**render.report_json(report), "decision": {"id": decision["decision_id"], **decision}})


@app.command()
def run(
    product: ProductName,
    first: From = None,
    last: To = None,
    through: Annotated[str, typer.Option(help="Stop after this stage.")] = "feedback",
    json_: Json = False,
) -> None:
    """Materialise in this process, recorded in the same Dagster instance: all that is missing, or the days given."""
    from pipelines.operations.decide import decide_example
    from pipelines.operations.run_loop import run_loop

    environment = _environment()
    console.heading(f"Loopline: {product}")
    report = run_loop(
        product, environment, first=_day(first), last=_day(last), through=_stage(through), progress=console.say
    )
    render.show_report(report, console.results(json_))
    found = render.report_json(report)
    if report.champion is not None and through == "feedback" and environment.sandbox:
        decision = decide_example(report.product, environment)
        found["decision"] = {"id": decision["decision_id"], **decision}
        render.show_decision(decision, console.results(json_))
    if json_:
        console.print_json(found)


@app.command()
def backfill(
    product: ProductName,
    first: Annotated[str, typer.Option("--from", metavar="DAY", help="First UTC day, YYYY-MM-DD.")],
    last: Annotated[str, typer.Option("--to", metavar="DAY", help="Last UTC day, YYYY-MM-DD.")],
    select: Annotated[
        str, typer.Option(metavar="ASSETS", help="Comma-separated daily assets; all data by default.")
    ] = "",
    json_: Json = False,
) -> None:
    """Make a range of days again, in one run; the same days give the same content."""
    from pipelines.operations.run_loop import backfill as make_again

    days = (checked_day(first), checked_day(last))
    if days[1] < days[0]:
        raise typer.BadParameter(f"--to {last} is before --from {first}")
    console.heading(f"Backfill of {product}, {first} to {last}")
    assets = [name for name in select.split(",") if name]
    made = make_again(product, _environment(), *days, assets, console.say)
    console.say(f"made again, {first} to {last}: {', '.join(made)}", console.results(json_))
    if json_:
        console.print_json({"product": product, "from": first, "to": last, "assets": list(made)})


@app.command()
def load(product: ProductName, json_: Json = False) -> None:
    """Load the online store again, from the lake; decisions go on with what it holds until all of it is there."""
    from pipelines.operations.load_store import load_online_store

    found = load_online_store(product, _environment())
    render.show_loaded(found, console.results(json_))
    if json_:
        console.print_json(vars(found))


@app.command()
def decide(
    product: ProductName,
    request: Annotated[Path, typer.Option(help="A JSON file with the request; - reads standard input.")],
    explain: Annotated[bool, typer.Option(help="Give reasons for an accepted request too.")] = False,
    json_: Json = False,
) -> None:
    """One decision through the running service."""
    from pipelines.operations.decide import ask_service, read_request

    decision = ask_service(_environment(), product, read_request(request), explain=explain)
    render.show_decision(decision, console.results(json_))
    if json_:
        console.print_json(decision)


@app.command()
def export(
    product: ProductName,
    table: Annotated[str, typer.Argument(metavar="TABLE")],
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    version: Annotated[int | None, typer.Option(help="A version of the table; the newest by default.")] = None,
    json_: Json = False,
) -> None:
    """A table as one Parquet file."""
    from pipelines.operations.tables import export_table
    from pipelines.products import load_product
    from resources.lake import Lake

    rows = export_table(Lake(_environment().lake), load_product(product).name, table, file, version)
    console.say(f"{rows:,} rows of {table} in {file}", console.results(json_))
    if json_:
        console.print_json({"product": product, "table": table, "file": str(file), "rows": rows})


@app.command()
def approve(product: ProductName, version: Version, by: By, reason: Reason, json_: Json = False) -> None:
    """Approve a version of a high-impact product; it is deployed."""
    _answer(product, version, "approve", by, reason, json_)


@app.command()
def reject(product: ProductName, version: Version, by: By, reason: Reason, json_: Json = False) -> None:
    """Reject a version; it is never deployed."""
    _answer(product, version, "reject", by, reason, json_)


@app.command()
def up(json_: Json = False) -> None:
    """The local services: Dagster's UI and daemon, MLflow, the decision service."""
    from pipelines.operations.run_loop import prepare_sandbox
    from pipelines.services.lifecycle import check_ports
    from pipelines.services.lifecycle import up as start

    environment = _environment()
    check_ports(environment)
    prepare_sandbox(environment, console.say)
    found = start(environment, report=partial(render.show_service, to=console.results(json_)))
    if json_:
        console.print_json(render.services_json(found))


@app.command()
def down(json_: Json = False) -> None:
    """Stop the local services and everything that they started."""
    from pipelines.services.lifecycle import down as stop

    found = stop(_environment(), report=partial(render.show_service, to=console.results(json_)))
    if json_:
        console.print_json(render.services_json(found))


@app.command()
def status(json_: Json = False) -> None:
    """How the local services are; 0 only when all of them run."""
    from pipelines.services.lifecycle import status as ask

    found = ask(_environment())
    for service in found:
        render.show_service(service, console.results(json_))
    if json_:
        console.print_json(render.services_json(found))
    if any(service.state != "running" for service in found):
        raise typer.Exit(1)


@app.command()
def doctor(json_: Json = False) -> None:
    """What is missing on this machine, and the command that mends it."""
    from pipelines.operations.doctor import diagnose

    found = diagnose(_environment())
    render.show_findings(found, console.results(json_))
    if json_:
        console.print_json({"findings": [vars(finding) for finding in found], "ok": all(f.ok for f in found)})
    if not all(finding.ok for finding in found):
        raise typer.Exit(1)


def main() -> None:
    """Runs the command; a `LooplineError` is one sentence and status 1, any other error is a traceback."""
    # Materialisations of a range are written in batches (resources/dagster/event_log.py).
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "1000")
    warnings.filterwarnings("ignore", message=".*backfill_policy.*", category=Warning)
    console.show_progress()
    try:
        app()
    except LooplineError as error:
        console.fail(str(error))
        sys.exit(1)


def _environment() -> Environment:
    return load_environment()


def _answer(product: str, version: str, answer: "Answer", by: str, reason: str, json_: bool) -> None:
    from pipelines.operations.approve import answer_version

    answer_version(_environment(), product, version, answer, by=by, reason=reason)
    console.say(f"{product} version {version}: {answer} by {by}", console.results(json_))
    if json_:
        console.print_json({"product": product, "version": version, "answer": answer, "by": by, "reason": reason})


def _day(text: str | None) -> date | None:
    return None if text is None else checked_day(text)


def _stage(text: str) -> Any:
    from pipelines.jobs import STAGES

    if text not in STAGES:
        raise typer.BadParameter(f"--through {text}: write one of {', '.join(STAGES)}")
    return text


if __name__ == "__main__":
    main()
