"""Asking the decision service, with a small server in its place."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipelines.operations.decide import ask_service
from resources.environments import Environment, load_environment


class _Service(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        content = json.dumps({"outcome": "accept", "request": asked["request"]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *words: object) -> None:
        return


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Environment]:
    """One whose decision service answers."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Service)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    found = load_environment({"LOOPLINE_HOME": str(tmp_path)})
    ports = found.ports.model_copy(update={"decisions": server.server_port})
    yield found.model_copy(update={"ports": ports})
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_service_of_this_machine_is_asked_past_any_proxy(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that does not answer keeps nobody from a decision."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert ask_service(environment, "credit_risk", {"amount": 1})["request"] == {"amount": 1}
