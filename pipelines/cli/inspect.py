"""The commands over what is recorded: tables, features, decisions made again.

Belongs here: their arguments, what they print, their exit status, as in `cli.py`. Nothing here changes anything. Does
not belong here: what a command finds (`tables.py`, `cataloguing.py`, `replaying.py`).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from pipelines.cli import console, render
from pipelines.cli.arguments import Json, ProductName
from resources.environments import load_environment
from resources.naming import checked_day

if TYPE_CHECKING:
    from rich.console import Console

    from assets.features.catalogue.survey import FeatureSurvey
    from pipelines.operations.replay import ReplayReport

commands = typer.Typer()

_SHOWN = 20


@commands.command()
def features(
    product: ProductName,
    page: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the catalogue: FILE.html or FILE.md.")
    ] = None,
    json_: Json = False,
) -> None:
    """The feature catalogue: meaning, lineage, values, and which models use each feature."""
    from pipelines.operations.catalogue import catalogue_of, write_page
    from pipelines.products import load_product

    found = catalogue_of(load_product(product), load_environment())
    _show_features(found, console.results(json_))
    if page is not None:
        write_page(found, page)
        console.say(f"  {page}", console.results(json_))
    if json_:
        console.print_json({**found.to_dict(), "page": None if page is None else str(page)})


@commands.command()
def replay(
    product: ProductName,
    day: Annotated[
        str | None, typer.Option(metavar="DAY", help="A UTC day; the newest with decisions by default.")
    ] = None,
    decision: Annotated[str | None, typer.Option(metavar="ID", help="One decision.")] = None,
    json_: Json = False,
) -> None:
    """Recorded decisions, made again from log and lake; 0 only when there are zero differences."""
    from pipelines.operations.replay import replay_day, replay_decision
    from pipelines.products import load_product

    if day is not None and decision is not None:
        raise typer.BadParameter("--day and --decision: give one of them")
    environment, name = load_environment(), load_product(product).name
    if decision is not None:
        report = replay_decision(environment, name, decision)
    else:
        report = replay_day(environment, name, None if day is None else checked_day(day))
    _show_replay(report, console.results(json_))
    if json_:
        console.print_json(report.to_dict())
    if not report.same:
        raise typer.Exit(1)


@commands.command()
def tables(
    product: ProductName,
    partitions: Annotated[bool, typer.Option("--partitions", help="With the content hash of each day.")] = False,
    json_: Json = False,
) -> None:
    """The lake's tables: version, partitions, rows, content hash, last commit."""
    from pipelines.operations.tables import product_tables
    from pipelines.products import load_product
    from resources.lake import Lake

    found = product_tables(Lake(load_environment().lake), load_product(product).name)
    render.show_tables(found, console.results(json_))
    if json_:
        console.print_json({"product": product, "tables": [t.to_dict(by_partition=partitions) for t in found]})


def _show_features(found: "FeatureSurvey", to: "Console") -> None:
    console.heading(f"Features of {found.product}", to)
    rows = []
    for entry in found.entries:
        known, use = found.statistics.get(entry.name), found.uses[entry.name]
        rows.append([
            entry.name, entry.unit, entry.source, "" if known is None else f"{known.missing:.1%}",
            "" if known is None or known.mean is None else f"{known.mean:,.4g}",
            "" if use.importance is None else f"{use.importance:.1%}", ", ".join(use.versions) or "-",
            Text(use.state, "" if use.state == "used" else "yellow"),
        ])  # fmt: skip
    console.table(
        ["feature", "unit", "from", "missing", "mean", "importance", "versions", "use"], rows, to,
        right=["missing", "mean", "importance"],
    )  # fmt: skip
    if found.unused:
        console.say(f"used by no model: {', '.join(found.unused)}", to, mark="warning")


def _show_replay(report: "ReplayReport", to: "Console") -> None:
    counts = {name: len(report.of(name)) for name in ("identical", "waiting", "different", "erased")}
    console.heading(
        f"Replay of {report.product}, {report.where}: {len(report.decisions):,} decisions, "
        f"{counts['identical']:,} identical, {counts['different']:,} different",
        to,
    )
    if report.by_feature():
        console.table(
            ["feature", "decisions", "decision", "logged", "computed again"],
            [
                [name, len(found), found[0][0].decision_id, found[0][1].recorded, found[0][1].computed]
                for name, found in report.by_feature().items()
            ],
            to,
            right=["decisions"],
        )
    for decision in report.of("different")[:_SHOWN]:
        for gap in decision.parity.gaps:
            said = f"{gap.source} of {gap.key} at {gap.event_time.isoformat()}, in the {gap.held_by} alone: {gap.why}"
            console.say(f"  · {decision.decision_id}: {said}", to)
        if decision.parity.remark:
            console.say(f"  · {decision.decision_id}: {decision.parity.remark}", to)
    for decision in report.of("waiting")[:_SHOWN]:
        late = [gap for gap in decision.parity.gaps if gap.waiting]
        why = "; ".join(dict.fromkeys(gap.why for gap in late))
        console.say(f"  · {decision.decision_id} is the same with {len(late)} posted events that are {why}", to)
    if counts["erased"]:
        console.say(f"  {counts['erased']:,} cannot be compared: their subjects' data were erased", to)
