"""Named connections: several sources of a kind, each at an address of its own."""

from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from resources.environments import Environment, UnknownConnection, load_environment
from resources.sources.databases.days import DatabaseRows
from resources.sources.files.form import FileForm
from resources.sources.systems import SourceSystems

DAY = date(2026, 1, 2)


def environment(home: Path, **variables: str) -> Environment:
    return load_environment({"LOOPLINE_HOME": str(home), **variables})


def database(path: Path, value: str) -> str:
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE t (id TEXT, known_at TEXT)"))
        connection.execute(sa.text("INSERT INTO t VALUES (:v, '2026-01-02T00:00:00Z')"), {"v": value})
    engine.dispose()
    return str(engine.url)


def test_two_databases_and_two_folders_are_read_side_by_side(tmp_path: Path) -> None:
    systems = SourceSystems(
        environment(
            tmp_path / "home",
            LOOPLINE_CONNECTION_CORE=database(tmp_path / "core.db", "core"),
            LOOPLINE_DATABASE_URL=database(tmp_path / "own.db", "own"),
            LOOPLINE_LANDING=str(tmp_path / "landing"),
        ),
        {"scores": "data/scores", "local_db": "sqlite:///data/third.db"},
        tmp_path,
    )
    (tmp_path / "data" / "scores").mkdir(parents=True)
    database(tmp_path / "data" / "third.db", "third")
    (tmp_path / "landing").mkdir()
    for folder in ("landing", "data/scores"):
        (tmp_path / folder / "2026-01-02.csv").write_text(f"id\n{folder}\n")
    found = {}
    for connection in ("core", "database", "local_db"):
        with systems.database(DatabaseRows("t", "t", "known_at"), connection=connection) as reader:
            found[connection] = next(iter(reader.read([DAY]))).rows["id"].to_pylist()
    assert found == {"core": ["core"], "database": ["own"], "local_db": ["third"]}
    for connection, folder in (("landing", "landing"), ("scores", "data/scores")):
        with systems.files(FileForm("f", "{day}.csv"), connection=connection) as files:
            assert next(iter(files.read([DAY]))).rows["id"].to_pylist() == [folder]


def test_a_variable_comes_before_the_environment_and_that_before_the_product(tmp_path: Path) -> None:
    declared = {"landing": "/of/the/product", "scores": "/of/the/product"}
    plain = environment(tmp_path)
    assert plain.address_of("landing", declared) == f"{tmp_path.resolve()}/bank/landing"
    assert plain.address_of("scores", declared) == "/of/the/product"
    given = environment(tmp_path, LOOPLINE_CONNECTION_LANDING="/one", LOOPLINE_CONNECTION_SCORES="postgresql://two")
    assert (given.address_of("landing", declared), given.landing) == ("/one", "/one")
    assert given.address_of("scores", declared) == "postgresql+psycopg2://two"


def test_a_connection_without_an_address_names_the_variable(tmp_path: Path) -> None:
    with pytest.raises(UnknownConnection, match="set LOOPLINE_CONNECTION_CORE_2 to .* or write Product"):
        environment(tmp_path).address_of("core_2", {})
    only_local = environment(tmp_path).model_copy(update={"name": "prod"})
    with pytest.raises(UnknownConnection, match="'scores' has no address; set LOOPLINE_CONNECTION_SCORES"):
        only_local.address_of("scores", {"scores": "/of/the/product"})


def test_a_secret_is_no_address(tmp_path: Path) -> None:
    given = environment(tmp_path, LOOPLINE_CONNECTION_SCORES_TOKEN="tok-4711")
    assert "tok-4711" not in repr(given)
    with pytest.raises(UnknownConnection):
        given.address_of("scores_token", {})
