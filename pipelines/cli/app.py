"""The `loopline` command, for people on call and for scripts.

Belongs here: the commands in the panels of `--help`, and the handling of errors. Does not belong here: the
commands (a module for each group) and the work that they start (`pipelines.operations`, `pipelines.services`).

Every command takes `--json`: one JSON object on standard output instead of text, also if the command fails, everything
else on standard error. The exit status is 0 only if the request succeeded.
"""

import atexit
import sys
from collections.abc import Callable, Mapping
from typing import Any

import click
import typer

from pipelines.cli import alerts, console, gameday, loop, rollout, services
from pipelines.cli.data import inspect, products, quarantine, upkeep
from pipelines.cli.decisions import backtest, explain, keys, serving, traffic
from pipelines.cli.described import DescribedCommand
from pipelines.cli.models import approvals, audit, benchmark, bundles, compare, fairness, governance, reproduce
from pipelines.cli.render.failures import failure_json, show_failure
from resources.errors import LooplineError
from resources.outages import outage_of
from resources.processes.beginning import begin_process
from resources.processes.collecting import end_without_collection

Command = Callable[..., Any] | tuple[str, typer.Typer]
"""A command, or a group of commands under a name."""

app = typer.Typer(
    help="Keeps decision models in production: from raw events to governed decisions and back.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_COMMANDS: Mapping[str, tuple[Command, ...]] = {
    "Begin": (loop.demo, products.new, products.check, services.doctor),
    "The loop": (loop.run, loop.retrain, loop.backfill, loop.load, gameday.gameday),
    "Services": (services.up, services.down, services.status, services.probe, ("keys", keys.app)),
    "Decisions": (serving.decide, explain.explain, reproduce.trace, inspect.replay, traffic.traffic),
    "Rollouts": (rollout.rollout, rollout.rollback, approvals.approve, approvals.reject, approvals.repair),
    "Models": (
        compare.compare, fairness.fairness, backtest.backtest, reproduce.rebuild, governance.document,
        governance.inventory, bundles.export_model, ("bundle", bundles.app), ("benchmark", benchmark.app),
    ),
    "Data": (
        inspect.tables, inspect.features, quarantine.contracts, quarantine.quarantine, inspect.export, upkeep.vacuum,
        upkeep.erase,
    ),
    "Alerts and audit": (alerts.alerts, alerts.silence, alerts.acknowledge, ("audit", audit.app)),
}  # fmt: skip
for panel, commands in _COMMANDS.items():
    for command in commands:
        if isinstance(command, tuple):
            app.add_typer(command[1], name=command[0], rich_help_panel=panel)
        else:
            app.command(cls=DescribedCommand, rich_help_panel=panel)(command)


def main() -> None:
    """Runs the command. A `LooplineError`, a wrong argument and a lost server end it with one sentence.

    Any other error ends it with a traceback. With `--json` the one JSON object is printed in each case.
    """
    begin_process()
    atexit.register(end_without_collection)
    console.show_progress()
    try:
        status = app(standalone_mode=False)
    except click.UsageError as error:
        _tell(error, error.format_message())
        error.show(sys.stderr)
        sys.exit(error.exit_code)
    except click.Abort:
        console.fail("interrupted")
        sys.exit(1)
    except LooplineError as error:
        _tell(error, str(error))
        show_failure(error)
        sys.exit(1)
    except Exception as error:
        # A server that dies within a command is met by the libraries, each with errors of its own.
        outage = outage_of(error)
        _tell(error, outage or str(error))
        if outage is None:
            raise
        console.fail(outage)
        sys.exit(1)
    sys.exit(status or 0)


def _tell(error: Exception, message: str) -> None:
    """Prints the JSON object of a failure, if the command line asks for JSON."""
    if "--json" in sys.argv[1:]:
        console.print_json(failure_json(error, message))
