"""The lake as people on call ask for it.

Belongs here: what `loopline tables` and `loopline export` tell of a product's tables. Does not belong here: reading
and hashing themselves (`resources.lake`, `resources.lake.content`).
"""

import hashlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from resources.errors import LooplineError
from resources.lake import DAY, Lake
from resources.lake.content import content_hash, content_hashes
from resources.naming import checked_name


class TableExportError(LooplineError):
    """A table cannot be exported; the message names the file and what is in the way."""


@dataclass(frozen=True)
class TableFacts:
    """One table at its newest version.

    Attributes:
        partitions: Days that have rows; 0 for a table without days.
        content_hash: Of the sorted rows, whatever the files: the SHA-256 of each day with the hash of its rows.
        hashes: The hash of each day's rows.
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
        """Ready for JSON; the hash of each day only when it is asked for."""
        facts = asdict(self)
        return facts if by_partition else {key: value for key, value in facts.items() if key != "hashes"}


def product_tables(lake: Lake, product: str) -> tuple[TableFacts, ...]:
    """The facts of every table of a product, by name.

    Raises:
        DamagedPartition: A file of a table is missing, cut short, or fails its checksums.
    """
    return tuple(_facts(lake, table) for table in lake.tables(checked_name(product, "product")))


def export_table(lake: Lake, product: str, table: str, file: Path, version: int | None) -> int:
    """Writes a version of a table to one Parquet file, whole or not at all; gives its rows.

    Raises:
        TableExportError: The file cannot be written.
        MissingTable: There is no such table, or no such version of it.
    """
    if file.is_dir():
        raise TableExportError(f"{file} is a folder; name a file in it")
    if not file.parent.is_dir():
        raise TableExportError(f"there is no folder {file.parent}; make it first")
    data = lake.read(f"{checked_name(product, 'product')}/{checked_name(table, 'table')}", version=version)
    half = file.with_name(f".{file.name}.new")
    try:
        pq.write_table(data, half, compression="zstd", write_page_checksum=True)
        half.replace(file)
    except OSError as error:
        raise TableExportError(f"{file} cannot be written: {error}") from error
    finally:
        half.unlink(missing_ok=True)
    return data.num_rows


def _facts(lake: Lake, table: str) -> TableFacts:
    data = lake.read(table)
    hashes = content_hashes(data, DAY) if DAY in data.column_names else {"all": content_hash(data)}
    (commit,) = lake.history(table, limit=1)
    whole = hashlib.sha256("".join(f"{day} {found}\n" for day, found in hashes.items()).encode()).hexdigest()
    return TableFacts(
        name=table.partition("/")[2],
        version=commit["version"],
        partitions=len(hashes) if DAY in data.column_names else 0,
        last_partition=max(hashes, default=None) if DAY in data.column_names else None,
        rows=data.num_rows,
        last_commit=pa.scalar(commit["timestamp"], pa.timestamp("ms", tz="UTC")).as_py().isoformat(),
        content_hash=whole,
        hashes=hashes,
    )
