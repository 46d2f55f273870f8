"""The tables of a product: `loopline tables` and `loopline export`.

Belongs here: the facts about each table, and writing a table to a file. Does not belong here: reading and hashing
(`resources.lake`).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from resources.errors import LooplineError
from resources.lake import DAY, HOUR, Lake
from resources.lake.content import content_hash, content_hashes
from resources.naming import checked_name
from resources.slots import Hour


class TableExportError(LooplineError):
    """A table cannot be exported; the message names the file and the obstacle."""


@dataclass(frozen=True)
class TableFacts:
    """One table at its newest version.

    Attributes:
        partitions: Number of days, or hours, that have rows; 0 for a table without days.
        last_partition: The last of these days, ISO-8601, or hours, `2026-03-01-13:00`; `None` for a table without days.
        last_commit: Time of the last commit, ISO-8601 in UTC.
        content_hash: SHA-256 over the days, or hours, and the hashes of their sorted rows; independent of the files.
        hashes: The hash of the rows of each; for a table without days one hash, under `all`.
    """

    name: str
    version: int
    partitions: int
    last_partition: str | None
    rows: int
    last_commit: str
    content_hash: str
    hashes: dict[str, str] = field(default_factory=dict)

    def to_dict(self, *, by_partition: bool) -> dict[str, Any]:
        """JSON values; `by_partition` adds the hash of each day, or hour."""
        facts = asdict(self)
        return facts if by_partition else {key: value for key, value in facts.items() if key != "hashes"}


def product_tables(lake: Lake, product: str) -> tuple[TableFacts, ...]:
    """The facts about every table of a product, in the order of their names.

    Raises:
        DamagedPartition: A file of a table is missing, truncated, or fails its checksums.
    """
    return tuple(_facts(lake, table) for table in lake.tables(checked_name(product, "product")))


def export_table(lake: Lake, product: str, table: str, file: Path, version: int | None) -> int:
    """Writes a version of a table to one Parquet file and returns the number of rows.

    The file appears complete or not at all.

    Args:
        version: `None` for the newest version.

    Raises:
        TableExportError: The file cannot be written.
        MissingTable: The table, or that version of it, does not exist.
    """
    if file.is_dir():
        raise TableExportError(f"{file} is a folder; name a file in it")
    if not file.parent.is_dir():
        raise TableExportError(f"there is no folder {file.parent}; create it first")
    data = lake.read(f"{checked_name(product, 'product')}/{checked_name(table, 'table')}", version=version)
    unfinished = file.with_name(f".{file.name}.new")
    try:
        pq.write_table(data, unfinished, compression="zstd", write_page_checksum=True)
        unfinished.replace(file)
    except OSError as error:
        raise TableExportError(f"{file} cannot be written: {error}") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return data.num_rows


def version_at(lake: Lake, product: str, table: str, moment: datetime) -> int:
    """The version of a table that was the newest at a moment.

    Raises:
        TableExportError: The table did not exist then, or its log no longer reaches back so far.
        MissingTable: The table does not exist.
    """
    commits = lake.history(f"{checked_name(product, 'product')}/{checked_name(table, 'table')}")
    for commit in commits:
        if _committed_at(commit) <= moment:
            return int(commit["version"])
    first = f"; its log begins at {_committed_at(commits[-1]).isoformat()}" if commits else ""
    raise TableExportError(f"table {product}/{table} has no version at {moment.isoformat()}{first}")


def _committed_at(commit: Mapping[str, Any]) -> datetime:
    found: datetime = pa.scalar(commit["timestamp"], pa.timestamp("ms", tz="UTC")).as_py()
    return found


def _facts(lake: Lake, table: str) -> TableFacts:
    data = lake.read(table)
    hashes = _hashes(data) if DAY in data.column_names else {"all": content_hash(data)}
    (commit,) = lake.history(table, limit=1)
    whole = hashlib.sha256("".join(f"{day} {found}\n" for day, found in hashes.items()).encode()).hexdigest()
    return TableFacts(
        name=table.partition("/")[2],
        version=commit["version"],
        partitions=len(hashes) if DAY in data.column_names else 0,
        last_partition=max(hashes, default=None) if DAY in data.column_names else None,
        rows=data.num_rows,
        last_commit=_committed_at(commit).isoformat(),
        content_hash=whole,
        hashes=hashes,
    )


def _hashes(data: pa.Table) -> dict[str, str]:
    """The hash of the rows of each day, or hour."""
    if HOUR not in data.column_names:
        return content_hashes(data, DAY)
    return {str(Hour.holding(datetime.fromisoformat(at))): found for at, found in content_hashes(data, HOUR).items()}
