"""The rows that become requests, from real tables."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.operations.traffic.rows import NoRows, requests_of, rows_to_send
from pipelines.products import load_product
from resources.lake import Lake

PRODUCT = load_product("card_fraud")
FIELDS = frozenset({"transaction_id", "card_id", "terminal_id", "amount", "as_of"})
DAYS = [date(2026, 1, 1), date(2026, 1, 2)]
TABLE = "card_fraud/validated_card_transactions"


def rows(count: int) -> pa.Table:
    """The first half on the first day."""
    ids = range(1, count + 1)
    return pa.table({
        "transaction_id": pa.array(ids, pa.int64()),
        "card_id": [f"C{number % 7}" for number in ids],
        "terminal_id": ["T1"] * count,
        "event_time": pa.array([datetime(2026, 1, 1, tzinfo=UTC)] * count, pa.timestamp("us", tz="UTC")),
        "amount": [None if number == 1 else number / 4 for number in ids],
        "day": pa.array([DAYS[number > count / 2] for number in ids], pa.date32()),
    })  # fmt: skip


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    found = Lake(str(tmp_path / "lake"))
    found.replace(TABLE, rows(200), days=DAYS)
    return found


def test_requests_have_the_fields_of_the_service_and_the_values_of_the_table(lake: Lake) -> None:
    """Ids and keys too; the time is left to the service."""
    found = {
        row["transaction_id"]: row for row in requests_of(rows_to_send(lake, PRODUCT, FIELDS), seed=1, again=False)
    }
    assert found[1] == {"transaction_id": 1, "card_id": "C1", "terminal_id": "T1", "amount": None}
    assert found[9] == {"transaction_id": 9, "card_id": "C2", "terminal_id": "T1", "amount": 2.25}
    assert json.loads(json.dumps(found[9], allow_nan=False)) == found[9]
    assert sorted(found) == list(range(1, 201))


def test_the_seed_decides_the_order(lake: Lake) -> None:
    table = rows_to_send(lake, PRODUCT, FIELDS)
    orders = [[row["transaction_id"] for row in requests_of(table, seed=seed, again=False)] for seed in (1, 1, 2)]
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]
    assert orders[0] != sorted(orders[0])


def test_rows_come_again_only_when_told_and_in_another_order(lake: Lake) -> None:
    table = rows_to_send(lake, PRODUCT, FIELDS)
    assert len(list(requests_of(table, seed=1, again=False))) == 200
    twice = [row["transaction_id"] for row in islice(requests_of(table, seed=1, again=True), 400)]
    assert sorted(twice[:200]) == sorted(twice[200:]) == list(range(1, 201))
    assert twice[:200] != twice[200:]


def test_rows_of_a_day_and_later(lake: Lake) -> None:
    table = rows_to_send(lake, PRODUCT, FIELDS, first=DAYS[1])
    assert sorted(table["transaction_id"].to_pylist()) == list(range(101, 201))


def test_only_rows_that_the_product_decides(lake: Lake) -> None:
    """Also where the service does not take the column of the condition."""
    some = replace(PRODUCT, spine=PRODUCT.spine.where(card_id=("C3", "C4")))
    table = rows_to_send(lake, some, FIELDS - {"card_id"})
    assert {number % 7 for number in table["transaction_id"].to_pylist()} == {3, 4}
    assert "card_id" not in table.column_names


def test_another_table_of_the_product(lake: Lake) -> None:
    lake.replace("card_fraud/features", rows(5), days=DAYS)
    assert rows_to_send(lake, PRODUCT, FIELDS, table="features").num_rows == 5


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"table": "nothing"},
            "product card_fraud has no table nothing; `loopline tables card_fraud` lists its tables",
        ),
        ({"first": date(2026, 2, 1)}, "has no rows from 2026-02-01 on; `loopline run card_fraud`"),
        ({"table": "reports"}, "has no column card_id, terminal_id, transaction_id, which a request needs"),
        ({"table": "whole", "first": DAYS[0]}, "table card_fraud/whole has no days; leave --from-day out"),
        ({"table": "infinite"}, "column 'amount' has values that are not finite"),
        ({"table": "times"}, r"column 'amount' is timestamp\[us, tz=UTC\]; a request has numbers"),
    ],
)
def test_what_cannot_be_sent_is_refused(change: dict[str, object], said: str, lake: Lake) -> None:
    plain = rows(3).drop_columns(["day"])
    index = plain.column_names.index("amount")
    lake.replace("card_fraud/reports", pa.table({"amount": [1.0]}), days=None)
    lake.replace("card_fraud/whole", plain, days=None)
    lake.replace(
        "card_fraud/infinite", plain.set_column(index, "amount", pa.array([1.0, float("inf"), 2.0])), days=None
    )
    lake.replace("card_fraud/times", plain.set_column(index, "amount", plain["event_time"]), days=None)
    with pytest.raises(NoRows, match=said):
        rows_to_send(lake, PRODUCT, FIELDS, **change)  # type: ignore[arg-type]
