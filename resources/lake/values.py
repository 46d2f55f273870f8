"""The values that the lake returns besides rows.

Belongs here: a data file and a commit as frozen values, and the names of the partition columns. Does not belong here:
reading and writing (`lake.py`), the values of partition columns (`partitioning.py`).
"""

from dataclasses import dataclass

import pyarrow as pa

from resources.slots import Slot

DAY = "day"
"""The partition column of every table with slots: a UTC day, date32."""
HOUR = "utc_hour"
"""The second one of a table whose slots are hours: the moment at which the hour starts, timestamp[us, UTC]."""
HOUR_TYPE = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class DataFile:
    """One Parquet file of a table.

    Attributes:
        path: Relative to the table's folder.
        day: Its partition, a day or an hour; `None` for a table without days.
        content: Hash of its rows (`resources.lake.content.ordered_hash`), if it is about to be committed; empty if
            nobody computed it.
    """

    path: str
    day: Slot | None
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
    days: tuple[Slot, ...]
