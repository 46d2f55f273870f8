"""Readers: the rows of a day exactly as they arrived, or an error that names source, day and remedy."""

import json
import random
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import sqlalchemy as sa

from resources.sources import (
    DatabaseReader,
    DayRows,
    FilesReader,
    HttpReader,
    SourceBroken,
    SourceUnavailable,
    StreamFileReader,
)

DAY = date(2026, 1, 2)


def read_all(reader: DatabaseReader | FilesReader | HttpReader | StreamFileReader, days: list[date]) -> list[DayRows]:
    with reader:
        return list(reader.read(days))


def test_database_rows_are_parted_by_day_in_one_query(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/bank.db"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE t (id TEXT PRIMARY KEY, amount REAL, known_at TEXT)"))
        for n, hour in enumerate(
            ("2026-01-01T23:59:59", "2026-01-02T00:00:00", "2026-01-02T12:00:00", "2026-01-03T00:00:00")
        ):
            row = {"i": str(n), "a": 0.1 * n, "k": hour + ".000000Z"}
            connection.execute(sa.text("INSERT INTO t VALUES (:i, :a, :k)"), row)
    engine.dispose()
    first, second = read_all(DatabaseReader("t", url, "t", "known_at"), [DAY, DAY + timedelta(days=1)])
    assert first.rows["id"].to_pylist() == ["1", "2"]
    assert first.rows["amount"].to_pylist() == ["0.1", "0.2"]
    assert second.rows["id"].to_pylist() == ["3"]


def test_a_missing_table_and_a_database_that_is_down_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(SourceBroken, match="source t, day 2026-01-02: table 't' does not exist"):
        read_all(DatabaseReader("t", f"sqlite:///{tmp_path}/bank.db", "t", "known_at"), [DAY])
    with pytest.raises(SourceUnavailable, match="source t, day 2026-01-02: the database does not answer"):
        read_all(DatabaseReader("t", f"sqlite:///{tmp_path}/no/such/folder.db", "t", "known_at"), [DAY])


def test_file_values_stay_text_and_broken_lines_are_kept(tmp_path: Path) -> None:
    (tmp_path / "2026-01-02.csv").write_text("id,amount,word\n1,007.50,\nno row\n2,x,ü\n")
    (got,) = read_all(FilesReader("f", str(tmp_path), "{day}.csv"), [DAY])
    assert got.rows.to_pylist() == [
        {"id": "1", "amount": "007.50", "word": None},
        {"id": "2", "amount": "x", "word": "ü"},
    ]
    assert got.malformed == ("no row",)


def test_a_missing_file_and_an_empty_one_say_what_to_do(tmp_path: Path) -> None:
    reader = FilesReader("f", str(tmp_path), "{day}.csv")
    with pytest.raises(SourceBroken, match=r"source f, day 2026-01-02: no file .*2026-01-02.csv; ask the owner"):
        read_all(reader, [DAY])
    (tmp_path / "2026-01-02.csv").write_text("")
    with pytest.raises(SourceBroken, match="cut short"):
        read_all(reader, [DAY])
    (tmp_path / "2026-01-02.csv").write_text("id,amount\n")
    (got,) = read_all(reader, [DAY])
    assert (got.rows.num_rows, got.rows.column_names) == (0, ["id", "amount"])


class _Api(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        day = self.path.partition("day=")[2]
        status, body = {
            "2026-01-02": (200, [{"id": "r1", "score": 0.5, "note": None}]),
            "2026-01-03": (503, []),
            "2026-01-04": (200, {"no": "array"}),
        }.get(day, (404, []))
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *words: object) -> None:
        return


@pytest.fixture
def api() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Api)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_http_answers_become_rows_or_typed_errors(api: str) -> None:
    (got,) = read_all(HttpReader("h", api, "/reports"), [DAY])
    assert got.rows.to_pylist() == [{"id": "r1", "score": "0.5", "note": None}]
    with pytest.raises(SourceUnavailable, match="day 2026-01-03: .* answered 503"):
        read_all(HttpReader("h", api, "/reports"), [DAY + timedelta(days=1)])
    with pytest.raises(SourceBroken, match="JSON array"):
        read_all(HttpReader("h", api, "/reports"), [DAY + timedelta(days=2)])
    with pytest.raises(SourceBroken, match="answered 404"):
        read_all(HttpReader("h", api, "/reports"), [DAY + timedelta(days=3)])


def test_a_proxy_is_asked_for_what_is_elsewhere_alone(api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that does not answer stands between nobody and a bureau of this machine; one elsewhere is asked by it."""
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for base in (api, api.replace("127.0.0.1", "localhost")):
        assert read_all(HttpReader("h", base, "/reports"), [DAY])[0].rows.num_rows == 1
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, api)
    elsewhere = HttpReader("h", "http://bureau.invalid", "/reports")
    assert read_all(elsewhere, [DAY])[0].rows.num_rows == 1


def test_an_api_that_is_down_may_be_asked_again() -> None:
    with pytest.raises(SourceUnavailable, match="source h, day 2026-01-02: .* does not answer"):
        read_all(HttpReader("h", "http://127.0.0.1:9", "/reports", timeout=2), [DAY])


def test_a_stream_file_is_parted_by_arrival_without_loss(tmp_path: Path) -> None:
    chance, moment, lines = random.Random(3), datetime(2026, 1, 1, tzinfo=UTC), []
    for number in range(1500):
        moment += timedelta(minutes=chance.choice([0, 1, 60, 3000]))
        lines.append({"known_at": moment.isoformat(), "number": number, "pad": "x" * chance.randint(0, 60)})
    (tmp_path / "s.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range((moment.date() - date(2026, 1, 1)).days + 1)]
    got = read_all(StreamFileReader("s", tmp_path, "s", "known_at"), days)
    assert [number for day in got for number in day.rows.to_pydict().get("number", [])] == [str(n) for n in range(1500)]
    assert all(str(row["known_at"])[:10] == day.day.isoformat() for day in got for row in day.rows.to_pylist())
    assert [day.origin["end_offset"] for day in got[:-1]] == [day.origin["start_offset"] for day in got[1:]]
    (again,) = read_all(StreamFileReader("s", tmp_path, "s", "known_at"), [days[len(days) // 2]])
    assert again == got[len(days) // 2]


def test_a_stream_that_is_not_there_may_be_asked_again(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="source s, day 2026-01-02: no stream file"):
        read_all(StreamFileReader("s", tmp_path, "s", "known_at"), [DAY])
