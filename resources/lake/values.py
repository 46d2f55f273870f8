"""The values that the lake returns besides rows.

Belongs here: a data file and a commit as frozen values, and the name of the partition column. Does not belong here:
reading and writing (`lake.py`).
"""

from dataclasses import dataclass
from datetime import date

DAY = "day"
"""The partition column: a UTC day, date32."""


@dataclass(frozen=True)
class DataFile:
    """One Parquet file of a table.

    Attributes:
        path: Relative to the table's folder.
        day: Its partition; `None` for a table without days.
        content: Hash of its rows (`resources.lake.content.ordered_hash`), if it is about to be committed; empty if
            nobody computed it.
    """

    path: str
    day: date | None
    rows: int
    bytes: int
    content: str = ""


@dataclass(frozen=True)
class Commit:
    """The result of a write.

    Attributes:
        version: The Delta version that the write made.
        days: The partitions that it replaced, including those that are empty now.
    """

    table: str
    version: int
    rows: int
    bytes: int
    files: int
    days: tuple[date, ...]
