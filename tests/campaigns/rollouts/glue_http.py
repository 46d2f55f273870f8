"""Two processes of the real decision service over one store, worse bundles, and a steady stream of requests.

Belongs here: making bundles worse, sending at a rate, reading what each process serves. Does not belong here: starting
a process (`tests.support.servers.serving_process`), the judgement (`test_over_http.py`).
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import numpy as np

from assets.bundle.bundle import BundleParts
from assets.product import Rollout, Step
from assets.rollout.moves import Who, advanced, begun, rolled_back
from resources.rollout_store.manifest import RolloutManifest
from tests.campaigns.service.planted import failing
from tests.support.models.serving_samples import PRODUCT, REQUEST, sample_parts
from tests.support.servers.serving_process import Service, Workspace

Worse = Literal["score", "refusals", "fallbacks"]
REGRESSIONS: Mapping[Worse, tuple[float, ...]] = {
    "score": (1.0, 1.5, 2.5, 4.0),  # added to the log-odds
    "refusals": (0.0, 0.05, 0.1, 0.2),  # the threshold, of 0.5
    "fallbacks": (18_000.0, 16_000.0, 12_000.0, 500.0),  # the amount, of up to 20,000, above which there is no number
}
POLICY = Rollout(
    steps=(Step(0.0, 100_000, timedelta(0)), Step(0.5, 100_000, timedelta(0))), deadline=timedelta(hours=1),
    latency_ms=500.0,
)  # fmt: skip
"""No step ends by itself; the budget is above what a busy machine adds to a decision."""


def worse(version: str, kind: Worse, size: float) -> BundleParts:
    """A bundle with a planted regression."""
    parts = sample_parts(version)
    match kind:
        case "score":
            calibration = replace(parts.calibration, intercept=parts.calibration.intercept + size)
            return replace(parts, calibration=calibration)
        case "refusals":
            return replace(parts, policy=replace(parts.policy, threshold=size))
        case "fallbacks":
            return failing(parts, size)


class Pair:
    """Two processes over one store."""

    def __init__(self, workspace: Workspace, services: tuple[Service, Service]) -> None:
        self.workspace = workspace
        self.services = services
        self._version = 1
        self._sent = 0

    @property
    def state(self) -> RolloutManifest:
        """The rollout state."""
        found = self.workspace.rollout.read_manifest(PRODUCT)
        assert found is not None
        return found

    def begin(self, make: Callable[[str], BundleParts], *, canary: bool) -> None:
        """A rollout of a next version begins, as a shadow or at half of the entities; both processes follow."""
        self._version += 1
        release, who = self.workspace.publish(make(str(self._version))), Who("judge", "it begins", datetime.now(UTC))
        state = begun(self.state, (release,), POLICY, who)
        self.workspace.rollout.publish_manifest(PRODUCT, state)
        if canary:
            self.workspace.rollout.publish_manifest(PRODUCT, advanced(state, who))
        assert self.followed(20.0) is not None

    def end(self) -> None:
        """A person ends the rollout."""
        who = Who("judge", "it ends", datetime.now(UTC))
        self.workspace.rollout.publish_manifest(PRODUCT, rolled_back(self.state, who))

    def followed(self, seconds: float) -> float | None:
        """Seconds until every process serves what the state says; `None` if that takes longer."""
        started = time.monotonic()
        while time.monotonic() - started < seconds:
            if all(_serves(service) == _wanted(self.state) for service in self.services):
                return time.monotonic() - started
            time.sleep(0.05)
        return None

    def send(self, seconds: float, rate: float = 50.0) -> tuple[float, int, list[int]]:
        """Sends until the rollout is over, or for so long.

        Returns:
            Seconds, requests, and the statuses other than 200.
        """
        started, wrong, over = time.monotonic(), list[int](), threading.Event()
        count = 0

        def one(number: int) -> None:
            # The seed is the number of the request, so that a run can be repeated.
            chance = np.random.default_rng(number)
            change: dict[str, Any] = {
                "customer_id": f"E{int(chance.zipf(1.3)) % 20_000}-{number % 900}",
                "amount": int(chance.uniform(500, 20_000)), "income_monthly": int(chance.uniform(800, 6_000)),
            }  # fmt: skip
            status, _ = self.services[number % 2].post("/decide", {"product": PRODUCT, "request": REQUEST | change})
            if status != 200:
                wrong.append(status)

        with ThreadPoolExecutor(16) as pool:
            while not over.is_set() and (elapsed := time.monotonic() - started) < seconds:
                while count < elapsed * rate:
                    self._sent += 1
                    count += 1
                    pool.submit(one, self._sent)
                if not self.state.rollout:
                    over.set()
                time.sleep(0.02)
        return time.monotonic() - started, count, wrong


def _serves(service: Service) -> tuple[str | None, frozenset[str]]:
    status, found = _json(service, "/products")
    (live,) = [one for one in found if one["product"] == PRODUCT] if status == 200 else [{}]
    if not live:
        return None, frozenset()
    others = [*live["challengers"], *([live["shadow"]] if live["shadow"] else [])]
    return live["champion"]["version"], frozenset(one["version"] for one in others)


def _wanted(state: RolloutManifest) -> tuple[str | None, frozenset[str]]:
    return state.champion.version, frozenset(one.version for role, one in state.roles if role != "champion")


def _json(service: Service, path: str) -> tuple[int, list[dict[str, Any]]]:
    status, text = service.get(path)
    found = json.loads(text) if text else []
    return status, found["products"] if isinstance(found, dict) else found


@contextmanager
def running(home: Path) -> Iterator[Pair]:
    """Both processes, with version 1 as their champion."""
    workspace = Workspace(home, events_each=20)
    workspace.roll_out(workspace.publish(sample_parts("1")))
    with Service(workspace) as one, Service(workspace.beside()) as other:
        for service in (one, other):
            service.wait_until_ready()
        yield Pair(workspace, (one, other))
