"""Parquet files as the lake keeps them.

Belongs here: how a data file is written and read, whoever does it. Does not belong here: which files there are
(`lake.py`), what is read of them.
"""

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as pafs
import pyarrow.parquet as pq

CHECKED = ds.ParquetFileFormat(
    default_fragment_scan_options=ds.ParquetFragmentScanOptions(page_checksum_verification=True)
)
"""Files whose page checksums are verified on every read."""


def write_parquet(table: pa.Table, path: str, files: pafs.FileSystem) -> None:
    """Writes one file, with page checksums: without them a flipped bit reads as another value.

    Moments and whole numbers are written as differences. A moment hardly ever occurs twice, so that a dictionary of
    moments is larger than they are, and takes half as long again to read.
    """
    counted = [field.name for field in table.schema if _is_counted(field.type)]
    pq.write_table(
        table, path, filesystem=files, compression="zstd", write_page_checksum=True,
        use_dictionary=[name for name in table.column_names if name not in counted],
        column_encoding=dict.fromkeys(counted, "DELTA_BINARY_PACKED"),
    )  # fmt: skip


def _is_counted(kind: pa.DataType) -> bool:
    """Whether a file holds its values as 32 or 64 bits of a whole number."""
    return pa.types.is_integer(kind) or pa.types.is_timestamp(kind) or pa.types.is_date32(kind)
