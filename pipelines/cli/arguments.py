"""Arguments and options that several commands share.

Belongs here: their form on the command line and their text in `--help`. Does not belong here: commands.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from pipelines.operations.pages import require_file
from pipelines.products import product_names
from resources.slots import Slot, checked_slot, end_of, start_of

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
ProductName = Annotated[str, typer.Argument(metavar="PRODUCT", help=", ".join(product_names()) or "One of your own.")]
_FIRST = "First UTC day, YYYY-MM-DD; of a product by the hour also YYYY-MM-DD-HH:00."
_LAST = _FIRST.replace("First", "Last")
FirstDay = Annotated[str, typer.Option("--from", metavar="DAY", help=_FIRST)]
LastDay = Annotated[str, typer.Option("--to", metavar="DAY", help=_LAST)]
FirstDayIfAny = Annotated[str | None, typer.Option("--from", metavar="DAY", help=_FIRST)]
LastDayIfAny = Annotated[str | None, typer.Option("--to", metavar="DAY", help=_LAST)]


def file_to_write(*ends: str) -> Callable[[Path | None], Path | None]:
    """For an option that names a file: the command is refused before its work if that file cannot be written.

    Args:
        ends: The ends that the file's name may have, as `.html`.
    """

    def checked(file: Path | None) -> Path | None:
        if file is not None:
            require_file(file, ends)
        return file

    return checked


def slots_given(first: str | None, last: str | None) -> tuple[Slot | None, Slot | None]:
    """The days, or hours, that `--from` and `--to` name; `None` for an option that is not given.

    Raises:
        BadName: One is no day and no hour.
        typer.BadParameter: The last one is before the first.
    """
    days = (None if first is None else checked_slot(first), None if last is None else checked_slot(last))
    if days[0] is not None and days[1] is not None and end_of(days[1]) <= start_of(days[0]):
        raise typer.BadParameter(f"--to {last} is before --from {first}")
    return days
