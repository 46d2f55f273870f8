"""The class of the commands: `--help` shows what each of their arguments is.

Belongs here: carrying the texts of arguments to `--help`. Does not belong here: the texts (each command has its own,
`arguments.py` the shared ones), the list of commands (`app.py`).
"""

import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

import click
import typer.core


class DescribedCommand(typer.core.TyperCommand):
    """A command that shows the help of its arguments.

    Typer sets the help of an argument before click's own initialisation, which since click 8.5 sets it to nothing.
    """

    def __init__(self, name: str | None, *, callback: Callable[..., Any], **terms: Any) -> None:
        super().__init__(name, callback=callback, **terms)
        declared = get_type_hints(inspect.unwrap(callback), include_extras=True)
        for parameter in self.params:
            if isinstance(parameter, click.Argument) and parameter.name in declared:
                parameter.help = _help_of(declared[parameter.name])


def _help_of(annotation: Any) -> str | None:
    """The help of the argument that the annotation `Annotated[..., typer.Argument(help=...)]` declares."""
    declared = (one for one in getattr(annotation, "__metadata__", ()) if hasattr(one, "help"))
    return next((str(one.help) for one in declared if one.help), None)
