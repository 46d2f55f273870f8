"""The command `gameday`.

Belongs here: its arguments, output and exit status. Does not belong here: the game day and its page
(`pipelines.operations.gameday`).
"""

import os
import signal
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli import console
from pipelines.cli.arguments import Json, file_to_write
from resources.environments import load_environment


def gameday(
    scenario: Annotated[str, typer.Argument(metavar="SCENARIO", help="tiny, one_month, quiet or two_years.")],
    seed: Annotated[int, typer.Option(help="Seeds inputs, faults and clock.")] = 1,
    home: Annotated[
        Path | None, typer.Option(help="An empty folder for everything; by default in LOOPLINE_HOME.")
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", callback=file_to_write(".html"), help="Write the timeline as a page."),
    ] = None,
    json_: Json = False,
) -> None:
    """Months of simulated operation with planned incidents; says what the loop did about each."""
    from pipelines.operations.gameday.apart import play_scenario
    from pipelines.operations.gameday.scenarios import scenario_of

    # As after Ctrl-C: what it has started ends with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    found = scenario_of(scenario)
    console.heading(f"Loopline: game day {found.name}, seed {seed}")
    place = home or load_environment().home / "gameday" / f"{found.name}-{seed}"
    report = play_scenario(found, seed, place.expanduser().resolve(), os.environ, console.say)
    if page is not None:
        from pipelines.operations.gameday.page import to_html
        from pipelines.operations.pages import write_text_page

        write_text_page(page, {".html": lambda: to_html(report)})
    to = console.results(json_)
    for one in report.timeline.judged:
        after = "" if one.after is None else f" after {one.after} days"
        console.say(
            f"{one.incident.day}  {one.incident.name}: {one.verdict}{after}; {', '.join(one.done) or 'nothing'}", to
        )
    console.say(f"{len(report.timeline.unexplained)} alarms and actions without an incident", to)
    for words in report.shortfalls:
        console.say(words, to)
    if json_:
        console.print_json(report.to_dict())
    if not report.holds:
        raise typer.Exit(1)
