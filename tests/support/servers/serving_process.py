"""The real decision service in a folder of its own, for the integration test and the benchmark.

Belongs here: publishing sample bundles, starting and stopping the process, requests. Does not belong here: assertions.
"""

import json
import os
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import psutil

from assets.bundle.bundle import BundleParts
from assets.bundle.files import write_bundle
from assets.serving.launch import serve_command, serve_variables
from resources.environments import load_environment
from resources.keys import signing_key
from resources.online_store.opening import open_store
from resources.rollout_store.manifest import Release, RolloutManifest
from resources.rollout_store.store import RolloutStore
from tests.support.models.serving_samples import NOW, PRODUCT, fill_store
from tests.support.servers.ports import free_port

_START_SECONDS = 60.0


class Workspace:
    """A Loopline home with a filled online store, in which tests publish bundles."""

    def __init__(self, home: Path, *, events_each: int = 200) -> None:
        self.port = free_port()
        self.variables = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "LOOPLINE_HOME": str(home),
        }
        self.environment = load_environment(self.variables)
        self.rollout = RolloutStore.open(self.environment.rollout, home / "fetched")
        self._key = signing_key(self.variables, self.environment.home, "signing")
        store = open_store(self.environment.online_store, PRODUCT)
        fill_store(store, events_each=events_each)
        store.close()

    def beside(self) -> Self:
        """The same home for a second process, at a port of its own."""
        other = copy(self)
        other.port = free_port()
        return other

    def publish(self, parts: BundleParts) -> Release:
        """Writes and publishes a bundle."""
        folder = self.environment.home / "built" / parts.version
        digest = write_bundle(parts, folder, self._key)
        self.rollout.publish_bundle(PRODUCT, parts.version, folder)
        return Release(version=parts.version, digest=digest)

    def roll_out(self, champion: Release, **others: Any) -> None:
        """Makes a release the champion."""
        replaced = self.rollout.read_manifest(PRODUCT)
        manifest = RolloutManifest(
            product=PRODUCT, champion=champion, updated_at=NOW, by="test", reason=f"version {champion.version}",
            generation=replaced.generation + 1 if replaced else 1,
        )  # fmt: skip
        self.rollout.publish_manifest(PRODUCT, replace(manifest, **others))


class Service:
    """The decision service as a process, started from a foreign folder; ended when the block ends."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.certificate = workspace.variables.get("LOOPLINE_TLS_CERTIFICATE")
        self.url = f"http{'s' if self.certificate else ''}://127.0.0.1:{workspace.port}"
        self.start_seconds = 0.0
        self.log = workspace.environment.home / "service.log"

    def __enter__(self) -> Self:
        started = time.monotonic()
        self._scratch = TemporaryDirectory(prefix="loopline-")
        variables = {**self.workspace.variables, "TMPDIR": self._scratch.name}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                serve_command(host="127.0.0.1", port=self.workspace.port, variables=variables),
                env=serve_variables(self.workspace.environment, variables),
                cwd="/",
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        while self.get("/livez")[0] != 200:
            if self.process.poll() is not None or time.monotonic() - started > _START_SECONDS:
                self.stop()
                raise RuntimeError(f"the decision service did not start:\n{self.log.read_text()}")
            time.sleep(0.05)
        self.start_seconds = time.monotonic() - started
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> int:
        """Asks the process to end and waits; returns its exit status."""
        self.process.terminate()
        status = self.process.wait(20)
        self._scratch.cleanup()
        return status

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of a GET; status 0 if the service does not answer."""
        return self._answer(urllib.request.Request(self.url + path))

    def post(
        self, path: str, content: Mapping[str, Any] | bytes, *, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Status and JSON of a POST."""
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        request = urllib.request.Request(self.url + path, data=data, headers=dict(headers or {}), method="POST")
        status, text = self._answer(request)
        return status, json.loads(text) if text else {}

    def wait_until_ready(self) -> None:
        """Waits until a champion is loaded."""
        deadline = time.monotonic() + _START_SECONDS
        while self.get("/readyz")[0] != 200:
            if time.monotonic() > deadline:
                raise RuntimeError(f"the decision service is not ready:\n{self.log.read_text()}")
            time.sleep(0.05)

    def worker(self) -> psutil.Process:
        """The process that decides."""
        (found,) = psutil.Process(self.process.pid).children(recursive=True)
        return found

    def _answer(self, request: urllib.request.Request) -> tuple[int, str]:
        trusted = ssl.create_default_context(cafile=self.certificate) if self.certificate else None
        try:
            with urllib.request.urlopen(request, timeout=15, context=trusted) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return 0, ""
