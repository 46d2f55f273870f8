"""The decision service as a process beside damaged files: it answers, says why, and is repaired without a restart."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from resources.online_store.opening import open_store
from tests.campaigns.http.wire import Connection
from tests.support.models.serving_samples import PRODUCT, REQUEST, fill_store, sample_parts
from tests.support.servers.serving_process import Service, Workspace

pytestmark = pytest.mark.slow

_NESTED = b'{"champion":' * 100_000


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    made = Workspace(tmp_path_factory.mktemp("home"))
    made.roll_out(made.publish(sample_parts("1")))
    return made


@pytest.fixture(scope="module")
def service(workspace: Workspace) -> Iterator[Service]:
    with Service(workspace) as running:
        running.wait_until_ready()
        yield running


def decide(service: Service) -> dict[str, object]:
    status, answer = service.post("/decide", {"product": PRODUCT, "request": REQUEST})
    assert status == 200, answer
    return answer


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline, f"{what}: it did not happen in time"
        time.sleep(0.02)


def load(workspace: Workspace, version: str) -> None:
    """Loads the store anew, as `loopline load` does, from another process than the service."""
    store = open_store(workspace.environment.online_store, PRODUCT)
    store.repair()
    fill_store(store, version=version)
    store.close()


def test_a_manifest_that_cannot_be_read_stops_nothing(service: Service, workspace: Workspace) -> None:
    root = Path(workspace.environment.rollout)
    (root / "another").mkdir()
    (root / "another" / "manifest.json").write_bytes(_NESTED)
    good = (root / PRODUCT / "manifest.json").read_bytes()
    (root / PRODUCT / "manifest.json").write_bytes(_NESTED)
    wait_for(
        lambda: all(
            f'loopline_bundle_load_failures_total{{product="{product}"}}' in service.get("/metrics")[1]
            for product in ("another", PRODUCT)
        ),
        "both manifests are refused",
    )
    assert decide(service)["bundle"] == "1"
    (root / PRODUCT / "manifest.json").write_bytes(good)
    workspace.roll_out(workspace.publish(sample_parts("2", seed=2)))
    wait_for(lambda: decide(service)["bundle"] == "2", "the next version decides")
    assert 'loopline_loop_works{loop="rollout-watcher"} 1.0' in service.get("/metrics")[1]
    assert service.get("/readyz")[0] == 200


@pytest.mark.parametrize("kept", [0, 4096, 8192, 40_000])
def test_a_cut_store_costs_no_worker_and_is_mended_by_a_load(service: Service, workspace: Workspace, kept: int) -> None:
    load(workspace, f"before-{kept}")
    wait_for(lambda: decide(service)["fallback"] is None, "the store is read")
    workers = [child.pid for child in psutil.Process(service.process.pid).children(recursive=True)]
    os.truncate(workspace.environment.home / "online" / PRODUCT / "data.mdb", kept)
    answers = [decide(service) for _ in range(5)]
    assert {(answer["fallback"], answer["outcome"]) for answer in answers} == {("policy", "review")}
    assert [child.pid for child in psutil.Process(service.process.pid).children(recursive=True)] == workers
    assert f"data.mdb has {kept} bytes, fewer than its pages" in service.log.read_text()
    assert service.get("/readyz")[0] == 503
    assert f'loopline_online_store_works{{product="{PRODUCT}"}} 0.0' in service.get("/metrics")[1]
    load(workspace, f"after-{kept}")
    assert decide(service)["fallback"] is None
    assert service.get("/readyz")[0] == 200
    assert f'loopline_online_store_works{{product="{PRODUCT}"}} 1.0' in service.get("/metrics")[1]


def test_damaged_pages_are_told_before_and_after_a_restart(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "home")
    workspace.roll_out(workspace.publish(sample_parts("1")))
    with Service(workspace) as service:
        service.wait_until_ready()
        overwrite(workspace)
        # A page may end the process that reads it, once; the process that follows reads none of them.
        wait_for(lambda: fallback(service) == "policy", "the damage is noticed")
        wait_for(lambda: service.get("/readyz")[0] == 503, "readiness tells")
    with Service(workspace) as service:
        wait_for(lambda: fallback(service) == "policy", "a champion is loaded, without its store")
        assert "data.mdb is damaged" in service.log.read_text()
        assert service.get("/readyz")[0] == 503
        load(workspace, "repaired")
        assert decide(service)["fallback"] is None
        assert service.get("/readyz")[0] == 200


def fallback(service: Service) -> object:
    return service.post("/decide", {"product": PRODUCT, "request": REQUEST})[1].get("fallback")


def overwrite(workspace: Workspace) -> None:
    """Writes noise over every page of the store but the two that LMDB reads first."""
    file = workspace.environment.home / "online" / PRODUCT / "data.mdb"
    with file.open("rb+") as opened:
        opened.seek(2 * 4096)
        opened.write(os.urandom(file.stat().st_size - 2 * 4096))


def test_requests_that_their_connection_refused_are_counted(service: Service) -> None:
    """Those that no route sees: too slow, too large, no HTTP. One with a whole head is slow too."""
    head = b"POST /decide HTTP/1.1\r\nHost: a\r\n"
    sent = {
        "slow": head + b"Content-Length: 2\r\n\r\nx",
        "body_too_large": head + b"Content-Length: 70000\r\n\r\n",
        "head_too_large": head + b"X: x\r\n" * 101 + b"\r\n",
        "not_http": b"garbage\r\n\r\n",
    }
    connections = {why: Connection(("127.0.0.1", service.workspace.port)) for why in sent}
    for why, one in connections.items():
        one.send([sent[why]])
    statuses = {why: one.read("POST", seconds=12).status for why, one in connections.items()}
    assert statuses == {"slow": 408, "body_too_large": 413, "head_too_large": 431, "not_http": 400}
    _, metrics = service.get("/metrics")
    for why, one in connections.items():
        assert f'loopline_requests_refused_total{{why="{why}"}} 1.0' in metrics
        one.close()


def test_a_connection_is_kept_for_longer_than_a_pool_of_clients_rests(service: Service) -> None:
    """Uvicorn's own 5 s would close it while the next request is on its way."""
    with Connection(("127.0.0.1", service.workspace.port), seconds=10) as one:
        for pause in (0.0, 8.5):
            time.sleep(pause)
            one.send([b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"])
            assert one.read("GET", seconds=5).status == 200


def test_a_worker_that_a_bus_error_kills_says_so_and_is_replaced(service: Service) -> None:
    """The file was cut in the microseconds between the check of its size and the read, which nothing can prevent."""
    (killed,) = psutil.Process(service.process.pid).children(recursive=True)
    killed.send_signal(signal.SIGBUS)
    killed.wait(10)
    service.wait_until_ready()
    assert decide(service)["outcome"] in ("approve", "decline", "review")
    assert "Fatal Python error: Bus error" in service.log.read_text()
