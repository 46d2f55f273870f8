"""What the content of a file becomes: rows of text, or the reason why it has none.

Belongs here: the result and the two refusals that every format shares. Does not belong here: a format.
"""

from dataclasses import dataclass

import pyarrow as pa

from resources.errors import LooplineError


class Unreadable(LooplineError):
    """The content cannot be read without a guess; the message completes a sentence about the file."""


class NotWhole(LooplineError):
    """The file ends before its last row does; the message completes a sentence about the file."""


@dataclass(frozen=True)
class FileRows:
    """The rows of a file.

    Attributes:
        table: All columns of type string; an empty value is null.
        malformed: Lines that are no row, as text.
    """

    table: pa.Table
    malformed: tuple[str, ...] = ()


def checked_columns(names: list[str]) -> None:
    """Refuses columns of the same name; columns without a name, as trailing commas make them, are no fault.

    Raises:
        Unreadable: A name is there twice.
    """
    twice = [name for name in dict.fromkeys(names) if name and names.count(name) > 1]
    if twice:
        raise Unreadable(f"has the column {', '.join(map(repr, twice))} more than once in its header")
