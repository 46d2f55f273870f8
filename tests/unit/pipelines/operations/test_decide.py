"""Asking the decision service, with a small server in its place."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.operations.decisions.decide import ask_service
from resources.environments import Environment, load_environment
from tests.support.servers.http_server import QuietHandler, serving


class _Service(QuietHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        content = json.dumps({"outcome": "accept", "request": asked["request"]}).encode()
        self.answer(200, content)


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Environment]:
    """One whose decision service answers."""
    found = load_environment({"LOOPLINE_HOME": str(tmp_path)})
    with serving(_Service) as server:
        ports = found.ports.model_copy(update={"decisions": server.server_port})
        yield found.model_copy(update={"ports": ports})


def test_the_service_of_this_machine_is_asked_past_any_proxy(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that does not answer keeps nobody from a decision."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert ask_service(environment, "credit_risk", {"amount": 1})["request"] == {"amount": 1}
