"""Single columns: membership of values, types of text, and columns that are refused."""

from collections.abc import Sequence

import pyarrow as pa
import pytest

from assets.features.columns.arrow import Members
from assets.vocabulary import FeatureError, days
from tests.unit.features.one_person import MICROS, NOON, payments, request, tx, value

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
def test_members_are_found_in_any_range_of_values(
    kind: pa.DataType, values: Sequence[object], among: Sequence[object]
) -> None:
    found = Members(pa.array(among, kind)).holds(pa.array(values, kind))
    assert found.type == pa.bool_()
    assert found.to_pylist() == [value in among for value in values]


def test_a_text_column_may_be_of_any_text_type() -> None:
    feature = tx.where(kind="a").count(days(1))
    for kind in (pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())):
        events = payments((3, 1.0), (2, 1.0), (1, 1.0), kind=pa.array(["a", None, "b"]).cast(kind))
        assert value(feature, events) == 1


@pytest.mark.parametrize(
    ("events", "spine", "message"),
    [
        (payments().drop_columns("amount"), request(), "tx: there is no column 'amount'"),
        (payments((1, float("inf"))), request(), "tx.amount holds an infinite value"),
        (payments((1, 1e14)), request(), "tx.amount holds .*2\\^53 or more steps of its resolution 0.01"),
        (payments((1, 1e308)), request(), "2\\^53 or more steps"),
        (
            payments((1, 1.0)).set_column(3, "amount", pa.array(["1.0"])),
            request(),
            "tx.amount is string, but is used as a number",
        ),
        (
            payments((1, 1.0)).set_column(1, "event_time", pa.array([NOON.replace(tzinfo=None)], pa.timestamp("us"))),
            request(),
            "'event_time' is timestamp\\[us\\]; it must be a timestamp in UTC",
        ),
        (
            payments((1, 1.0)).set_column(2, "known_at", pa.array([None], MICROS)),
            request(),
            "'known_at' is missing in 1 rows",
        ),
        (
            payments((1, 1.0)).set_column(1, "event_time", pa.array([1], pa.timestamp("ns", tz="UTC"))),
            request(),
            "finer than a microsecond",
        ),
        (
            payments((1, 1.0)).set_column(0, "who", pa.array([3])),
            request(),
            "key 'who' is int64, but .*string in the spine",
        ),
        (payments((1, 1.0)), request().drop_columns("who"), "spine: there is no column 'who'"),
        (payments((1, 1.0)), request().drop_columns("as_of"), "spine: there is no column 'as_of'"),
    ],
)
def test_columns_that_cannot_be_computed_exactly_are_refused(events: pa.Table, spine: pa.Table, message: str) -> None:
    with pytest.raises(FeatureError, match=message):
        value(tx.sum("amount", days(1)), events, spine)
