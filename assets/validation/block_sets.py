"""Sets of rows of a block in few bytes: what a task says of the rows of its block, and what is held of all blocks.

Belongs here: the form of a set, dividing rows into the sets of blocks. Does not belong here: the blocks
(`resources.lake.blocks`), the rules that choose rows.

A set takes four bytes a row and at most a bit for each row of its block. So a day whose rows are all bad is judged in
the memory of one whose rows are all good.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from resources.lake.blocks import Blocks

_POSITIONS, _BITS = b"p", b"b"


@dataclass(frozen=True)
class BlockFailure:
    """The rows that break one rule on one column: a set for each block."""

    rule: str
    column: str
    sets: tuple[bytes, ...]

    @property
    def count(self) -> int:
        """How many rows there are."""
        return sum(map(size_of, self.sets))


def packed_rows(rows: np.ndarray, block_rows: int) -> bytes:
    """The set of rows by their positions in a block of so many rows; empty for none."""
    if len(rows) * 32 < block_rows:
        return _POSITIONS + np.sort(rows).astype(np.int32).tobytes() if len(rows) else b""
    marks = np.zeros(block_rows, bool)
    marks[rows] = True
    return _BITS + np.packbits(marks).tobytes()


def marks_of(sets: Iterable[bytes], block_rows: int) -> np.ndarray:
    """Marks the rows of a block that are in any of the sets: bool [rows]."""
    marks = np.zeros(block_rows, bool)
    for one in sets:
        if one[:1] == _BITS:
            marks |= np.unpackbits(np.frombuffer(one, np.uint8, offset=1), count=block_rows).astype(bool)
        elif one:
            marks[_positions(one)] = True
    return marks


def rows_in(one: bytes, block_rows: int) -> np.ndarray:
    """The rows of a set by their positions, ascending: int64."""
    return np.flatnonzero(marks_of([one], block_rows))


def union(sets: Sequence[bytes], block_rows: int) -> bytes:
    """The rows that are in any of the sets."""
    some = [one for one in sets if one]
    return packed_rows(np.flatnonzero(marks_of(some, block_rows)), block_rows) if len(some) > 1 else b"".join(some)


def size_of(one: bytes) -> int:
    """How many rows a set has."""
    return int(np.bitwise_count(np.frombuffer(one, np.uint8, offset=1)).sum()) if one[:1] == _BITS else len(one) // 4


def by_block(blocks: Blocks, rows: np.ndarray) -> dict[int, bytes]:
    """The sets of the blocks that have some of the rows, which are ascending positions among all rows."""
    ends = np.searchsorted(rows, [*(block.start for block in blocks.each), blocks.rows])
    return {
        block.number: packed_rows(rows[first:last] - block.start, block.rows)
        for block, first, last in zip(blocks.each, ends[:-1], ends[1:], strict=True)
        if last > first
    }


def _positions(one: bytes) -> np.ndarray:
    return np.frombuffer(one, np.int32, offset=1)
