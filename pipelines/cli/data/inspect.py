"""The commands that read the lake, the registry and the decision log: `export`, `features`, `replay`, `tables`.

Belongs here: their arguments, output and exit status. They change no record. Does not belong here: the reading
(`pipelines.operations`), the form of a result (`render`).
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli import console
from pipelines.cli.arguments import Json, ProductName, file_to_write
from pipelines.cli.render.features import show_features, show_search
from pipelines.cli.render.replay import show_replay
from pipelines.cli.render.tables import show_tables
from pipelines.products import product_names
from resources.dependencies import require
from resources.environments import load_environment
from resources.naming import checked_day


def export(
    product: ProductName,
    table: Annotated[str, typer.Argument(metavar="TABLE", help="A table, as `loopline tables` names it.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The Parquet file to write.")],
    version: Annotated[int | None, typer.Option(help="A version of the table; the newest by default.")] = None,
    as_of: Annotated[
        str | None, typer.Option(metavar="TIME", help="The version that was the newest then, ISO-8601 in UTC.")
    ] = None,
    json_: Json = False,
) -> None:
    """A table as one Parquet file."""
    from pipelines.operations.data.tables import export_table, version_at
    from pipelines.products import load_product
    from resources.lake import Lake

    if version is not None and as_of is not None:
        raise typer.BadParameter("--version and --as-of: give one of them")
    environment, name = load_environment(), load_product(product).name
    require(environment, "lake")
    lake = Lake(environment.lake)
    if as_of is not None:
        version = version_at(lake, name, table, _moment(as_of))
    rows = export_table(lake, name, table, file, version)
    console.say(f"{rows:,} rows of {table} in {file}", console.results(json_))
    if json_:
        found = lake.version(f"{name}/{table}") if version is None else version
        console.print_json({"product": product, "table": table, "file": str(file), "rows": rows, "version": found})


def features(
    product: Annotated[str | None, typer.Argument(metavar="[PRODUCT]", help=", ".join(product_names()))] = None,
    search: Annotated[
        str | None, typer.Option(metavar="WORD", help="Search the features of all products, and the shared ones.")
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", callback=file_to_write(".html", ".md"), help="Write the catalogue: FILE.html or FILE.md."
        ),
    ] = None,
    json_: Json = False,
) -> None:
    """The feature catalogue: meaning, lineage, values, and which models use each feature; or a search in all."""
    from pipelines.operations.data.catalogue import catalogue_of, write_page
    from pipelines.operations.data.shared_features import search_features
    from pipelines.products import load_product

    if search is not None:
        if product is not None or page is not None:
            raise typer.BadParameter("--search goes through all products: give it alone")
        report = search_features(search, load_environment())
        show_search(report, console.results(json_))
        if json_:
            console.print_json(report.to_dict())
        return
    if product is None:
        raise typer.BadParameter("name a product, or a word that all are searched for: --search WORD")
    found = catalogue_of(load_product(product), load_environment())
    show_features(found, console.results(json_))
    if page is not None:
        write_page(found, page)
        console.say(f"  {page}", console.results(json_))
    if json_:
        console.print_json({**found.to_dict(), "page": None if page is None else str(page)})


def replay(
    product: ProductName,
    day: Annotated[
        str | None, typer.Option(metavar="DAY", help="A UTC day; the newest with decisions by default.")
    ] = None,
    decision: Annotated[str | None, typer.Option(metavar="ID", help="One decision.")] = None,
    json_: Json = False,
) -> None:
    """Recompute recorded decisions from log and lake; exit status 0 only without differences."""
    from pipelines.operations.decisions.replay import replay_day, replay_decision
    from pipelines.products import load_product

    if day is not None and decision is not None:
        raise typer.BadParameter("--day and --decision: give one of them")
    environment, name = load_environment(), load_product(product).name
    require(environment, "bundles", "lake", "online store")
    if decision is not None:
        report = replay_decision(environment, name, decision, console.say)
    else:
        report = replay_day(environment, name, None if day is None else checked_day(day), console.say)
    show_replay(report, console.results(json_))
    if json_:
        console.print_json(report.to_dict())
    if not report.same:
        raise typer.Exit(1)


def tables(
    product: ProductName,
    partitions: Annotated[
        bool, typer.Option("--partitions", help="Add the content hash of each day to the JSON object.")
    ] = False,
    json_: Json = False,
) -> None:
    """The lake's tables: version, partitions, rows, content hash, last commit."""
    from pipelines.operations.data.tables import product_tables
    from pipelines.products import load_product
    from resources.lake import Lake

    environment = load_environment()
    require(environment, "lake")
    found = product_tables(Lake(environment.lake), load_product(product).name)
    show_tables(found, console.results(json_))
    if json_:
        console.print_json({"product": product, "tables": [t.to_dict(by_partition=partitions) for t in found]})


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"--as-of {text}: write a time, such as 2026-03-01T12:00:00Z") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
