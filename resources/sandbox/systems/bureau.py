"""The credit bureau's HTTP API: `python -m resources.sandbox.systems.bureau --data DIR --port N`.

Belongs here: the process that serves the reports that `fill_bank` wrote. Does not belong here: generating the reports
(`resources.sandbox.world.bureau_reports`). It imports nothing heavy, so that it starts at once, and listens on
127.0.0.1 only.

    GET /reports?day=YYYY-MM-DD   a JSON array: the reports that became known on that UTC day
    GET /healthz                  {"status": "ok"}

Errors are JSON objects with `error`: 400 for a day that is not a date, 404 for a day without published reports (before
or after the period, or in a planned outage) and for every other path.
"""

import argparse
import json
import signal
import sys
from datetime import date
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType
from urllib.parse import parse_qs, urlsplit

from resources.naming import BadName, checked_day

_HOST = "127.0.0.1"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections open
    server_version = "bureau"
    wbufsize = -1  # head and body leave in one packet
    disable_nagle_algorithm = True

    def __init__(self, reports: Path, *rest: object) -> None:
        self._reports = reports
        super().__init__(*rest)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/healthz":
            self._answer(200, b'{"status": "ok"}\n')
        elif parts.path == "/reports":
            self._answer_reports(parts.query)
        else:
            self._refuse(404, f"no such path: {parts.path}; ask /reports?day=YYYY-MM-DD or /healthz")

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Answers are not logged; errors are."""

    def _answer_reports(self, query: str) -> None:
        try:
            day = _day(query)
        except BadName as error:
            self._refuse(400, str(error))
            return
        try:
            content = (self._reports / f"{day}.json").read_bytes()
        except FileNotFoundError:
            self._refuse(404, f"no reports were published for {day}")
            return
        self._answer(200, content)

    def _refuse(self, status: int, message: str) -> None:
        self._answer(status, (json.dumps({"error": message}) + "\n").encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def make_server(data: Path, port: int) -> ThreadingHTTPServer:
    """A server bound to 127.0.0.1 that is not serving yet; port 0 takes a free one.

    Args:
        data: The folder that `fill_bank` was given as `bureau_data`.

    Raises:
        FileNotFoundError: The folder has no reports.
        OSError: The port is taken.
    """
    reports = data / "reports"
    if not reports.is_dir():
        raise FileNotFoundError(f"{reports} does not exist; fill the bank first")
    return ThreadingHTTPServer((_HOST, port), partial(_Handler, reports))


def main(arguments: list[str] | None = None) -> int:
    """Serves until SIGTERM or SIGINT; prints the address once it listens. Exit status 2 if it cannot start."""
    parser = argparse.ArgumentParser(
        prog="python -m resources.sandbox.systems.bureau", description="The sandbox credit bureau."
    )
    parser.add_argument("--data", type=Path, required=True, help="folder that the bank was filled into")
    parser.add_argument("--port", type=int, required=True, help="port of 127.0.0.1; 0 takes a free one")
    options = parser.parse_args(arguments)
    try:
        server = make_server(options.data, options.port)
    except FileNotFoundError as error:
        print(f"bureau: {error}", file=sys.stderr)
        return 2
    except (OSError, OverflowError) as error:
        print(f"bureau: port {options.port} cannot be used ({error}); choose another --port", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    print(f"bureau listens on http://{_HOST}:{server.server_address[1]}", flush=True)
    with server:
        server.serve_forever()
    return 0


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def _day(query: str) -> date:
    """The day that a query string asks for.

    Raises:
        BadName: The query names no day, several days, or a value that is not a date.
    """
    days = parse_qs(query, keep_blank_values=True).get("day", [])
    if len(days) != 1:
        raise BadName(f"day is {days}; write one ?day=YYYY-MM-DD")
    return checked_day(days[0])


if __name__ == "__main__":
    sys.exit(main())
