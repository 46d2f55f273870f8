"""Parquet files as the lake keeps them.

Belongs here: how a data file is written and read, whoever does it, and when one is damaged. Does not belong here:
which files there are (`lake.py`), what is read of them.
"""

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.fs as pafs
import pyarrow.parquet as pq

CHECKED = ds.ParquetFileFormat(
    default_fragment_scan_options=ds.ParquetFragmentScanOptions(page_checksum_verification=True)
)
"""Files whose page checksums are verified on every read."""
FAULTS = (OSError, pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeDecodeError)
"""What reading raises where a file is damaged or cannot be reached; `is_damage` tells which."""


def write_parquet(table: pa.Table, path: str, files: pafs.FileSystem) -> None:
    """Writes one file, with page checksums: without them a flipped bit reads as another value.

    Moments and whole numbers are written as differences. A moment hardly ever occurs twice, so that a dictionary of
    moments is larger than they are, and takes half as long again to read. Pages are of the second version, in which
    those that do not get smaller by compression stay as they are: a sixth less time to read.
    """
    counted = [field.name for field in table.schema if _is_counted(field.type)]
    pq.write_table(
        table, path, filesystem=files, compression="zstd", write_page_checksum=True, data_page_version="2.0",
        use_dictionary=[name for name in table.column_names if name not in counted],
        column_encoding=dict.fromkeys(counted, "DELTA_BINARY_PACKED"),
    )  # fmt: skip


def read_parquet(
    fragments: Sequence[ds.Fragment],
    schema: pa.Schema,
    files: pafs.FileSystem,
    columns: Mapping[str, pc.Expression],
    *,
    use_threads: bool = True,
) -> Iterator[pa.RecordBatch]:
    """Columns of data files in their order; one that a file does not have is null.

    Args:
        fragments: The files, of `CHECKED`.
        schema: Of their table.
        columns: For each wanted column what it is of the table's.

    Raises:
        OSError, pyarrow.ArrowException, UnicodeDecodeError: One of `FAULTS`: a file is gone, fails its checksums, is
            not of the table, or cannot be reached. Until all rows are read there may be one.
    """
    dataset = ds.FileSystemDataset(fragments, schema, CHECKED, files)
    yield from dataset.to_batches(columns=dict(columns), use_threads=use_threads, cache_metadata=True)
    for fragment in fragments:  # whose footers are known by now
        # No checksum covers a file's names: where a bit of one has flipped, the column would seem to be lacking.
        strange = sorted(set(fragment.physical_schema.names) - set(schema.names))
        if strange:
            raise pa.ArrowInvalid(f"it has columns that the table lacks: {', '.join(strange)}")


def is_damage(error: Exception) -> bool:
    """Whether the file is at fault, not the way to it: a system's error has a number, one of S3 says what it is."""
    if not isinstance(error, OSError) or isinstance(error, FileNotFoundError):
        return True
    return error.errno is None and "AWS Error" not in str(error)


def _is_counted(kind: pa.DataType) -> bool:
    """Whether a file holds its values as 32 or 64 bits of a whole number."""
    return pa.types.is_integer(kind) or pa.types.is_timestamp(kind) or pa.types.is_date32(kind)
