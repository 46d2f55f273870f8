"""Data files as fragments for PyArrow's reader, each read with as few requests as its size allows.

Belongs here: opening a file of a folder or of S3. Does not belong here: reading it (`parquet.py`), which file it is.

By itself PyArrow asks S3 for the size of a file, for its footer and for its columns. Most files of a day are smaller
than what S3 sends within the time of one answer, so a small file is read whole by one request.
"""

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.fs as pafs

from resources.lake.parquet import CHECKED
from resources.sources.objects import Objects

_WHOLE = 1 << 20
"""Bytes up to which a file is read whole."""


def fragment_of(
    files: pafs.FileSystem, path: str, *, size: int | None = None, partition: pc.Expression | None = None
) -> ds.ParquetFileFragment:
    """A data file; it is opened when it is read.

    Args:
        size: Its bytes, where they are known.
        partition: What is true of the partition columns of all its rows.
    """
    if isinstance(files, pafs.S3FileSystem) and (size is None or size <= _WHOLE):
        files = pafs.PyFileSystem(_SmallFiles(files))
    return CHECKED.make_fragment(path, filesystem=files, partition_expression=partition, file_size=size)


class _SmallFiles(pafs.FSSpecHandler):
    """Opens files of S3 for reading, and does nothing else: a small one by one request."""

    def __init__(self, files: pafs.S3FileSystem) -> None:
        super().__init__(files)
        self._objects = Objects()

    def open_input_file(self, path: str) -> pa.NativeFile:
        """The file, in memory if it is small."""
        end = self._objects.read(path, at_most=_WHOLE)
        if end is None:
            raise FileNotFoundError(f"s3://{path} does not exist")
        return pa.BufferReader(end) if len(end) < _WHOLE else self.fs.open_input_file(path)
