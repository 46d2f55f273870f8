"""The format of the lake's Parquet files.

Belongs here: writing one file, reading files with their checks, and telling damage from a failure to reach a file. Does
not belong here: naming the damaged file (`reading.py`), which files a version has (`lake.py`).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from resources.sources.object_stores import is_out_of_reach

CHECKED = ds.ParquetFileFormat(
    default_fragment_scan_options=ds.ParquetFragmentScanOptions(page_checksum_verification=True)
)
"""Files whose page checksums are verified on every read."""
FAULTS = (OSError, pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeDecodeError)
"""The errors of reading a file that is damaged or cannot be reached; `is_damage` tells which."""


def write_parquet(table: pa.Table, path: str, files: pafs.FileSystem) -> int:
    """Writes one file, with page checksums: without them a flipped bit reads as another value.

    Moments and whole numbers are written as differences: moments rarely repeat, so a dictionary of them is larger than
    the moments themselves and takes 1.5 times as long to read. Pages have version 2, which
    stores incompressible pages uncompressed: reading takes a sixth less time.

    Returns:
        The bytes of the file.
    """
    counted = [field.name for field in table.schema if _is_counted(field.type)]
    form: dict[str, Any] = {
        "compression": "zstd", "write_page_checksum": True, "data_page_version": "2.0",
        "use_dictionary": [name for name in table.column_names if name not in counted],
        "column_encoding": dict.fromkeys(counted, "DELTA_BINARY_PACKED"),
    }  # fmt: skip
    if isinstance(files, pafs.LocalFileSystem):  # of an error it leaves no half of a file
        pq.write_table(table, path, filesystem=files, **form)
        return int(files.get_file_info(path).size)
    with files.open_output_stream(path) as out:
        pq.write_table(table, out, **form)
        return int(out.tell())


def read_parquet(
    fragments: Sequence[ds.Fragment],
    schema: pa.Schema,
    files: pafs.FileSystem,
    columns: Mapping[str, pc.Expression],
    *,
    use_threads: bool = True,
) -> Iterator[pa.RecordBatch]:
    """Columns of data files in their order; a column that a file lacks is null.

    Args:
        fragments: The files, made by `CHECKED`.
        schema: The schema of their table.
        columns: For each wanted column, its expression over the table's columns.

    Raises:
        OSError, pyarrow.ArrowException, UnicodeDecodeError: One of `FAULTS`, possibly after some rows: a file is
            missing, fails its checksums, has columns that the table lacks, or cannot be reached.
    """
    dataset = ds.FileSystemDataset(fragments, schema, CHECKED, files)
    yield from dataset.to_batches(columns=dict(columns), use_threads=use_threads, cache_metadata=True)
    for fragment in fragments:  # their footers are cached by now
        # No checksum covers the column names of a file: a flipped bit in a name would look like a lacking column.
        strange = sorted(set(fragment.physical_schema.names) - set(schema.names))
        if strange:
            raise pa.ArrowInvalid(f"it has columns that the table lacks: {', '.join(strange)}")


def is_damage(error: Exception) -> bool:
    """Whether an error of reading says that the file is damaged, and not that it cannot be reached."""
    return not is_out_of_reach(error)


def _is_counted(kind: pa.DataType) -> bool:
    """Whether a file stores values of the type as whole numbers of 32 or 64 bits."""
    return pa.types.is_integer(kind) or pa.types.is_timestamp(kind) or pa.types.is_date32(kind)
