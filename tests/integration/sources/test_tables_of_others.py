"""Products drafted from tables of MySQL, DuckDB, Iceberg and Delta: checked against them, and loaded into the lake."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import duckdb
import pyarrow as pa
import pytest
from deltalake import write_deltalake
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.types import StringType

from assets.ingestion.assets import raw_asset
from assets.product.names import raw_name, table_name
from pipelines import products
from pipelines.drafting.roles import Given
from pipelines.operations import check_product as checking
from pipelines.operations import new_product as drafting
from pipelines.operations.loop.changed_sources import days_changed_at_source
from pipelines.partitions import daily
from pipelines.sandbox_sources import source_systems
from resources.environments import load_environment
from resources.lake import Lake
from tests.support.servers.mysql_server import mysql_server

FIRST = datetime(2026, 6, 1, 9, tzinfo=UTC)
DAY = date(2026, 6, 3)
COLUMNS = {
    "Order Id": "varchar(9) NOT NULL PRIMARY KEY", "customer_id": "varchar(9)", "day": "timestamp NULL",
    "amount": "decimal(9,2)", "returned": "tinyint(1)",
}  # fmt: skip


def orders() -> pa.Table:
    """Ten orders on each of sixty days; the time is in a column `day`, which the lake has too."""
    numbers = range(600)
    return pa.table({
        "Order Id": [f"O{n}" for n in numbers], "customer_id": [f"C{n % 40}" for n in numbers],
        "day": pa.array([FIRST + timedelta(hours=2.4 * n) for n in numbers], pa.timestamp("us", "UTC")),
        "amount": [n % 97 + 0.5 for n in numbers], "returned": [int(n % 4 == 0) for n in numbers],
    })  # fmt: skip


def of_mysql(folder: Path, stack: ExitStack) -> tuple[str, str]:
    server = stack.enter_context(mysql_server())
    moments = [str(day.replace(tzinfo=None)) for day in orders()["day"].to_pylist()]
    columns = orders().set_column(2, "day", pa.array(moments)).to_pydict().values()
    rows = list(zip(*columns, strict=True))
    server.fill("My Orders", COLUMNS, rows)
    return server.url, "My Orders"


def of_duckdb(folder: Path, stack: ExitStack) -> tuple[str, str]:
    with duckdb.connect(str(folder / "shop.duckdb")) as connection:
        connection.register("found", orders())
        connection.execute('CREATE TABLE "My Orders" AS SELECT * FROM found')
    return f"duckdb:///{folder}/shop.duckdb", "My Orders"


def of_iceberg(folder: Path, stack: ExitStack) -> tuple[str, str]:
    table = catalog(folder)
    table.create_namespace("sales")
    table.create_table("sales.orders", schema=orders().schema).append(orders())
    return f"iceberg+sqlite:///{folder}/catalog.db", "sales.orders"


def of_delta(folder: Path, stack: ExitStack) -> tuple[str, str]:
    write_deltalake(folder / "orders", orders())
    return str(folder), "orders"


def catalog(folder: Path) -> SqlCatalog:
    return SqlCatalog("default", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}/warehouse")


@pytest.mark.parametrize(
    ("of", "kind"),
    [(of_mysql, "DatabaseTable"), (of_duckdb, "DatabaseTable"), (of_iceberg, "IcebergTable"), (of_delta, "LakeTable")],
)
def test_a_table_becomes_a_product_that_loads(
    of: Callable[[Path, ExitStack], tuple[str, str]],
    kind: str,
    place: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with ExitStack() as stack:
        address, table = of(tmp_path, stack)
        monkeypatch.setenv("LOOPLINE_CONNECTION_SHOP", address)
        given = Given(label="returned", entities=("customer_id",))
        drafting.new_product(
            "shop", [f"orders=table:shop/{table}"], given, label_delay=timedelta(days=7), header_line=1, zone="UTC"
        )
        product = products.load_product("shop")
        (source,) = (source for source in product.sources if source.name == "orders")
        assert type(source).__name__ == kind
        report = checking.check_product("shop", load_environment(), lambda _: None)
        assert [(result.name, result.detail) for result in report.results if result.state == "failed"] == []
        environment = load_environment()
        lake = Lake(environment.lake)

        def load() -> dg.ExecuteInProcessResult:
            return dg.materialize(
                [raw_asset(product, source, daily(product, environment))],
                partition_key=DAY.isoformat(),
                resources={"lake": lake, "source_systems": source_systems(product, environment)},
            )

        load()
        rows = lake.read(table_name("shop", raw_name("orders")), days=[DAY])
        assert sorted(rows["order_id"].to_pylist()) == [f"O{n}" for n in range(17, 27)]
        assert days_changed_at_source(product, environment, (DAY, DAY), lambda _: None) == {"raw_orders": frozenset()}
        if kind != "IcebergTable":
            return
        theirs = catalog(tmp_path).load_table("sales.orders")
        with theirs.update_schema() as update:
            update.add_column("channel", StringType())
        theirs.append(orders().slice(20, 1).append_column("channel", pa.array(["web"])))
        (made,) = load().asset_materializations_for_node("shop__raw_orders")
        assert "channel" in str(made.metadata["schema_difference"].value)
