"""One or two processes of the decision service for the example of credit risk, and the versions they are given.

Belongs here: publishing versions, moving the rollout's state as the steward does, what was live since when. Does not
belong here: sending requests (`traffic.py`), the order of the moves (`story.py`), the judgement.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from random import Random

import pyarrow as pa

from assets.bundle.bundle import BundleParts
from assets.bundle.files import write_bundle
from assets.product import Rollout, Step
from assets.rollout.moves import Who, advanced, begun, promoted, rolled_back
from pipelines.products import load_product
from resources.keys import signing_key
from resources.rollout_store.manifest import Release, RolloutManifest
from tests.campaigns.http.target import parts_of, publish
from tests.campaigns.service.planted import DAMAGES
from tests.campaigns.service.traffic import Plan
from tests.support.servers.serving_process import Service, Workspace

PRODUCT = "credit_risk"
FOLLOWED_SECONDS = 20.0
SHARES = (0.1, 0.25, 0.5)
_FAR = 10_000_000


def policy(**changes: object) -> Rollout:
    """A canary that no count of requests moves on by itself; its budget is above what a busy machine adds."""
    steps = tuple(Step(share, _FAR, timedelta(0)) for share in SHARES)
    return replace(Rollout(steps=steps, deadline=timedelta(days=1), latency_ms=1_000.0), **changes)  # type: ignore[arg-type]


@dataclass
class Home:
    """The product's home and the processes that decide in it.

    Attributes:
        events: Those of the online store by source, as the lake has them.
        whole: The digests of the versions that were published and left as they were.
        states: Each state of the rollout, with the time at which it was on disk (seconds since 1970).
    """

    workspace: Workspace
    events: Mapping[str, pa.Table] = field(default_factory=dict)
    services: tuple[Service, ...] = ()
    whole: dict[str, str] = field(default_factory=dict)
    states: list[tuple[float, RolloutManifest]] = field(default_factory=list)
    _version: int = 1

    @cached_property
    def parts(self) -> BundleParts:
        """Those of version 1: without rules, two answers."""
        return parts_of(PRODUCT)

    @property
    def state(self) -> RolloutManifest:
        """The rollout's state, as it is stored."""
        found = self.workspace.rollout.read_manifest(PRODUCT)
        assert found is not None
        return found

    def plan(self, **changes: object) -> Plan:
        """Requests for every process."""
        ports = tuple(service.workspace.port for service in self.services)
        request = {**load_product(PRODUCT).request_example}
        return replace(Plan(ports=ports, product=PRODUCT, request=request), **changes)  # type: ignore[arg-type]

    def publish(self, make: Callable[[BundleParts], BundleParts] = lambda parts: parts) -> Release:
        """Publishes the next version."""
        release = self._published(make)
        self.whole[release.digest] = release.version
        return release

    def publish_damaged(self, how: str, chance: Random) -> Release:
        """Publishes the next version and damages what was published."""
        release = self._published(lambda parts: parts)
        folder = Path(self.workspace.environment.rollout) / PRODUCT / "bundles" / release.version
        DAMAGES[how](folder, chance)
        return release

    def _published(self, make: Callable[[BundleParts], BundleParts]) -> Release:
        self._version += 1
        version = str(self._version)
        environment = self.workspace.environment
        folder = environment.home / "built" / PRODUCT / version
        key = signing_key(self.workspace.variables, environment.home, "signing")
        digest = write_bundle(make(replace(self.parts, version=version)), folder, key)
        self.workspace.rollout.publish_bundle(PRODUCT, version, folder)
        return Release(version=version, digest=digest)

    def move(self, moved: RolloutManifest) -> float:
        """Writes the state; returns when it was on disk, in seconds since 1970."""
        self.workspace.rollout.publish_manifest(PRODUCT, moved)
        return self.note()

    def note(self) -> float:
        """Notes a state that another one wrote."""
        now = time.time()
        self.states.append((now, self.state))
        return now

    def promote(self, release: Release) -> float:
        """A release is the champion; a rollout under way ends."""
        return self.move(promoted(self.state, _who("promoted"), release))

    def begin(self, releases: Sequence[Release], rollout: Rollout) -> float:
        """A rollout begins."""
        return self.move(begun(self.state, releases, rollout, _who("it begins")))

    def advance(self) -> float:
        """The next share, as the steward takes the next step."""
        return self.move(advanced(self.state, _who("the next step")))

    def end(self) -> float:
        """The rollout under way ends, and the champion decides alone."""
        return self.move(rolled_back(self.state, _who("it ends")))

    def is_followed(self) -> bool:
        """Whether every process has loaded what the state names."""
        wanted = {(role, release.digest) for role, release in self.state.roles}
        return all(_loaded(service) == wanted for service in self.services)

    def wait_until(self, condition: Callable[[], bool], what: str, seconds: float = FOLLOWED_SECONDS) -> None:
        """Waits for a condition.

        Raises:
            AssertionError: It did not come true in time.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
            time.sleep(0.05)


def _who(reason: str) -> Who:
    return Who("campaign", reason, datetime.now(UTC))


def _loaded(service: Service) -> set[tuple[str, str]]:
    status, text = service.get("/products")
    found = [one for one in json.loads(text)["products"] if one["product"] == PRODUCT] if status == 200 else []
    if not found:
        return set()
    (live,) = found
    others = [("challenger", one["digest"]) for one in live["challengers"]]
    shadow = [("shadow", live["shadow"]["digest"])] if live["shadow"] else []
    return {("champion", live["champion"]["digest"]), *others, *shadow}


@contextmanager
def running(folder: Path, processes: int = 1, *, entities: Sequence[str] = ()) -> Iterator[Home]:
    """The processes, with version 1 as their champion.

    Args:
        entities: Customers with a history, of the last days.
    """
    workspace = Workspace(folder, events_each=5)
    home = Home(workspace, publish(workspace, PRODUCT, until=datetime.now(UTC), entities=entities))
    home.whole[home.state.champion.digest] = "1"
    home.note()
    with ExitStack() as stack:
        places = [workspace, *(workspace.beside() for _ in range(processes - 1))]
        with ThreadPoolExecutor() as pool:
            home.services = tuple(pool.map(lambda place: stack.enter_context(Service(place)), places))
        for service in home.services:
            service.wait_until_ready()
        yield home
