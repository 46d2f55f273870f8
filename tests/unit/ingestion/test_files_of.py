"""From a product's source of files to its reader: the contract tells which columns hold times."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from assets.ingestion.assets import files_of
from assets.product import Files
from pipelines.products import load_product
from resources.environments import load_environment
from resources.sources.systems import SourceSystems


def test_the_files_of_a_zone_s_day_lose_no_row_at_its_edge(tmp_path: Path) -> None:
    """A file of Berlin's day begins an hour or two before the UTC day: its first rows are of the day before."""
    first = date(2026, 7, 1)
    product = replace(load_product("card_fraud"), start=first)
    contract = product.contract("card_transactions")
    for day in (first + timedelta(days=n) for n in range(3)):
        rows = [f"{day}T{hour:02},{day} {hour:02}:30:00,{day} {hour:02}:30:00" for hour in range(24)]
        header = f"transaction_id,{contract.event_time},{contract.known_at}"
        (tmp_path / f"{day}.csv").write_text("\n".join([header, *rows]) + "\n")
    source = Files("card_transactions", "{day}.csv", zone="Europe/Berlin", connection="mine")
    systems = SourceSystems(load_environment({"LOOPLINE_HOME": str(tmp_path)}), {"mine": str(tmp_path)})
    found = list(files_of(product, source, systems).read([first, first + timedelta(days=1)]))
    expected = [f"2026-07-01T{hour:02}" for hour in range(2, 24)] + ["2026-07-02T00", "2026-07-02T01"]
    # The two rows before the first day are of no day of the product.
    assert found[0].rows["transaction_id"].to_pylist() == expected
    assert found[1].rows.num_rows == 24
    assert found[0].rows[contract.event_time][0].as_py() == "2026-07-01T00:30:00.000000Z"
    assert found[0].rows[contract.known_at][0].as_py() == "2026-07-01T00:30:00.000000Z"
