"""Data files of the lake: what goes in comes out, and a flipped bit is found."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.fs import LocalFileSystem

from resources.lake.parquet import write_parquet

MICROS = pa.timestamp("us", tz="UTC")
MOMENTS = [datetime.min.replace(tzinfo=UTC), None, datetime.max.replace(tzinfo=UTC)]


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, pa.Table]:
    """A table of all kinds of columns, moments in no order among them, and its file."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    moments = [*MOMENTS, *(start + timedelta(microseconds=number * 7919 % 100_003) for number in range(2_000))]
    size = len(moments)
    table = pa.table({
        "known_at": pa.array(moments, MICROS), "number": range(size), "ratio": [0.1 * n for n in range(size)],
        "small": pa.array([n * 37 % 256 - 128 for n in range(size)], pa.int8()),
        "large": pa.array([2**63 - 1, -(2**63), None, 0, *range(size - 4)], pa.int64()),
        "unsigned": pa.array([2**64 - 1, 0, None, 1, *range(size - 4)], pa.uint64()),
        "day": pa.array([None if n % 7 == 0 else start.date() for n in range(size)], pa.date32()),
        "text": [None if n % 3 else f"t{n % 5}" for n in range(size)], "flag": [n % 2 == 0 for n in range(size)],
    })  # fmt: skip
    write_parquet(table, str(tmp_path / "x.parquet"), LocalFileSystem())
    return tmp_path / "x.parquet", table


def test_a_table_is_read_as_it_was_written(written: tuple[Path, pa.Table]) -> None:
    path, table = written
    assert pq.read_table(path, page_checksum_verification=True).equals(table)


@pytest.mark.parametrize("column", ["known_at", "number", "text"])
def test_a_flipped_bit_is_found(written: tuple[Path, pa.Table], column: str) -> None:
    path, table = written
    chunk = pq.ParquetFile(path).metadata.row_group(0).column(table.column_names.index(column))
    content = bytearray(path.read_bytes())
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    content[start + chunk.total_compressed_size - 1] ^= 1
    path.write_bytes(content)
    with pytest.raises(OSError, match="CRC|checksum"):
        pq.read_table(path, page_checksum_verification=True)


def test_moments_take_less_than_in_a_dictionary(written: tuple[Path, pa.Table], tmp_path: Path) -> None:
    path, table = written
    pq.write_table(table.select(["known_at"]), tmp_path / "dictionary.parquet", compression="zstd")
    sizes = [pq.ParquetFile(file).metadata.row_group(0).column(0) for file in (path, tmp_path / "dictionary.parquet")]
    assert sizes[0].total_compressed_size < 0.7 * sizes[1].total_compressed_size
