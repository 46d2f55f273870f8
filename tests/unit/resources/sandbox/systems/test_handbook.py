"""The public card payments take the same way in."""

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from resources.sandbox.systems.filling import fill_cards
from resources.sandbox.systems.handbook import fill_cards_from_handbook
from resources.sandbox.world.incidents import SandboxError
from resources.sandbox.world.settings import BankSettings


def month(at: list[datetime], first_id: int) -> pa.Table:
    n = len(at)
    return pa.table(
        {
            "TRANSACTION_ID": pa.array(range(first_id, first_id + n), pa.int64()),
            "TX_DATETIME": pa.array(at, pa.timestamp("ns")),
            "CUSTOMER_ID": pa.array([596 + k for k in range(n)], pa.int32()),
            "TERMINAL_ID": pa.array([3156 + k for k in range(n)], pa.int32()),
            "TX_AMOUNT": pa.array([57.16, 1039.3000000000002, 0.0][:n]),
            "TX_FRAUD": pa.array([0, 1, 0][:n], pa.int32()),
            "TX_FRAUD_SCENARIO": pa.array([0, 1, 0][:n], pa.int32()),
        }
    )


@pytest.fixture
def handbook(tmp_path: Path) -> Path:
    folder = tmp_path / "handbook"
    folder.mkdir()
    # Later ids first, and two payments in the same second: order is by time, then id.
    late, noon = datetime(2018, 4, 30, 23, 59, 59), datetime(2018, 4, 29, 12)
    april = month([late, noon, noon], 10).take([0, 2, 1])
    pq.write_table(april, folder / "2018-04.parquet")
    pq.write_table(month([datetime(2018, 5, 2, 0, 0, 31)], 13), folder / "2018-05.parquet")
    return folder


