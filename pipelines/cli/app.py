"""The `loopline` command, for people on call and for scripts.

Belongs here: the list of commands in the order of `--help`, and the handling of errors. Does not belong here: the
commands (a module for each group) and the work that they start (`pipelines.operations`, `pipelines.services`).

Every command takes `--json`: one JSON object on standard output instead of text, also if the command fails, everything
else on standard error. The exit status is 0 only if the request succeeded.
"""

import atexit
import sys

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

app = typer.Typer(
    help="Keeps decision models in production: from raw events to governed decisions and back.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    loop.demo,
    products.new,
    products.check,
    loop.run,
    loop.retrain,
    loop.backfill,
    loop.load,
    serving.decide,
    explain.explain,
    traffic.traffic,
    quarantine.contracts,
    quarantine.quarantine,
    inspect.export,
    bundles.export_model,
    rollout.rollout,
    rollout.rollback,
    approvals.approve,
    approvals.reject,
    approvals.repair,
    governance.document,
    governance.inventory,
    gameday.gameday,
    alerts.alerts,
    alerts.silence,
    alerts.acknowledge,
    services.up,
    services.down,
    services.status,
    services.doctor,
    services.probe,
    inspect.features,
    inspect.replay,
    backtest.backtest,
    reproduce.trace,
    reproduce.rebuild,
    compare.compare,
    fairness.fairness,
    inspect.tables,
    upkeep.vacuum,
    upkeep.erase,
):
    app.command(cls=DescribedCommand)(command)
app.add_typer(benchmark.app, name="benchmark")
app.add_typer(keys.app, name="keys")
app.add_typer(bundles.app, name="bundle")
app.add_typer(audit.app, name="audit")


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
