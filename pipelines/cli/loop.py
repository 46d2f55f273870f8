"""The commands that run the loop: `demo`, `run`, `retrain`, `backfill`, `load`.

Belongs here: their arguments, output and exit status. Does not belong here: the work (`pipelines.operations`), the form
of a result (`render`).
"""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli import console
from pipelines.cli.arguments import FirstDay, FirstDayIfAny, Json, LastDay, LastDayIfAny, ProductName, slots_given
from pipelines.cli.render.backfill import show_backfill, show_plan
from pipelines.cli.render.runs import decision_json, report_json, show_decision, show_loaded, show_next, show_report
from pipelines.cli.render.services import show_waiting
from pipelines.cli.rollout import show_rehearsal
from pipelines.products import load_product, product_names
from resources.environments import load_environment
from resources.slots import checked_slot

if TYPE_CHECKING:
    from pipelines.jobs import Stage

_DEMONSTRATED = "credit_risk"
"""The product of the demonstration, which reads a source of every kind."""


def demo(json_: Json = False) -> None:
    """The whole loop on the sandbox: from source systems to a live decision, and a second model's rollout."""
    from pipelines.operations.decisions.decide import decide_example
    from pipelines.operations.loop.fill_sandbox import require_sandbox
    from pipelines.operations.loop.run_loop import run_loop
    from pipelines.operations.rehearsal import rehearse

    environment = load_environment()
    require_sandbox(_DEMONSTRATED, environment)
    console.heading(f"Loopline: {_DEMONSTRATED}, from source systems to a live decision")
    to, decision = console.results(json_), dict[str, Any]()

    def live() -> None:
        decision.update(decide_example(load_product(_DEMONSTRATED), environment))
        show_decision(decision, to)

    report = run_loop(_DEMONSTRATED, environment, progress=console.say, live=live)
    if not decision:
        live()  # a version waits for its approver: the service says that there is no champion
    show_report(report, to)
    steps = rehearse(report.product, environment, console.say)
    show_rehearsal(steps, to)
    show_next(report, [name for name in product_names() if name != _DEMONSTRATED], to)
    if json_:
        rollout = [vars(step) for step in steps]
        console.print_json({**report_json(report), "decision": decision_json(decision), "rollout": rollout})


def run(
    product: ProductName,
    first: FirstDayIfAny = None,
    last: LastDayIfAny = None,
    through: Annotated[str, typer.Option(help="Stop after this stage.")] = "feedback",
    missing: Annotated[
        bool, typer.Option("--missing", help="Of the given days, only those that are missing or outdated.")
    ] = False,
    json_: Json = False,
) -> None:
    """Materialise missing and outdated days, or the given days, in this process; Dagster records the run."""
    from pipelines.operations.decisions.decide import decide_example
    from pipelines.operations.loop.run_loop import run_loop

    (from_day, to_day), stage, environment = slots_given(first, last), _stage(through), load_environment()
    console.heading(f"Loopline: {product}")
    to, decision = console.results(json_), dict[str, Any]()

    def live() -> None:
        described = load_product(product)
        if through == "feedback" and described.request_example and environment.sandbox:
            decision.update(decide_example(described, environment))
            show_decision(decision, to)

    report = run_loop(
        product, environment, first=from_day, last=to_day, through=stage, missing=missing,
        progress=console.say, live=live,
    )  # fmt: skip
    show_report(report, to)
    if json_:
        console.print_json(report_json(report) | ({"decision": decision_json(decision)} if decision else {}))


def retrain(
    product: ProductName,
    reason: Annotated[str, typer.Option(help="Why; it is recorded.")],
    json_: Json = False,
) -> None:
    """Train a model on the present tables; if it passes every gate, its rollout begins."""
    from pipelines.operations.loop.retrain import retrain as run_retrain

    console.heading(f"Loopline: {product}, a new model")
    found = run_retrain(product, load_environment(), reason=reason)
    to = console.results(json_)
    stands = "" if found.state is None else found.state.stage
    console.say(f"{product}: version {found.version} is registered", to, mark="done")
    for cause in found.answers:
        console.say(f"it answers what asked by itself: {cause}", to, mark="idle")
    for hold in found.holds:
        console.say(f"by itself it would have been held: {hold}", to, mark="idle")
    if found.waiting is not None:
        show_waiting({product: found.waiting}, to)
    console.say(f"  where it stands: loopline rollout {product}", to)
    if json_:
        waiting = None if found.waiting is None else dict(found.waiting)
        asked = {"answers": list(found.answers), "holds": list(found.holds)}
        console.print_json({"product": product, "version": found.version, "stage": stands, "waiting": waiting, **asked})


def backfill(
    product: ProductName,
    first: FirstDay,
    last: LastDay,
    select: Annotated[
        str,
        typer.Option(
            metavar="ASSETS", help="Comma-separated daily assets; by default from the sources to the features."
        ),
    ] = "",
    plan: Annotated[bool, typer.Option("--plan", help="Say what would be done, and how long it takes.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace published rows by older or fewer ones of the source.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Make also again what an interrupted backfill has made.")
    ] = False,
    json_: Json = False,
) -> None:
    """Materialise a range of days again, in whole partitions; an interrupted backfill of the same days goes on."""
    from pipelines.operations.loop import backfill as operation

    slots_given(first, last)
    wanted = operation.Wanted(
        (checked_slot(first), checked_slot(last)), tuple(name for name in select.split(",") if name), overwrite, again
    )
    to = console.results(json_)
    if plan:
        planned = operation.plan_backfill(product, load_environment(), wanted, console.say)
        show_plan(planned, to)
        if json_:
            console.print_json(planned.to_dict())
        return
    console.heading(f"Backfill of {product}, {first} to {last}")
    report = operation.backfill(product, load_environment(), wanted, console.say)
    show_backfill(report, to)
    if json_:
        console.print_json(report.to_dict())
    if report.failed:
        console.fail(report.sentence)
        raise typer.Exit(1)


def load(product: ProductName, json_: Json = False) -> None:
    """Load the online store again from the lake; decisions use its old content until the load is complete."""
    from pipelines.operations.loop.load_store import load_online_store

    found = load_online_store(product, load_environment())
    show_loaded(found, console.results(json_))
    if json_:
        console.print_json(vars(found))


def _stage(text: str) -> "Stage":
    from pipelines.jobs import STAGES

    if text not in STAGES:
        raise typer.BadParameter(f"--through {text}: write one of {', '.join(STAGES)}")
    return text
