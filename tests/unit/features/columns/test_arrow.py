"""Single columns: which values stand among others."""

from collections.abc import Sequence

import pyarrow as pa
import pytest

from assets.features.columns.arrow import Members

FAR = [-(2**63), 2**63 - 1]


@pytest.mark.parametrize(
    ("kind", "values", "among"),
    [
        (pa.int64(), [5, -3, 7, 6, -4, *FAR], [-3, 7, 8]),
        (pa.int64(), [5, -3, 7, *FAR], [7, *FAR]),
        (pa.int64(), [0, -1, 2**63 - 2, *FAR], [FAR[0], FAR[0] + 2]),
        (pa.int64(), [0, -1, 2**63 - 2, *FAR], [FAR[0] + 1, FAR[0] + 3]),
        (pa.int64(), [0, -1, 2**63 - 2, *FAR], [FAR[1], FAR[1] - 2]),
        (pa.int64(), [5, None, 7, 0], [7, 0]),
        (pa.int64(), [5, 7], []),
        (pa.int64(), [], [5]),
        (pa.uint64(), [2**64 - 1, 2**64 - 2, 0], [2**64 - 1, 2**64 - 3]),
        (pa.int8(), [-128, 127, 0], [-128, 127]),
        (pa.large_string(), ["a", None, "b", ""], ["", "b"]),
    ],
)
def test_values_are_found_among_others_whether_close_together_or_far_apart(
    kind: pa.DataType, values: Sequence[object], among: Sequence[object]
) -> None:
    found = Members(pa.array(among, kind)).holds(pa.array(values, kind))
    assert found.type == pa.bool_()
    assert found.to_pylist() == [value in among for value in values]
