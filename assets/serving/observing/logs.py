"""The log lines of the decision process.

Belongs here: lines as JSON objects, and the access log. Does not belong here: what is logged, and by whom.

No line holds a body, a header field, a query, an address or a path as it was sent: of a request the access log has the
route, the status, the time and the name of the caller's key.
"""

import json
import logging
import sys
from datetime import UTC, datetime

from resources.processes.loops import described

_ACCESS = "loopline.access_log"


class JsonLines(logging.Formatter):
    """One JSON object a line: `at`, `level`, `logger`, `message`, and what else the record carries as `fields`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = described(record.exc_info[1])
        return json.dumps(line, default=str)


def log_as_json() -> None:
    """Gives every handler of this process lines of JSON."""
    names = [None, *logging.root.manager.loggerDict]
    handlers = {handler for name in names for handler in logging.getLogger(name).handlers}
    if not logging.getLogger().handlers:
        root = logging.StreamHandler(sys.stderr)
        logging.getLogger().addHandler(root)
        handlers.add(root)
    for handler in handlers:
        handler.setFormatter(JsonLines())


class AccessLog:
    """Writes a line of JSON on standard output for each request of a declared route."""

    def __init__(self) -> None:
        self._log = logging.getLogger(_ACCESS)
        self._log.setLevel(logging.INFO)
        self._log.propagate = False
        if not self._log.handlers:
            handler = logging.StreamHandler(sys.stdout)
            handler.setFormatter(JsonLines())
            self._log.addHandler(handler)

    def write(self, method: str, route: str, status: int, seconds: float, caller: str) -> None:
        """Writes the line of one request.

        Args:
            route: The route as the service declares it, not the path as it was sent.
            status: Status of the answer; 0 where the client went away before.
            caller: Name of the caller's key; empty without one.
        """
        fields = {"method": method, "route": route, "status": status, "ms": round(seconds * 1000, 2), "caller": caller}
        self._log.info("request", extra={"fields": fields})
