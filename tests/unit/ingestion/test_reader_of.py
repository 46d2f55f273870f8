"""From a product's description of a source to its reader: each field arrives."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
from deltalake import write_deltalake

from assets.ingestion.assets import reader_of
from assets.product import Files, LakeTable, Product, Source
from pipelines.products import load_product
from resources.environments import load_environment
from resources.sources.readers import DayRows
from resources.sources.systems import SourceSystems
from tests.support.data.workbooks import Cell, workbook

FIRST = date(2026, 7, 1)
DAYS = [FIRST + timedelta(days=n) for n in range(3)]


def product() -> Product:
    return replace(load_product("card_fraud"), start=FIRST)


def read(source: Source, folder: Path) -> list[DayRows]:
    systems = SourceSystems(load_environment({"LOOPLINE_HOME": str(folder)}), {"mine": str(folder)})
    with reader_of(product(), source, systems) as reader:
        return list(reader.read(DAYS))


def test_a_delta_table_is_read_at_its_version_in_its_zone(tmp_path: Path) -> None:
    contract = product().contract("card_transactions")
    at = ["2026-07-01 12:00:00", "2026-07-02 01:30:00"]
    rows = pa.table({"transaction_id": ["1", "2"], contract.event_time: at})
    write_deltalake(tmp_path / "theirs" / "cards", rows)
    write_deltalake(tmp_path / "theirs" / "cards", rows, mode="append")
    source = LakeTable(
        "card_transactions", "theirs/cards", contract.event_time, connection="mine", zone="Europe/Berlin", version=0,
        known_after=timedelta(days=1),
    )  # fmt: skip
    found = read(source, tmp_path)
    assert [sorted(day.rows["transaction_id"].to_pylist()) for day in found] == [[], ["1", "2"], []]
    assert sorted(found[1].rows[contract.event_time].to_pylist()) == [
        "2026-07-01T10:00:00.000000Z",
        "2026-07-01T23:30:00.000000Z",
    ]


def test_a_sheet_with_a_copy_of_all_records_a_day_becomes_revisions(tmp_path: Path) -> None:
    """The times of the contract differ from one copy to the next, and make no record another."""
    contract = product().contract("card_transactions")
    for day, amounts in zip(DAYS, ((1, 2), (1, 3), (1, 3)), strict=True):
        header: list[Cell] = ["transaction_id", "amount", contract.event_time, contract.known_at]
        copies: list[list[Cell]] = [[f"T{n}", amount, day, day] for n, amount in enumerate(amounts)]
        content = workbook({"Cover": [["x"]], "Cards": [header, *copies]})
        (tmp_path / f"{day}.xlsx").write_bytes(content)
    source = Files("card_transactions", "{day}.xlsx", connection="mine", sheet="Cards", rows="snapshots")
    found = read(source, tmp_path)
    assert [day.rows["transaction_id"].to_pylist() for day in found] == [["T0", "T1"], ["T1"], []]
    assert found[1].rows["amount"].to_pylist() == ["3"]
