"""The online store when processes are killed: nobody sees a mixture, and it ends with one version of each table."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assets.bundle.bundle import Bundle
from assets.serving.engine import Engine
from resources.environments import CHECKOUT
from resources.online_store.opening import open_store
from resources.online_store.protocol import OnlineStore, StoreError, StoreUnavailable
from tests.support.models.serving_samples import NOW, REQUEST, fill_store, sample_parts
from tests.support.models.serving_samples import PRODUCT as LOANS
from tests.support.processes import store_loader
from tests.support.processes.killing import CAMPAIGN
from tests.support.servers.redis_server import RedisServer

pytestmark = pytest.mark.slow
_SECONDS = 60.0
_PAUSE = 0.001
"""Leaves the processor to the loads: a reader that never pauses takes one of the cores."""


@pytest.fixture(params=["lmdb", "redis"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "lmdb":
        yield f"lmdb://{tmp_path}/online"
        return
    with RedisServer(tmp_path) as server:
        yield server.url


class Loader:
    """A process that loads versions one after another."""

    def __init__(self, url: str, first: int, last: int, *kind: str) -> None:
        command = [sys.executable, "-m", "tests.support.processes.store_loader", url, str(first), str(last), *kind]
        self.process = subprocess.Popen(
            command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def wait_for(self, line: str) -> None:
        assert self.process.stdout is not None
        for said in self.process.stdout:
            if said.strip() == line:
                return
        raise AssertionError(f"the loader ended before '{line}': {self.process.communicate()[1]}")

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


class Reader:
    """Reads, in a campaign without a pause; a store that is down is no answer, a mixture is a wrong one."""

    def __init__(self, store: OnlineStore) -> None:
        self._store, self._stop = store, threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.versions: list[int] = []
        self.mixed: list[str] = []
        self.failures = 0

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                snapshot = self._store.fetch_all(store_loader.WANTED)
            except StoreUnavailable:
                self.failures += 1
                time.sleep(0.002)
                continue
            self.versions.append(int(snapshot.version))
            if not store_loader.is_whole(snapshot):
                self.mixed.append(snapshot.version)
            if not CAMPAIGN:
                time.sleep(_PAUSE)

    def __enter__(self) -> "Reader":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(20)


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"{what}: it did not happen in time"
        time.sleep(0.01)


def load_here(store: OnlineStore, number: int) -> None:
    """A load that goes on with what an interrupted one has."""
    staged = store.staged()
    done = staged.sources if staged and staged.version == str(number) else {}
    for source in store_loader.SOURCES:
        if source not in done:
            store_loader.put(store, source, number)
    store.publish(str(number))


def ends_with(store: OnlineStore, number: int) -> None:
    """One version of each table, whole, and nothing of any other load."""
    state = store.state()
    assert state is not None
    assert state.table_versions == dict.fromkeys(store_loader.SOURCES, number)
    assert store.staged() is None
    assert len(state.places) == 1, "nothing is left to be moved"
    assert store_loader.is_whole(store.fetch_all(store_loader.WANTED))
    assert state.version == str(number)


def test_a_load_killed_half_way_is_run_again(url: str) -> None:
    """What was published stays until the second run publishes, which does not load again what the first had."""
    store = open_store(url, store_loader.PRODUCT)
    load_here(store, 1)
    loader = Loader(url, 2, 2)
    loader.wait_for("put orders 2")
    loader.kill()
    assert store_loader.is_whole(store.fetch_all(store_loader.WANTED))
    state, staged = store.state(), store.staged()
    assert state is not None
    assert staged is not None
    assert (state.version, staged.version, staged.sources["orders"].rows) == ("1", "2", {"customer_id": 12_000})
    load_here(store, 2)
    ends_with(store, 2)
    store.close()


@pytest.mark.parametrize("kind", [(), ("changes",)], ids=["everything", "changes"])
def test_a_writer_killed_at_any_moment_leaves_a_whole_version(url: str, kind: tuple[str, ...]) -> None:
    """Kills between the first byte of a load and its last; readers go on, and the next writer too."""
    store = open_store(url, store_loader.PRODUCT)
    load_here(store, 1)
    number, turns = 1, 4 if kind else 8
    with Reader(store) as reader:
        for turn in range(turns):
            state = store.state()
            assert state is not None
            number = int(state.version) + 1
            loader = Loader(url, number, number + 3, *kind)
            if turn % 2:
                loader.wait_for(f"put orders {number}")
            else:
                loader.wait_for(f"published {number}")
            time.sleep(turn * 0.009)
            loader.kill()
        if kind:
            store_loader.update(store, number + 5)
        else:
            load_here(store, number + 5)
    ends_with(store, number + 5)
    assert reader.mixed == []
    assert len(set(reader.versions)) > turns // 2
    assert reader.versions == sorted(reader.versions)
    # Redis may take longer to answer than a decision waits; LMDB asks nobody.
    assert reader.failures == 0 or url.startswith("redis"), "a killed writer disturbs no reader"
    store.close()


def test_redis_killed_during_loads_comes_back_with_a_whole_version(tmp_path: Path) -> None:
    """The load fails and is run again; until Redis is back, readers are told so, and nothing is half."""
    with RedisServer(tmp_path) as server:
        store = open_store(server.url, store_loader.PRODUCT)
        load_here(store, 1)
        with Reader(store) as reader:
            for turn in range(4):
                first = 10 * (turn + 1)
                loader = Loader(server.url, first, first + 5)
                loader.wait_for(f"put orders {first}" if turn % 2 else f"published {first}")
                time.sleep(0.02 * turn)
                server.kill()
                assert loader.process.wait(_SECONDS) != 0
                assert "StoreUnavailable" in loader.process.communicate()[1]
                failed = reader.failures
                until(lambda failed=failed: reader.failures > failed, "readers are told")  # type: ignore[misc]
                server.start()
                seen = len(reader.versions)
                until(lambda seen=seen: len(reader.versions) > seen, "readers read again")  # type: ignore[misc]
            load_here(store, 99)
        ends_with(store, 99)
        assert reader.mixed == []
        store.close()


def test_while_redis_is_down_decisions_fall_back_and_then_recover_by_themselves(tmp_path: Path) -> None:
    """Each decision made meanwhile is marked and says why; afterwards the features are those of before."""
    engine_of = Bundle(parts=sample_parts("1"), digest="ab" * 32, size=1)
    with RedisServer(tmp_path, always=True) as server:
        store = open_store(server.url, LOANS)
        fill_store(store)
        engine = Engine(engine_of, store, as_of_allowed=True)
        before = engine.decide(REQUEST, now=NOW)
        made: list[Any] = []
        stop = threading.Event()

        def decide() -> None:
            while not stop.is_set():
                made.append(engine.decide(REQUEST, now=NOW))

        thread = threading.Thread(target=decide)
        thread.start()
        until(lambda: len(made) > 5, "decisions")
        server.kill()
        until(lambda: made[-1].fallback == "policy", "decisions fall back")
        server.start()
        until(lambda: made[-1].fallback is None, "decisions recover")
        stop.set()
        thread.join(20)
    assert before.fallback is None
    down = [decision for decision in made if decision.fallback]
    assert {(d.fallback, d.outcome, d.score, len(d.features)) for d in down} == {("policy", "review", None, 0)}
    assert all("online store of loans" in (d.problem or "") for d in down)
    kept = {"id": before.id, "row_id": before.row_id}
    assert all(replace(d, **kept) == before for d in made if not d.fallback)
    store.close()


@contextmanager
def suppress_displaced() -> Iterator[None]:
    """Lets the one error pass that a load in another's place may have."""
    try:
        yield
    except StoreError as error:
        if "load one at a time" not in str(error) and "cannot be published" not in str(error):
            raise


def test_two_loads_at_once_end_with_one_whole_version(url: str) -> None:
    """The one that is displaced stops with an error that says so."""
    store = open_store(url, store_loader.PRODUCT)
    load_here(store, 1)
    loader = Loader(url, 2, 400)
    loader.wait_for("published 2")
    for number in (500, 501):
        with suppress_displaced():
            load_here(store, number)
    loader.kill()
    load_here(store, 999)
    ends_with(store, 999)
    store.close()
