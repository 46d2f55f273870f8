"""The bureau's process: it starts at once, answers, refuses in words, and stops when told."""

import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.resources.sandbox.conftest import Home

CHECKOUT = Path(__file__).parents[5]


def command(data: Path, port: int = 0) -> list[str]:
    return [sys.executable, "-m", "resources.sandbox.systems.bureau", "--data", str(data), "--port", str(port)]


@pytest.fixture(scope="module")
def bureau(bank: Home) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command(bank.bureau), stdout=subprocess.PIPE, text=True, cwd=CHECKOUT)
    yield process
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def connection(bureau: subprocess.Popen[str]) -> http.client.HTTPConnection:
    assert bureau.stdout is not None
    address = bureau.stdout.readline().split("//")[1].strip()
    return http.client.HTTPConnection(address, timeout=5)


def get(connection: http.client.HTTPConnection, path: str) -> tuple[int, object]:
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def test_a_day_is_what_became_known_on_it(bank: Home, connection: http.client.HTTPConnection) -> None:
    seen = 0
    for number in range(1, 31):
        day = f"2025-11-{number:02d}"
        status, reports = get(connection, f"/reports?day={day}")
        assert status == 200
        assert isinstance(reports, list)
        assert all(report["known_at"][:10] == day for report in reports)
        seen += len(reports)
    assert seen > 50


def test_the_connection_stays_open(connection: http.client.HTTPConnection) -> None:
    get(connection, "/healthz")
    socket = connection.sock
    started = time.perf_counter()
    for _ in range(50):
        assert get(connection, "/healthz") == (200, {"status": "ok"})
    assert connection.sock is socket
    assert time.perf_counter() - started < 1.0, "answers wait for each other's packets"


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/reports?day=2025-13-01", 400, "not in the calendar"),
        ("/reports?day=yesterday", 400, "write YYYY-MM-DD"),
        ("/reports?day=../../etc/passwd", 400, "write YYYY-MM-DD"),
        ("/reports?day=2025-10-01&day=2025-10-02", 400, "write one ?day=YYYY-MM-DD"),
        ("/reports", 400, "write one ?day=YYYY-MM-DD"),
        ("/reports?day=2030-01-01", 404, "no reports were published for 2030-01-01"),
        ("/reports/2025-10-01.json", 404, "no such path"),
        ("/", 404, "no such path"),
    ],
)
def test_refusals_say_why(connection: http.client.HTTPConnection, path: str, status: int, message: str) -> None:
    answered, body = get(connection, path)
    assert answered == status
    assert isinstance(body, dict)
    assert message in body["error"]


def test_it_imports_nothing_heavy() -> None:
    heavy = ("numpy", "pyarrow", "sqlalchemy", "httpx")
    code = f"import sys, resources.sandbox.systems.bureau; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=CHECKOUT, check=True)
    assert done.stdout.strip() == "[]"


def test_it_stops_when_told(bank: Home) -> None:
    process = subprocess.Popen(command(bank.bureau), stdout=subprocess.PIPE, text=True, cwd=CHECKOUT)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("bureau listens on http://127.0.0.1:")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=5) == 0


def test_it_says_why_it_cannot_start(tmp_path: Path, bank: Home, connection: http.client.HTTPConnection) -> None:
    empty = subprocess.run(command(tmp_path), capture_output=True, text=True, cwd=CHECKOUT)
    assert empty.returncode == 2
    assert "fill the bank first" in empty.stderr
    taken = subprocess.run(command(bank.bureau, connection.port), capture_output=True, text=True, cwd=CHECKOUT)
    assert taken.returncode == 2
    assert f"port {connection.port} cannot be used" in taken.stderr
