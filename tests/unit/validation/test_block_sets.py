"""Sets of rows of a block: few bytes, whatever their size, and the same rows again."""

import numpy as np
import pytest

from assets.validation.block_sets import marks_of, packed_rows, rows_in, size_of, union

BLOCK = 1_003


@pytest.mark.parametrize("share", [0.0, 0.001, 0.02, 0.04, 0.5, 1.0])
def test_a_set_has_the_rows_that_were_packed(share: float) -> None:
    rows = np.flatnonzero(np.random.default_rng(1).random(BLOCK) < share)
    packed = packed_rows(rows[::-1], BLOCK)
    assert rows_in(packed, BLOCK).tolist() == rows.tolist()
    assert size_of(packed) == len(rows)
    assert len(packed) <= min(4 * len(rows), BLOCK // 8 + 1) + 1
    assert marks_of([packed], BLOCK).tolist() == np.isin(np.arange(BLOCK), rows).tolist()


def test_a_union_has_the_rows_of_its_sets_once() -> None:
    few, many = np.array([0, 7, BLOCK - 1]), np.arange(5, BLOCK, 2)
    sets = [packed_rows(few, BLOCK), b"", packed_rows(many, BLOCK)]
    assert rows_in(union(sets, BLOCK), BLOCK).tolist() == sorted({*few.tolist(), *many.tolist()})
    assert union([b"", b""], BLOCK) == b""
    assert union([b"", sets[0]], BLOCK) == sets[0]
