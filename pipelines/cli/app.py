"""The `loopline` command, for people on call and for scripts.

Belongs here: the list of commands in the order of `--help`, and the handling of errors. Does not belong here: the
commands (a module for each group) and the work that they start (`pipelines.operations`, `pipelines.services`).

Every command takes `--json`: one JSON object on standard output instead of text, everything else on standard error. The
exit status is 0 only if the request succeeded.
"""

import os
import sys
import warnings

import typer

from pipelines.cli import approvals, console, inspect, loop, quarantine, services, serving
from resources.dependencies import outage_of
from resources.errors import LooplineError

app = typer.Typer(
    help="Keeps decision models in production: from raw events to governed decisions and back.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    loop.demo,
    loop.run,
    loop.backfill,
    loop.load,
    serving.decide,
    quarantine.contracts,
    quarantine.quarantine,
    inspect.export,
    approvals.approve,
    approvals.reject,
    approvals.repair,
    services.up,
    services.down,
    services.status,
    services.doctor,
    inspect.features,
    inspect.replay,
    inspect.tables,
):
    app.command()(command)


def main() -> None:
    """Runs the command. A `LooplineError` and a lost server end it with one sentence and status 1.

    Any other error ends it with a traceback.
    """
    # Materialisations of a range are written in batches (resources/dagster/event_log.py).
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "1000")
    warnings.filterwarnings("ignore", message=".*backfill_policy.*", category=Warning)
    console.show_progress()
    try:
        app()
    except LooplineError as error:
        console.fail(str(error))
        sys.exit(1)
    except Exception as error:
        # A server that dies within a command is met by the libraries, each with errors of its own.
        outage = outage_of(error)
        if outage is None:
            raise
        console.fail(outage)
        sys.exit(1)
