"""An HTTP API: its secret, its pages, and what happens while it is busy; against a server of this machine."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from resources.environments import load_environment
from resources.sources.http.api import ApiForm, HttpReader
from resources.sources.readers import SourceBroken, SourceUnavailable
from resources.sources.systems import SourceSystems
from tests.support.servers.http_server import QuietHandler, serving

DAY = date(2026, 1, 2)
ROWS = [{"id": str(n)} for n in range(5)]


class _Api(QuietHandler):
    asked: list[str]
    busy: int

    def do_GET(self) -> None:
        server: Any = self.server
        server.asked.append(self.path)
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        page = int(query.get("page") or query.get("cursor") or 0)
        rows, last = ROWS[2 * page : 2 * page + 2], page == 2
        here = f"{parts.path}?day={query.get('day')}&page={page + 1}"
        name = parts.path.rpartition("/")[2]
        if name == "busy" and len(server.asked) <= server.busy:
            self._send(server.status, [], {"Retry-After": server.retry_after} if server.retry_after else {})
        elif name == "bearer" and self.headers["Authorization"] != "Bearer tok-4711":
            self._send(401, ["tok-4711 is no secret of mine"])
        elif name == "key" and self.headers["X-Api-Key"] != "tok-4711":
            self._send(403, [])
        elif name == "links":
            self._send(200, rows, {} if last else {"Link": f'<{here}>; rel="next", </x>; rel="prev"'})
        elif name == "next":
            self._send(200, {"data": rows, "next": None if last else here})
        elif name == "cursor":
            self._send(200, {"data": rows, "meta": 1, "after": "" if last else str(page + 1)})
        elif name == "offset":  # gives three rows at most, whatever is asked for
            self._send(200, ROWS[int(query["skip"]) :][: min(int(query["size"]), 3)])
        elif name == "dated":
            self._send(200, [{"at": server.at[query["day"]]}, {"at": "never"}])
        elif name == "deaf":
            self._send(200, ROWS[:2])
        elif name == "tagged":
            tag = f'"{page}-{server.edition if last else 1}"'
            if self.headers["If-None-Match"] == tag:
                server.spared += 1
                self._send(304, None, {"ETag": tag})
                return
            self._send(
                200,
                [{**row, "edition": server.edition} if last else row for row in rows],
                {"ETag": tag} | ({} if last else {"Link": f'<{here}>; rel="next"'}),
            )
        elif name == "elsewhere":
            self._send(200, rows, {"Link": f'<http://evil.example{here}>; rel="next"'})
        elif name == "endless":
            self._send(200, rows, {"Link": f'<{self.path}>; rel="next"'})
        else:
            self._send(200, ROWS)

    def _send(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        self.answer(status, b"" if body is None else json.dumps(body).encode(), headers)


@pytest.fixture
def server() -> Iterator[Any]:
    with serving(_Api) as running:
        server: Any = running
        server.asked, server.busy, server.status, server.retry_after = [], 0, 503, ""
        server.edition, server.spared, server.at = 1, 0, {"2026-01-02": "2026-01-02T09:00:00"}
        server.url = f"http://127.0.0.1:{server.server_port}/v1"
        yield server


def ids(server: Any, path: str, *, token: str | None = None, **form: Any) -> list[str]:
    with HttpReader(server.url, ApiForm("h", path, **form), token=token, wait=0.01) as reader:
        (day,) = reader.read([DAY])
    return [row["id"] for row in day.rows.to_pylist()]


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/links", {}),
        ("/next", {"rows_field": "data", "next_field": "next"}),
        ("/cursor", {"rows_field": "data", "next_field": "after"}),
        ("/all", {"day_parameter": "on"}),
    ],
)
def test_every_page_is_read_once(server: Any, path: str, form: dict[str, str]) -> None:
    assert ids(server, path, **form) == ["0", "1", "2", "3", "4"]
    assert len(server.asked) == len(set(server.asked)) == (1 if path == "/all" else 3)
    assert all("2026-01-02" in asked and asked.startswith("/v1/") for asked in server.asked)


def test_pages_by_offset_end_with_one_that_is_empty(server: Any) -> None:
    """The server gives fewer rows than it is asked for: a page that is not full is not the last one."""
    form = {"page_size": 4, "limit_parameter": "size", "offset_parameter": "skip"}
    assert ids(server, "/offset", **form) == ["0", "1", "2", "3", "4"]
    assert [path.partition("&skip=")[2] for path in server.asked] == ["0", "3", "5"]
    with pytest.raises(SourceBroken, match="the same rows from offset=2 on .*correct offset_parameter="):
        ids(server, "/deaf", page_size=2)


def test_a_window_names_both_its_ends(server: Any) -> None:
    assert len(ids(server, "/all", day_parameter="since", until_parameter="before")) == 5
    query = parse_qs(urlsplit(server.asked[0]).query)
    assert query == {"since": ["2026-01-02T00:00:00Z"], "before": ["2026-01-03T00:00:00Z"]}


def test_a_pace_is_kept_over_pages_and_days(server: Any) -> None:
    with HttpReader(server.url, ApiForm("h", "/links", most_a_second=20)) as reader:
        began = time.monotonic()
        assert len(list(reader.read([DAY, DAY + timedelta(days=1)]))) == 2
    assert len(server.asked) == 6
    assert time.monotonic() - began >= 5 / 20


def test_a_day_whose_tags_still_hold_is_not_sent_again(server: Any) -> None:
    """Five days are known; the last three are asked for by their tags, and a page that is another is read again."""
    days = [DAY + timedelta(days=n) for n in range(5)]
    with HttpReader(server.url, ApiForm("h", "/tagged")) as reader:
        recorded = {day.day: json.loads(json.dumps(day.origin)) for day in reader.read(days)}
        assert recorded[DAY]["pages"] == 3
        asked = len(server.asked)
        assert reader.changed(recorded) == frozenset()
        assert (len(server.asked) - asked, server.spared) == (9, 9)
        server.edition = 2
        assert reader.changed(recorded) == set(days[-3:])
        untagged = {day: {"url": "x", "pages": 1} for day in days}
        assert reader.changed(untagged) == frozenset(), "days that older code read, and APIs without tags"


@pytest.mark.parametrize(("path", "said"), [("/elsewhere", "another server, evil.example"), ("/endless", "an end")])
def test_pages_that_lead_astray_are_refused(server: Any, path: str, said: str) -> None:
    """The secret goes to no other server, and no day is asked for without an end."""
    with pytest.raises(SourceBroken, match=f"source h, day 2026-01-02: .*{said}.*; ask its owner"):
        ids(server, path, token="tok-4711")


def test_a_secret_of_the_connection_is_sent_and_never_told(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = load_environment({"LOOPLINE_HOME": str(tmp_path), "LOOPLINE_CONNECTION_SCORES": server.url})
    for path, form in (("/bearer", {}), ("/key", {"key_header": "X-Api-Key"})):
        monkeypatch.delenv("LOOPLINE_CONNECTION_SCORES_TOKEN", raising=False)
        asked = ApiForm("h", path, **form)
        with (
            SourceSystems(environment).http(asked, connection="scores") as reader,
            pytest.raises(SourceBroken, match="answered 40[13] .*LOOPLINE_CONNECTION_SCORES_TOKEN") as told,
        ):
            list(reader.read([DAY]))
        assert "4711" not in str(told.value), "an answer's body is not repeated"
        monkeypatch.setenv("LOOPLINE_CONNECTION_SCORES_TOKEN", "tok-4711")
        with SourceSystems(environment).http(asked, connection="scores") as reader:
            (day,) = reader.read([DAY])
        assert (day.rows.num_rows, "4711" in json.dumps(day.origin)) == (5, False)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 408])
def test_a_busy_server_is_asked_again(server: Any, status: int) -> None:
    server.busy, server.status = 2, status
    assert ids(server, "/busy") == ["0", "1", "2", "3", "4"]
    assert len(server.asked) == 3


@pytest.mark.parametrize("written", ["seconds", "date"])
def test_a_server_that_says_when_is_not_asked_before(server: Any, written: str) -> None:
    server.busy = 1
    server.retry_after = (
        "1" if written == "seconds" else format_datetime(datetime.now(UTC) + timedelta(seconds=3), True)
    )
    began = time.monotonic()
    assert len(ids(server, "/busy")) == 5
    assert time.monotonic() - began >= 1


def test_a_server_that_stays_busy_is_told(server: Any) -> None:
    server.busy = 99
    with pytest.raises(SourceUnavailable, match="day 2026-01-02: .*/v1/busy answered 503; run the day again"):
        ids(server, "/busy")
    assert len(server.asked) == 4
    server.retry_after = "3600"
    with pytest.raises(SourceUnavailable, match="answered 503; it asks to wait 3600 s"):
        ids(server, "/busy")
    assert len(server.asked) == 5, "a run does not wait for an hour"


def test_a_password_in_the_address_is_not_told(server: Any) -> None:
    server.busy = 99
    address = server.url.replace("http://", "http://john:hunter2@")
    with (
        HttpReader(address, ApiForm("h", "/busy"), wait=0.01) as reader,
        pytest.raises(SourceUnavailable, match="127.0.0.1") as told,
    ):
        list(reader.read([DAY]))
    assert "hunter2" not in str(told.value)


def test_rows_say_of_which_day_they_are_and_are_known_later(server: Any) -> None:
    """The API is asked for the day of the events; a row of another day is refused and not moved."""
    server.at = {"2026-01-02": "2026-01-02T09:00:00"}
    form = ApiForm("h", "/dated", day_column="at", known_after=timedelta(days=7), zone="Europe/Berlin")
    with HttpReader(server.url, form) as reader:
        (found,) = reader.read([DAY + timedelta(days=7)])
        assert server.asked[-1].endswith("day=2026-01-02")
        assert found.rows.to_pylist() == [
            {
                "at": "2026-01-02T08:00:00.000000Z",
                "event_time": "2026-01-02T08:00:00.000000Z",
                "known_at": "2026-01-09T08:00:00.000000Z",
            },
            {"at": "never", "event_time": "never", "known_at": "never"},
        ]
        server.at = {"2026-01-02": "2026-01-03T09:00:00"}
        with pytest.raises(SourceBroken, match="a row of 2026-01-03, and was asked for 2026-01-02; check"):
            list(reader.read([DAY + timedelta(days=7)]))
    with (
        HttpReader(server.url, ApiForm("h", "/dated", day_column="when")) as reader,
        pytest.raises(SourceBroken, match="without 'when', which day_column names"),
    ):
        list(reader.read([DAY]))
