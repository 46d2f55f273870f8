"""The commands for this machine: `up`, `down`, `status`, `doctor`, and for a container `probe`.

Belongs here: their arguments, output and exit status. Does not belong here: the services (`pipelines.services`), the
checks of the doctor (`pipelines.operations.doctor`).
"""

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli import console
from pipelines.cli.arguments import Json, file_to_write
from pipelines.cli.render.services import (
    elsewhere_json,
    services_json,
    show_elsewhere,
    show_findings,
    show_retraining,
    show_service,
    show_waiting,
)
from pipelines.cli.render.status import show_status, status_json
from pipelines.services.probes import Probed
from resources.dependencies import dependencies_of, problems_of, require
from resources.environments import Environment, load_environment, part_of

if TYPE_CHECKING:
    from pipelines.operations.retrainings import RetrainState


def up(json_: Json = False) -> None:
    """Start this project's services here: Dagster's UI and daemon, MLflow, the decision service, the stream follower.

    It says which servers of the environment must run elsewhere; it starts none of those.
    """
    from pipelines.operations.loop.run_job import dagster_instance
    from pipelines.operations.loop.source_days import prepare_sandbox
    from pipelines.services.catalog import services_of
    from pipelines.services.lifecycle import check_ports
    from pipelines.services.lifecycle import up as start

    environment, to = load_environment(), console.results(json_)
    elsewhere = dependencies_of(environment)
    problems = problems_of(elsewhere)
    if elsewhere:
        show_elsewhere([service.name for service in services_of(environment)], elsewhere, problems, to)
    # Without its storage Dagster would be waited for during minutes; the other services wait for their servers.
    require(environment, "Dagster's storage")
    check_ports(environment)
    prepare_sandbox(environment, console.say)
    with dagster_instance(environment):
        pass  # the runs whose process is gone are ended: the daemon looks for them only after a minute
    found = start(environment, report=partial(show_service, to=to))
    if json_:
        console.print_json({**services_json(found), "elsewhere": elsewhere_json(elsewhere, problems)})


def down(json_: Json = False) -> None:
    """Stop the local services and all processes that they started."""
    from pipelines.services.lifecycle import down as stop

    environment, to = load_environment(), console.results(json_)
    found = stop(environment, report=partial(show_service, to=to))
    if not found:
        console.say(f"no service of {environment.home} was running", to)
    if json_:
        console.print_json(services_json(found))


def status(
    product: Annotated[str | None, typer.Argument(metavar="PRODUCT", help="Of a product: in 20 lines.")] = None,
    page: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", callback=file_to_write(".html"), help="Of a product: its page, as of now."),
    ] = None,
    json_: Json = False,
) -> None:
    """The state of the local services, versions that wait for an approver, and what asks for a retraining.

    Exit status 0 only if all services run: a version that waits is no problem of a service.

    Of a product it is what needs a person today, and a line for each monitor, as its monitoring page has them.
    """
    if product is not None:
        _status_of_product(product, page, json_=json_)
        return
    if page is not None:
        raise typer.BadParameter("--page is of a product: loopline status PRODUCT --page FILE.html")
    from pipelines.services.lifecycle import status as ask

    environment, to = load_environment(), console.results(json_)
    found = ask(environment)
    for service in found:
        show_service(service, to)
    waiting = _waiting(environment)
    show_waiting(waiting, to)
    retraining = _retraining(environment)
    show_retraining(retraining, to)
    if json_:
        told = {name: one.to_dict() for name, one in retraining.items()}
        console.print_json({**services_json(found), "waiting": waiting, "retraining": told})
    if any(service.state != "running" for service in found):
        raise typer.Exit(1)


def _status_of_product(product: str, page: Path | None, *, json_: bool) -> None:
    from assets.monitoring.page.html import to_html
    from pipelines.operations.pages import write_text_page
    from pipelines.operations.product_status import product_status

    found = product_status(load_environment(), product)
    if page is not None:
        write_text_page(page, {".html": lambda: to_html(found.report)})
    show_status(found, console.results(json_))
    if json_:
        console.print_json(status_json(found))


def _waiting(environment: Environment) -> dict[str, Mapping[str, str]]:
    """The versions that wait for an approver; none where no run was ever recorded on this machine."""
    if environment.name == "local" and not environment.dagster_home.exists():
        return {}
    from pipelines.operations.models.waiting import waiting_versions
    from pipelines.products import product_names

    return waiting_versions(environment, product_names())


def _retraining(environment: Environment) -> "dict[str, RetrainState]":
    """Where retraining stands; nothing where no run was ever recorded on this machine."""
    if environment.name == "local" and not environment.dagster_home.exists():
        return {}
    from pipelines.operations.retrainings import retrain_states
    from pipelines.products import product_names

    return retrain_states(environment, product_names())


def probe(
    service: Annotated[Probed, typer.Argument(metavar="SERVICE", help="dagster, daemon, decisions or stream.")],
    pid: Annotated[int, typer.Option(help="Process of the service, or one above it.")] = 1,
    json_: Json = False,
) -> None:
    """For a container's probe: exit status 0 only if the container's service can do its work."""
    from pipelines.services.probes import problem_of

    problem = problem_of(service, load_environment(part=part_of(os.environ)).ports, pid=pid)
    if json_:
        console.print_json({"service": service, "ok": problem is None, "problem": problem or ""})
    if problem is not None:
        console.fail(f"{service}: {problem}")
        raise typer.Exit(1)


def doctor(json_: Json = False) -> None:
    """What is missing on this machine, and the command that fixes it."""
    from pipelines.operations.doctor.diagnosis import diagnose

    found = diagnose(load_environment(part=part_of(os.environ)))
    show_findings(found, console.results(json_))
    if json_:
        console.print_json({"findings": [vars(finding) for finding in found], "ok": all(f.ok for f in found)})
    if not all(finding.ok for finding in found):
        raise typer.Exit(1)
