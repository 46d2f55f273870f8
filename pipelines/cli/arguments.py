"""Arguments and options that several commands share.

Belongs here: their form on the command line and their text in `--help`. Does not belong here: commands.
"""

from typing import Annotated

import typer

from pipelines.products import product_names

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
ProductName = Annotated[str, typer.Argument(metavar="PRODUCT", help=", ".join(product_names()) or "One of your own.")]
_FIRST = "First UTC day, YYYY-MM-DD; of a product by the hour also YYYY-MM-DD-HH:00."
_LAST = _FIRST.replace("First", "Last")
FirstDay = Annotated[str, typer.Option("--from", metavar="DAY", help=_FIRST)]
LastDay = Annotated[str, typer.Option("--to", metavar="DAY", help=_LAST)]
FirstDayIfAny = Annotated[str | None, typer.Option("--from", metavar="DAY", help=_FIRST)]
LastDayIfAny = Annotated[str | None, typer.Option("--to", metavar="DAY", help=_LAST)]
