"""The sandbox writes nothing outside of its own folder: places that belong to somebody else stay as they were.

Each command runs with a database, a landing zone, a stream and an API that are not the sandbox's. Whatever the command
does, every file of these places keeps its bytes, no file appears, and the API is only ever read.
"""

import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipelines.cli import app
from pipelines.jobs import retrain_name
from pipelines.operations.loop.fill_sandbox import fill_sandbox
from pipelines.operations.loop.run_job import RunFailed, dagster_instance, run_job
from pipelines.operations.loop.source_days import prepare_sandbox
from pipelines.products import load_definitions, load_product, product_names
from resources.environments import load_environment
from resources.lake import Lake
from resources.sandbox.world.incidents import SandboxError
from tests.support.servers.ports import free_ports

FIRST = date(2018, 4, 1)
DAYS = tuple(FIRST + timedelta(days=n) for n in range(3))

CONNECTIONS = {
    "LOOPLINE_DATABASE_URL": "database",
    "LOOPLINE_LANDING": "landing",
    "LOOPLINE_STREAM": "stream",
    "LOOPLINE_BUREAU_URL": "bureau",
    "LOOPLINE_CONNECTION_DATABASE": "database",
}


@dataclass(frozen=True)
class Foreign:
    """Somebody's source systems, and a home beside them."""

    folder: Path
    home: Path
    asked: list[str]
    api: str

    @property
    def addresses(self) -> dict[str, str]:
        return {
            "LOOPLINE_DATABASE_URL": f"sqlite:///{self.folder}/core.db",
            "LOOPLINE_CONNECTION_DATABASE": f"sqlite:///{self.folder}/core.db",
            "LOOPLINE_LANDING": str(self.folder / "landing"),
            "LOOPLINE_STREAM": f"file://{self.folder}/stream",
            "LOOPLINE_BUREAU_URL": self.api,
        }

    def contents(self) -> dict[str, bytes | None]:
        """Every file with its bytes, and every folder, by its path."""
        paths = sorted(self.folder.rglob("*"))
        return {str(p.relative_to(self.folder)): p.read_bytes() if p.is_file() else None for p in paths}

    def use(self, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
        """Sets these addresses, by default all, for every command."""
        for name in names or self.addresses:
            monkeypatch.setenv(name, self.addresses[name])
        monkeypatch.setenv("LOOPLINE_HOME", str(self.home))
        monkeypatch.setenv("LOOPLINE_PORT_BASE", str(free_ports()))
        for product in product_names():  # a code location reads the environment when it is imported
            monkeypatch.delitem(sys.modules, f"pipelines.{product}.definitions", raising=False)


def _api(asked: list[str]) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            asked.append(self.command)
            self.send_response(404)
            self.end_headers()

        do_GET = answer  # other methods end in `send_error`

        def send_error(self, *_: object) -> None:
            self.answer()

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Nothing is logged."""

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[Foreign]:
    """A database without any of the sandbox's tables, daily files of cards, and a stream."""
    folder, asked = tmp_path / "theirs", list[str]()
    (folder / "landing" / "claims").mkdir(parents=True)
    (folder / "landing" / "claims" / "2026-09-30.csv").write_text("id,paid\n1,2.50\n")
    for source, column, value in (("card_transactions", "amount", "9.50"), ("fraud_labels", "is_fraud", "0")):
        (folder / "landing" / source).mkdir()
        for n, day in enumerate(DAYS):
            (folder / "landing" / source / f"{day}.csv").write_text(
                f"transaction_id,card_id,terminal_id,event_time,known_at,{column}\n"
                f"{n},7,3,{day}T10:00:00Z,{day}T10:00:00Z,{value}\n"
            )
    (folder / "stream").mkdir()
    (folder / "stream" / "claims.jsonl").write_text('{"id": 1, "known_at": "2026-09-30T00:00:00Z"}\n')
    with sqlite3.connect(folder / "core.db") as database:
        database.execute("CREATE TABLE claims (id INTEGER PRIMARY KEY, paid REAL)")
        database.execute("INSERT INTO claims VALUES (1, 2.5)")
    database.close()
    server = _api(asked)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Foreign(folder, tmp_path / "home", asked, f"http://127.0.0.1:{server.server_address[1]}")
    server.shutdown()
    thread.join()
    server.server_close()


def command(text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Runs a command as a person does; gives its text on standard error."""
    monkeypatch.setattr("sys.argv", ["loopline", *text.split()])
    with suppress(SystemExit):
        app.main()
    return capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        "demo",
        "run credit_risk",
        "run card_fraud --from 2018-04-01 --to 2018-04-02 --through ingestion",
        "backfill credit_risk --from 2026-09-01 --to 2026-09-02",
        "load credit_risk",
        "tables credit_risk",
        "replay credit_risk",
        "status",
        "down",
        "doctor",
    ],
)
def test_no_command_touches_them(
    text: str, foreign: Foreign, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign.use(monkeypatch)
    before = foreign.contents()
    said = command(text, monkeypatch, capsys)
    assert foreign.contents() == before
    assert set(foreign.asked) <= {"GET", "HEAD"}
    assert not (foreign.home / "bank").exists()
    assert "Traceback" not in said
    if text.startswith(("demo", "run", "backfill")):
        assert said.count("the sandbox fills nothing for") == 1


@pytest.mark.parametrize(
    "name", ["LOOPLINE_DATABASE_URL", "LOOPLINE_LANDING", "LOOPLINE_STREAM", "LOOPLINE_BUREAU_URL"]
)
def test_one_foreign_place_is_enough(name: str, foreign: Foreign, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox of a product is one bank: of half a bank, decisions would be about different people."""
    foreign.use(monkeypatch, name)
    before, said = foreign.contents(), list[str]()
    monkeypatch.setattr("resources.sandbox.systems.sandbox.fill_cards", lambda *_, **__: pytest.fail("filled"))
    if name != "LOOPLINE_LANDING":  # the other example reads files alone
        monkeypatch.setattr("pipelines.operations.loop.source_days.served_products", lambda: ("credit_risk",))
    prepare_sandbox(load_environment(), said.append)  # as `up` does
    assert foreign.contents() == before
    assert not (foreign.home / "bank").exists()
    assert all(f"the configured {CONNECTIONS[name]} alone" in sentence for sentence in said)
    assert len(said) == (2 if name == "LOOPLINE_LANDING" else 1)


def test_own_files_of_own_days_are_read_and_left_alone(
    foreign: Foreign, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The days are the product's own, long before the bank's; the jobs after the sources leave the places alone too."""
    foreign.use(monkeypatch)
    before = foreign.contents()
    said = command("run card_fraud --from 2018-04-01 --to 2018-04-03 --through validation", monkeypatch, capsys)
    environment = load_environment()
    assert "card_fraud/validated_card_transactions" in Lake(environment.lake).tables(), said
    assert Lake(environment.lake).days("card_fraud/validated_card_transactions") == DAYS
    with dagster_instance(environment) as instance, pytest.raises(RunFailed):
        run_job(load_definitions("card_fraud"), instance, retrain_name(load_product("card_fraud")))
    assert foreign.contents() == before


@pytest.mark.parametrize("state", ["closed", "in use", "absent"])
def test_a_database_file_is_read_as_it_is(
    state: str, foreign: Foreign, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No log of an interrupted writer is applied, and a wrong address creates no file."""
    foreign.use(monkeypatch)
    file, writer = foreign.folder / "core.db", sqlite3.connect(foreign.folder / "core.db")
    writer.execute("PRAGMA journal_mode = WAL")
    columns = "consent_id, customer_id, purpose, granted, event_time, known_at"
    writer.execute(f"CREATE TABLE consents ({columns})")
    writer.execute("INSERT INTO consents VALUES ('K1', 'C1', 'credit', 'true', '2026-09-01', '2026-09-01T08:00:00Z')")
    writer.commit()
    if state == "in use":  # as a killed writer leaves it: rows are in the log alone
        log = file.with_name("core.db-wal").read_bytes()
        content = file.read_bytes()
    writer.close()
    if state == "in use":
        file.write_bytes(content)
        file.with_name("core.db-wal").write_bytes(log)
    if state == "absent":
        file.unlink()
    before = foreign.contents()
    said = command("backfill credit_risk --from 2026-09-01 --to 2026-09-01 --select raw_consents", monkeypatch, capsys)
    after = {name: content for name, content in foreign.contents().items() if not name.endswith("-shm")}
    assert after == before, said
    lake = Lake(load_environment().lake)
    rows = lake.read("credit_risk/raw_consents").num_rows if "credit_risk/raw_consents" in lake.tables() else 0
    assert rows == (0 if state == "absent" else 1), said


@pytest.mark.parametrize("place", ["bank", "bank/landing", "bank/stream", "bank/bank.db"])
def test_a_link_out_of_the_home_is_not_followed(place: str, foreign: Foreign, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign.use(monkeypatch, "LOOPLINE_BUREAU_URL")
    monkeypatch.delenv("LOOPLINE_BUREAU_URL")
    link = foreign.home / place
    link.parent.mkdir(parents=True)
    link.symlink_to(foreign.folder / {"bank": "", "bank/bank.db": "core.db"}.get(place, link.name))
    before = foreign.contents()
    with pytest.raises(SandboxError, match="is a link to .*; the sandbox fills only its own folder"):
        prepare_sandbox(load_environment(), lambda _: None)
    assert foreign.contents() == before


def test_a_database_of_others_in_the_sandboxes_place_is_refused(
    foreign: Foreign, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The place alone does not make a database the sandbox's."""
    foreign.use(monkeypatch, "LOOPLINE_BUREAU_URL")
    monkeypatch.delenv("LOOPLINE_BUREAU_URL")
    own = foreign.home / "bank" / "bank.db"
    own.parent.mkdir(parents=True)
    own.write_bytes((foreign.folder / "core.db").read_bytes())
    before = own.read_bytes()
    with pytest.raises(SandboxError, match="has tables that the sandbox did not write \\(claims\\); move the database"):
        fill_sandbox(load_product("credit_risk"), load_environment(), lambda _: None)
    assert own.read_bytes() == before
    assert sorted(path.name for path in own.parent.iterdir()) == ["bank.db"]
