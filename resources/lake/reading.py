"""Reading data files of a table, and finding the damaged one.

Belongs here: one reader for every user of the lake's files, the search for the file at fault, and the error that names
it. Does not belong here: one file's format (`parquet.py`), which files a version has (`lake.py`).
"""

from collections.abc import Callable, Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.fs as pafs

from resources.lake.errors import DamagedPartition
from resources.lake.parquet import FAULTS, is_damage, read_parquet
from resources.slots import Slot, named


def read_files(
    table: str,
    files: Mapping[str, ds.Fragment],
    schema: pa.Schema,
    system: pafs.FileSystem,
    columns: Mapping[str, pc.Expression],
    *,
    day_of: Callable[[str], Slot | None],
    use_threads: bool = True,
) -> Iterator[pa.RecordBatch]:
    """Columns of data files in their order, checksums and column names verified; a column that a file lacks is null.

    Args:
        table: The table's name in the lake, `product/table`, for errors.
        files: For each path, by which errors name the file, its fragment, made by `CHECKED`.
        schema: The schema of the table.
        system: The file system of the files.
        columns: For each wanted column, its expression over the table's columns.
        day_of: The slot of a path; `None` for a table without days.

    Raises:
        DamagedPartition: A file is missing, fails its checksums, or has columns that the table lacks.
        OSError: A file cannot be reached.
    """
    try:
        yield from read_parquet(list(files.values()), schema, system, columns, use_threads=use_threads)
    except FAULTS as error:
        for path, fragment in files.items():
            try:
                for _ in read_parquet([fragment], schema, system, columns, use_threads=use_threads):
                    pass
            except FAULTS as found:
                if not is_damage(found):
                    raise found from error
                raise damaged(table, path, day_of(path), f"cannot be read ({str(found).splitlines()[0]})") from error
        raise


def damaged(table: str, path: str, day: Slot | None, what: str) -> DamagedPartition:
    """The error that names a damaged data file, and the command that rematerialises its day.

    Args:
        what: The damage, as the end of a sentence: `is missing`.
    """
    product, _, name = table.partition("/")
    remedy = (
        f"loopline run {product}"
        if day is None
        else f"loopline backfill {product} --from {day} --to {day} --select {name}"
    )
    where = named(day) if day else "the whole table"
    return DamagedPartition(f"table {table}, {where}: data file {path} {what}. Rematerialise it: {remedy}")