def test_payments_and_labels_land_by_day(handbook: Path, tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    summary = fill_cards_from_handbook(handbook, landing=landing)
    assert (summary.first_day, summary.last_day, summary.last_label_day) == (
        date(2018, 4, 29),
        date(2018, 5, 2),
        date(2018, 5, 9),
    )
    assert (summary.origin, summary.transactions, summary.labels, summary.written) == ("handbook", 4, 4, True)
    assert (landing / "card_transactions" / "2018-04-29.csv").read_text() == (
        "transaction_id,card_id,terminal_id,event_time,known_at,amount\n"
        "11,597,3157,2018-04-29T12:00:00.000000Z,2018-04-29T12:00:00.000000Z,1039.3\n"
        "12,598,3158,2018-04-29T12:00:00.000000Z,2018-04-29T12:00:00.000000Z,0\n"
    )
    assert (landing / "fraud_labels" / "2018-05-06.csv").read_text() == (
        "transaction_id,card_id,terminal_id,event_time,known_at,is_fraud\n"
        "11,597,3157,2018-04-29T12:00:00.000000Z,2018-05-06T12:00:00.000000Z,1\n"
        "12,598,3158,2018-04-29T12:00:00.000000Z,2018-05-06T12:00:00.000000Z,0\n"
    )
    labels = sorted(path.stem for path in (landing / "fraud_labels").glob("*.csv"))
    assert labels == [(date(2018, 4, 29) + timedelta(days=n)).isoformat() for n in range(11)]
    assert len(list((landing / "card_transactions").glob("*.csv"))) == 4
    assert pd.read_csv(landing / "card_transactions" / "2018-05-01.csv").empty


def test_the_marker_says_where_from_and_a_second_call_writes_nothing(handbook: Path, tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    fill_cards_from_handbook(handbook, landing=landing)
    marker = json.loads((landing / "card_transactions" / ".origin.json").read_text())
    assert (marker["origin"], marker["first_day"], marker["last_day"]) == ("handbook", "2018-04-29", "2018-05-02")
    assert not fill_cards_from_handbook(handbook, landing=landing).written


def test_another_origin_in_the_same_place_is_refused_both_ways(handbook: Path, tmp_path: Path) -> None:
    settings = BankSettings.of_size(customers=50, first_day=date(2025, 10, 1), last_day=date(2025, 10, 20))
    fill_cards_from_handbook(handbook, landing=tmp_path / "public")
    with pytest.raises(SandboxError, match=r"was filled from the handbook .*remove it first, or fill another place"):
        fill_cards(settings, landing=tmp_path / "public")
    fill_cards(settings, landing=tmp_path / "own")
    with pytest.raises(SandboxError, match="was filled from the sandbox"):
        fill_cards_from_handbook(handbook, landing=tmp_path / "own")


def test_changed_files_are_not_taken_for_the_same(handbook: Path, tmp_path: Path) -> None:
    fill_cards_from_handbook(handbook, landing=tmp_path / "landing")
    pq.write_table(month([datetime(2018, 6, 1)], 14), handbook / "2018-06.parquet")
    with pytest.raises(SandboxError, match="was filled with other settings"):
        fill_cards_from_handbook(handbook, landing=tmp_path / "landing")


def test_what_is_not_the_handbook_is_refused(handbook: Path, tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match=r"has no \*\.parquet file"):
        fill_cards_from_handbook(tmp_path / "nowhere", landing=tmp_path / "landing")
    table = month([datetime(2018, 6, 1)], 14)
    pq.write_table(table.drop_columns(["TX_FRAUD"]), handbook / "2018-06.parquet")
    with pytest.raises(SandboxError, match=r"2018-06.parquet lacks TX_FRAUD"):
        fill_cards_from_handbook(handbook, landing=tmp_path / "landing")
    amounts = pa.array([None], pa.float64())
    holed = table.set_column(table.column_names.index("TX_AMOUNT"), "TX_AMOUNT", amounts)
    pq.write_table(holed, handbook / "2018-06.parquet")
    with pytest.raises(SandboxError, match="1 rows have no TX_AMOUNT"):
        fill_cards_from_handbook(handbook, landing=tmp_path / "landing")
    assert not (tmp_path / "landing").exists()


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:200]), "2018-06.parquet cannot be read .*copy it again"),
        (lambda path: path.write_bytes(b""), "2018-06.parquet cannot be read"),
        (lambda path: path.write_text("TRANSACTION_ID,TX_AMOUNT\n1,2\n"), "2018-06.parquet cannot be read"),
        (lambda path: rewrite(path, "TX_AMOUNT", pa.array(["1.234,56"])), "2018-06.parquet cannot be read"),
        (lambda path: rewrite(path, "TX_AMOUNT", pa.array([float("nan")])), "2018-06.parquet cannot be read"),
        (lambda path: rewrite(path, "TX_FRAUD_SCENARIO", pa.array([1]), "TX_FRAUD"), "TX_FRAUD'. more than once"),
    ],
)
def test_a_damaged_monthly_file_is_named(
    handbook: Path, tmp_path: Path, harm: Callable[[Path], object], said: str
) -> None:
    pq.write_table(month([datetime(2018, 6, 1)], 14), handbook / "2018-06.parquet")
    harm(handbook / "2018-06.parquet")
    with pytest.raises(SandboxError, match=said):
        fill_cards_from_handbook(handbook, landing=tmp_path / "landing")
    assert not (tmp_path / "landing").exists()


def test_monthly_files_may_differ_in_types_that_hold_the_same_values(handbook: Path, tmp_path: Path) -> None:
    """A file whose ids or times another program wrote wider or narrower has the same rows."""
    path = handbook / "2018-05.parquet"
    table = pq.read_table(path)
    times = table["TX_DATETIME"].cast(pa.timestamp("ms"))
    rewrite(path, "TX_DATETIME", times)
    rewrite(path, "TRANSACTION_ID", table["TRANSACTION_ID"].cast(pa.string()))
    summary = fill_cards_from_handbook(handbook, landing=tmp_path / "landing")
    assert summary.transactions == 4


def rewrite(path: Path, column: str, values: object, name: str | None = None) -> None:
    """Writes the file again with another column in the place of one."""
    table = pq.read_table(path)
    pq.write_table(table.set_column(table.column_names.index(column), name or column, values), path)
