"""A real Prometheus within a test; Debian's package `prometheus` brings it and `promtool`.

Belongs here: its start and its end, queries, promtool. Does not belong here: what is scraped and asked (the tests).
"""

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.servers.ports import free_port

needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None,
    reason="Prometheus is not installed here: apt-get install --no-install-recommends prometheus",
)
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Prometheus:
    """A server that scrapes once a second."""

    port: int

    def get(self, path: str, **parameters: str) -> Any:
        """The data of an answer of its API; a query that it refuses fails the test with its words."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with _DIRECT.open(url, timeout=10) as answer:
                return json.loads(answer.read())["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from error

    def is_ready(self) -> bool:
        """Whether it answers queries; for a moment after its start it refuses them."""
        try:
            with _DIRECT.open(f"http://127.0.0.1:{self.port}/-/ready", timeout=10):
                return True
        except OSError:
            return False

    def ask(self, query: str) -> list[dict[str, Any]]:
        """The series of an instant query."""
        found: list[dict[str, Any]] = self.get("query", query=query)["result"]
        return found


@contextmanager
def scraping(folder: Path, targets: Mapping[str, int], rules: list[Path]) -> Iterator[Prometheus]:
    """A server that scrapes ports of this machine, by the name of their job, and evaluates the rules."""
    port, settings = free_port(), folder / "prometheus.yml"
    jobs = [
        {"job_name": name, "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]} for name, target in targets.items()
    ]
    pace = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    settings.write_text(yaml.safe_dump({"global": pace, "rule_files": list(map(str, rules)), "scrape_configs": jobs}))
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            ["prometheus", f"--config.file={settings}", f"--storage.tsdb.path={folder / 'series'}",
             f"--web.listen-address=127.0.0.1:{port}"],
            stdout=log, stderr=subprocess.STDOUT, cwd=folder,
        )  # fmt: skip
        server, deadline = Prometheus(port), time.monotonic() + 60
        try:
            while not server.is_ready():
                assert process.poll() is None, (folder / "prometheus.log").read_text()
                assert time.monotonic() < deadline, "Prometheus did not start"
                time.sleep(0.1)
            yield server
        finally:
            process.terminate()
            process.wait(20)


def promtool(*arguments: str) -> str:
    """What promtool says; a status other than 0 fails the test."""
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
