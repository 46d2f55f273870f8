"""A Delta table of others: opening it, its rows as text, and what a refusal means.

Belongs here: what both readers of a Delta table share. Does not belong here: which rows are of a day (`reader.py`,
`changes.py`).
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as pafs
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, DeltaProtocolError, TableNotFoundError

from resources.sources.files.formats import column_as_text
from resources.sources.files.parsed import Unreadable
from resources.sources.object_stores import delta_options, is_out_of_reach, is_s3, open_place
from resources.sources.readers import SourceBroken, SourceUnavailable
from resources.sources.times import table_with_offsets


@dataclass(frozen=True)
class LakeRows:
    """Which rows of a Delta table are a source's; `assets.product.LakeTable` describes each field for people.

    Attributes:
        times: The columns that hold times.
        first_day: The day of rows that have no readable time.
    """

    source: str
    day_column: str = "known_at"
    known_after: timedelta | None = None
    version: int | None = None
    zone: str = "UTC"
    times: tuple[str, ...] = ()
    first_day: date = date(1970, 1, 2)


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


def scanned(
    address: str, table: DeltaTable, paths: Collection[str], chosen: ds.Expression | None
) -> Iterator[pa.Table]:
    """The rows of some files of a version, in parts.

    Args:
        paths: The files, as the log names them.
        chosen: The condition of rows that are needed; others may be among those returned.
    """
    system, root = open_place(address.removeprefix("file://"))
    dataset = table.to_pyarrow_dataset(filesystem=pafs.SubTreeFileSystem(root, system))
    known = {unquote(path) for path in paths}
    fragments = [fragment for fragment in dataset.get_fragments() if unquote(fragment.path) in known]
    needed = ds.FileSystemDataset(fragments, dataset.schema, dataset.format, dataset.filesystem)
    for batch in needed.to_batches(filter=chosen):
        if batch.num_rows:
            yield pa.Table.from_batches([batch])


def text_rows(rows: pa.Table, wanted: LakeRows) -> pa.Table:
    """Rows as text, their times with an offset.

    Raises:
        Unreadable: A column has values that are no text.
    """
    texts = pa.table({name: column_as_text(name, rows[name], wanted.zone) for name in rows.column_names})
    return table_with_offsets(texts, [wanted.day_column, *wanted.times], wanted.zone)


def in_one_order(rows: pa.Table, first: str) -> pa.Table:
    """Rows sorted by a column, then by the others: how a table is cut into files must not show.

    Args:
        first: The column that counts first.
    """
    names = [first, *(name for name in rows.column_names if name != first)]
    return rows.sort_by([(name, "ascending") for name in names]).combine_chunks()


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
