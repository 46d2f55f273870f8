"""A Delta table of others: opening it, its files and rows, and what a refusal means.

Belongs here: what both readers of a Delta table share. Does not belong here: which rows are of a day (`reader.py`,
`changes.py`), this project's own lake.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as pafs
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, DeltaProtocolError, TableNotFoundError

from resources.sources.files.parsed import Unreadable
from resources.sources.lake_tables.rows import DataFile, Needed, day_of_bound, midnight
from resources.sources.object_stores import delta_options, is_out_of_reach, is_s3, open_place
from resources.sources.readers import SourceBroken, SourceUnavailable


class DeltaFormat:
    """A Delta table in a folder or under an `s3://` prefix."""

    def __init__(self, address: str) -> None:
        self.shown = address

    def explained(self, where: str) -> AbstractContextManager[None]:
        """See `LakeFormat.explained`."""
        return explain_refusals(where, self.shown)

    def at(self, version: int | None) -> "DeltaVersion":
        """See `LakeFormat.at`."""
        return DeltaVersion(self.shown, open_table(self.shown, version))


class DeltaVersion:
    """A version of a Delta table; see `Version`."""

    def __init__(self, address: str, table: DeltaTable) -> None:
        self._address, self._table = address, table
        self.number: int = table.version()
        self.schema = pa.schema(table.schema().to_arrow())

    def files(self, column: str) -> list[DataFile]:
        """The files of the version, as its log describes them."""
        actions = pa.table(self._table.get_add_actions(flatten=True))
        count = actions.num_rows
        partition = f"partition.{column}"
        low, high = (partition, partition) if partition in actions.column_names else (f"min.{column}", f"max.{column}")
        lows, highs, nulls, rows = (
            actions[name].to_pylist() if name in actions.column_names else [None] * count
            for name in (low, high, f"null_count.{column}", "num_records")
        )
        is_text = not pa.types.is_temporal(self.schema.field(column).type)
        return [
            DataFile(
                path, day_of_bound(first), day_of_bound(last), is_text or (low != partition and empty != 0), of or 0
            )
            for path, first, last, empty, of in zip(actions["path"].to_pylist(), lows, highs, nulls, rows, strict=True)
        ]

    def rows(self, files: Sequence[str], column: str, needed: Needed | None) -> Iterator[pa.Table]:
        """See `Version.rows`."""
        chosen = None if needed is None or needed.with_odd else _within(self.schema.field(column), needed)
        system, root = open_place(self._address.removeprefix("file://"))
        dataset = self._table.to_pyarrow_dataset(filesystem=pafs.SubTreeFileSystem(root, system))
        known = {unquote(fragment.path): fragment for fragment in dataset.get_fragments()}
        fragments = [known[unquote(path)] for path in files]
        data = ds.FileSystemDataset(fragments, dataset.schema, dataset.format, dataset.filesystem)
        for batch in data.to_batches(filter=chosen):
            if batch.num_rows:
                yield pa.Table.from_batches([batch])


def _within(column: pa.Field, needed: Needed) -> ds.Expression | None:
    """The condition by which row groups are left out that have no row of the days; none for a text."""
    if not (pa.types.is_date(column.type) or pa.types.is_timestamp(column.type)):
        return None
    low, high = (
        pa.scalar(midnight(day, column.type), column.type) for day in (needed.first, needed.last + timedelta(days=1))
    )
    return (ds.field(column.name) >= low) & (ds.field(column.name) < high)


def open_table(address: str, version: int | None) -> DeltaTable:
    """The table at a version, or at the newest one.

    Raises:
        DeltaError, OSError: See `explain_refusals`.
    """
    return DeltaTable(address, version=version, storage_options=delta_options(address) or None)


@contextmanager
def explain_refusals(where: str, address: str) -> Iterator[None]:
    """Turns a refusal into the error that says what to do.

    Args:
        where: Source and day.
    """
    try:
        yield
    except TableNotFoundError as error:
        raise SourceBroken(
            f"{where}: there is no Delta table at {address}; correct table= or the connection's address"
        ) from error
    except DeltaProtocolError as error:
        raise SourceBroken(
            f"{where}: {address} needs what this reader does not have ({_first_line(error)}); ask its owner for a copy "
            f"without deletion vectors and column mapping"
        ) from error
    except FileNotFoundError as error:
        raise SourceBroken(
            f"{where}: {address} lacks a data file of this version; it was removed (VACUUM): pin a newer version, or "
            f"ask the owner"
        ) from error
    except Unreadable as error:
        raise SourceBroken(f"{where}: {address} {error}; ask its owner") from error
    except DeltaError as error:
        if is_s3(address) and "version" not in str(error).lower():
            raise SourceUnavailable(
                f"{where}: {address} does not answer ({_first_line(error)}); run it again"
            ) from error
        raise SourceBroken(f"{where}: {address} cannot be read ({_first_line(error)}); ask its owner") from error
    except (pa.ArrowException, OSError) as error:
        if is_out_of_reach(error):
            why = _first_line(error)
            raise SourceUnavailable(f"{where}: {address} does not answer ({why}); run it again") from error
        # Without the error's text: it may quote a value.
        raise SourceBroken(f"{where}: {address} has a data file that is damaged; ask its owner") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
