"""The asset `features` over a small lake, without a Spark session."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.features.assets import features_asset
from assets.product import Partitions
from assets.product.names import validated_table
from pipelines.products import load_product
from resources.lake import Lake

PRODUCT = load_product("card_fraud")
TRANSACTIONS = validated_table(PRODUCT.name, "card_transactions")
TABLE = "card_fraud/features"
FIRST, LAST = date(2026, 6, 10), date(2026, 6, 12)
DAYS = [FIRST + timedelta(days=n) for n in range(3)]


class _NoSpark:
    """A single day needs no session."""

    def session(self) -> Any:
        raise AssertionError("a session was asked for")


def _transactions(days: Sequence[date]) -> pa.Table:
    """One transaction of the same card on each of the days."""
    noon = pa.array([datetime.combine(day, time(12), UTC) for day in days], pa.timestamp("us", tz="UTC"))
    return pa.table(
        {
            "transaction_id": pa.array([day.toordinal() for day in days], pa.int64()),
            "card_id": pa.array(["c"] * len(days), pa.string()),
            "terminal_id": pa.array(["t"] * len(days), pa.string()),
            "amount": pa.array([1.0] * len(days), pa.float64()),
            "event_time": noon,
            "known_at": noon,
            "day": pa.array(days, pa.date32()),
        }
    )


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Validated transactions of three days, and no labels yet."""
    lake = Lake(str(tmp_path))
    lake.replace(TRANSACTIONS, _transactions(DAYS), days=DAYS)
    labels = _transactions([]).append_column("is_fraud", pa.array([], pa.bool_()))
    lake.replace(validated_table(PRODUCT.name, "fraud_labels"), labels, days=DAYS)
    return lake


def _materialise(lake: Lake, day: date) -> dg.ExecuteInProcessResult:
    asset = features_asset(PRODUCT, Partitions("day", FIRST, date(2026, 6, 30)))
    return dg.materialize(
        [asset], partition_key=day.isoformat(), resources={"lake": lake, "spark": _NoSpark()}, raise_on_error=False
    )


def test_a_damaged_file_fails_the_run_with_table_day_and_remedy(lake: Lake) -> None:
    """A bit of the window's first file has flipped: the run is not retried, since that would not help."""
    (path,) = (Path(path) for path in lake.paths(TRANSACTIONS, days=[FIRST]))
    metadata = pq.ParquetFile(path).metadata
    chunk = metadata.row_group(0).column(metadata.schema.names.index("card_id"))
    content = bytearray(path.read_bytes())
    content[(chunk.dictionary_page_offset or chunk.data_page_offset) + chunk.total_compressed_size - 1] ^= 1
    path.write_bytes(content)
    (failed,) = (event for event in _materialise(lake, LAST).all_events if event.is_step_failure)
    told = failed.step_failure_data.user_failure_data
    assert told is not None
    assert str(told.description).startswith(f"table {TRANSACTIONS}, day {FIRST}: data file ")
    remedy = f"loopline backfill card_fraud --from {FIRST} --to {FIRST} --select validated_card_transactions"
    assert str(told.description).endswith(
        f"cannot be read (could not verify page integrity, CRC checksum verification "
        f"failed for page_ordinal 0). Rematerialise it: {remedy}"
    )
    assert not lake.exists(TABLE)


def test_the_day_is_the_last_column_even_if_a_day_without_rows_is_first(lake: Lake) -> None:
    """The first commit has every column."""
    lake.replace(TRANSACTIONS, _transactions([]), days=[FIRST])
    assert _materialise(lake, FIRST).success
    before = lake.schema(TABLE)
    assert _materialise(lake, LAST).success
    assert lake.schema(TABLE) == before
    assert lake.read(TABLE).column_names == [
        "transaction_id",
        "card_id",
        "terminal_id",
        "as_of",
        *PRODUCT.features.names,
        "day",
    ]
    assert lake.read(TABLE)["card_count_7d"].to_pylist() == [2.0]


def test_a_day_older_than_a_column_is_computed(tmp_path: Path) -> None:
    """The contract gained `amount` after the first day was validated: the column is missing on that day."""
    lake = Lake(str(tmp_path))
    lake.replace(TRANSACTIONS, _transactions([FIRST]).drop_columns(["amount"]), days=[FIRST])
    lake.replace(TRANSACTIONS, _transactions(DAYS[1:]), days=DAYS[1:])
    labels = _transactions([]).append_column("is_fraud", pa.array([], pa.bool_()))
    lake.replace(validated_table(PRODUCT.name, "fraud_labels"), labels, days=DAYS)
    assert _materialise(lake, FIRST).success
    (row,) = lake.read(TABLE).to_pylist()
    assert (row["amount"], row["card_count_7d"], row["card_mean_amount_7d"]) == (None, 1.0, None)
