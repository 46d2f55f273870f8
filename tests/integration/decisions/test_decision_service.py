"""The decision service as a process: from a published bundle to decisions, through swaps, tampering and loss."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from assets.bundle.files import load_bundle
from assets.replay.decision import replay
from assets.serving.log.decision_log import days, find_decision, scan_day
from resources.keys import signing_key
from tests.support.models.serving_samples import PRODUCT, REQUEST, sample_parts
from tests.support.servers.serving_process import Service, Workspace

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def service(workspace: Workspace) -> Iterator[Service]:
    with Service(workspace) as running:
        yield running


def decide(service: Service, **change: object) -> tuple[int, dict[str, Any]]:
    return service.post("/decide", {"product": PRODUCT, "request": REQUEST | change})


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline, f"{what}: it did not happen in time"
        time.sleep(0.02)


class Client:
    """Asks without a pause until the block ends."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.answers: list[tuple[int, dict[str, Any]]] = []

    def _run(self) -> None:
        while not self._stop.is_set():
            self.answers.append(decide(self._service, customer_id=f"C{len(self.answers) % 50}"))

    def __enter__(self) -> "Client":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(20)


def test_the_life_of_a_service(service: Service, workspace: Workspace) -> None:
    """One story, in order, since starting a process takes seconds."""
    not_ready(service)
    first = workspace.publish(sample_parts("1"))
    workspace.roll_out(first)
    service.wait_until_ready()
    swapped_without_a_dropped_request(service, workspace)
    a_tampered_bundle_is_refused(service, workspace)
    every_answer_can_be_replayed(workspace)
    without_its_store_the_fallback_answers(service, workspace)
    nothing_is_left_behind(service)


def not_ready(service: Service) -> None:
    assert service.get("/livez")[0] == 200
    assert service.get("/readyz")[0] == 503
    status, answer = decide(service)
    assert status == 503
    assert answer["error"].endswith("`loopline run loans`")


def swapped_without_a_dropped_request(service: Service, workspace: Workspace) -> None:
    with Client(service) as client:
        wait_for(lambda: len(client.answers) > 20, "answers of version 1")
        workspace.roll_out(workspace.publish(sample_parts("2", seed=2)))
        wait_for(lambda: client.answers[-1][1].get("bundle") == "2", "version 2 decides")
        seen = len(client.answers)
        wait_for(lambda: len(client.answers) > seen + 20, "more answers of version 2")
    assert {status for status, _ in client.answers} == {200}
    versions = [answer["bundle"] for _, answer in client.answers]
    assert versions == sorted(versions)
    assert set(versions) == {"1", "2"}


def a_tampered_bundle_is_refused(service: Service, workspace: Workspace) -> None:
    release = workspace.publish(sample_parts("3", seed=3))
    model = Path(workspace.environment.rollout) / PRODUCT / "bundles" / "3" / "model.onnx"
    model.write_bytes(model.read_bytes()[:-1] + b"!")
    with Client(service) as client:
        workspace.roll_out(release)
        failures = 'loopline_bundle_load_failures_total{product="loans"} 1.0'
        wait_for(lambda: failures in service.get("/metrics")[1], "the refusal is counted")
    assert {(status, answer["bundle"]) for status, answer in client.answers} == {(200, "2")}
    assert "model.onnx is not the file that was signed" in service.log.read_text()


def every_answer_can_be_replayed(workspace: Workspace) -> None:
    log = workspace.environment.decision_log
    key = signing_key(workspace.variables, workspace.environment.home, "signing")
    built = workspace.environment.home / "built"
    bundles = {version: load_bundle(built / version, key, None) for version in ("1", "2")}
    scanned = [scan_day(log, PRODUCT, day) for day in days(log, PRODUCT)]
    decisions = [decision for day in scanned for decision in day.decisions]
    assert len(decisions) > 40
    assert {decision.bundle for decision in decisions} == {"1", "2"}
    some = decisions[:: max(len(decisions) // 30, 1)]
    assert [replay(decision, bundles[decision.bundle]) for decision in some] == [()] * len(some)


def without_its_store_the_fallback_answers(service: Service, workspace: Workspace) -> None:
    shutil.rmtree(workspace.environment.home / "online")
    status, answer = decide(service)
    assert (status, answer["outcome"], answer["fallback"], answer["score"]) == (200, "review", "policy", None)
    record = find_decision(workspace.environment.decision_log, answer["decision_id"])
    assert "is not there" in (record.problem or "")


def nothing_is_left_behind(service: Service) -> None:
    children = psutil.Process(service.process.pid).children(recursive=True)
    assert children
    assert service.stop() == 0
    assert [child.pid for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE] == []
    assert service.get("/livez")[0] == 0


def test_a_killed_supervisor_takes_its_worker_along(workspace: Workspace) -> None:
    with Service(workspace) as service:
        workers = psutil.Process(service.process.pid).children(recursive=True)
        service.process.kill()
        gone, left = psutil.wait_procs(workers, timeout=10)
        assert (len(gone), left) == (1, [])
        assert service.get("/livez")[0] == 0
