"""Five times the capacity, and kill -9: refusals are quick, memory is flat, what was acknowledged stays.

Every day some seconds and one kill, with limits that a busy machine keeps; with LOOPLINE_CAMPAIGN=1 a minute with the
promised limits and 20 kills. The latency that the service promises is that of its alert `DecisionsSlow`.
"""

import json
import os
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import numpy as np
import psutil
import pytest

from resources.environments import CHECKOUT
from tests.campaigns.http.limits import ANSWER_SECONDS
from tests.campaigns.service.home import PRODUCT, Home, running
from tests.campaigns.service.judge import lines_of, log_faults, lost
from tests.campaigns.service.traffic import Plan, Sent, Traffic, body_of, capacity, key_of, sent_in
from tests.support.processes.killing import kill
from tests.support.servers.serving_process import Service

CAMPAIGN = os.environ.get("LOOPLINE_CAMPAIGN") == "1"
SEED = int(os.environ.get("LOOPLINE_CAMPAIGN_SEED", "1"))
KILLS = 20 if CAMPAIGN else 1
SECONDS, MEASURED_SECONDS = (60.0, 5.0) if CAMPAIGN else (3.0, 0.5)
TIMES = 5.0
CONNECTIONS = 384
REFUSED_MS = 50.0 if CAMPAIGN else 1_000.0
GROWTH = 0.05
_SLOW = re.compile(r"histogram_quantile\(0\.99, .*loopline_decision_seconds_bucket.*\) > ([\d.]+)")
_BUCKET = re.compile(r'loopline_decision_seconds_bucket\{le="([^"]+)",[^}]*\} (\S+)')

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800 if CAMPAIGN else 300)]


@dataclass
class Memory:
    """The resident bytes of a process, looked at ten times a second."""

    process: psutil.Process
    bytes: list[int] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Memory":
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.1):
            self.bytes.append(self.process.memory_info().rss)

    @property
    def growth(self) -> float:
        """From the second quarter to the last, as a part."""
        quarters = np.array_split(np.array(self.bytes, np.float64), 4)
        return float(quarters[3].mean() / quarters[1].mean() - 1.0)


@dataclass(frozen=True)
class Overloaded:
    """What a service did at five times its capacity.

    Attributes:
        metrics: What it said of itself before and after.
    """

    sent: list[Sent]
    memory: Memory
    metrics: tuple[str, str]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with running(tmp_path_factory.mktemp("load") / "home") as started:
        yield started


@pytest.fixture(scope="module")
def overloaded(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Overloaded:
    file = tmp_path_factory.mktemp("overload") / "sent"
    (service,) = home.services
    worker = service.worker()
    begun = _busy(worker)
    most = capacity(home.plan(seconds=MEASURED_SECONDS))
    of_decision = (_busy(worker) - begun) / (most * MEASURED_SECONDS)
    before, begun = service.get("/metrics")[1], _busy(worker)
    plan = home.plan(rate=TIMES * most, seconds=SECONDS, connections=CONNECTIONS, file=str(file))
    with Memory(worker) as memory, Traffic(plan) as traffic:
        told = traffic.told()
    of_refusals = _busy(worker) - begun - of_decision * told.decided
    after = service.get("/metrics")[1]
    sent = list(sent_in(file))
    print(f"\ncapacity {most:.0f} a second; sent {told.sent / told.seconds:.0f} a second, {told.held} held back")
    print(f"answers {dict(Counter(one.status for one in sent))}; memory grew by {memory.growth:.2%}")
    print(
        f"processor time of a decision {of_decision * 1000:.2f} ms, and of a refusal "
        f"{of_refusals / max(1, told.sent - told.decided) * 1000:.2f} ms"
    )
    for status in sorted({one.status for one in sent}):
        print(f"  {status}: 50th, 99th percentile and most, ms: {_figures(sent, status)}")
    return Overloaded(sent, memory, (before, after))


def _busy(process: psutil.Process) -> float:
    """Its seconds of processor time."""
    times = process.cpu_times()
    return float(times.user + times.system)


def _figures(sent: list[Sent], status: int) -> list[float]:
    taken = [one.milliseconds for one in sent if one.status == status]
    return [round(float(np.percentile(taken, part)), 1) for part in (50, 99, 100)]


def promised_seconds() -> float:
    """How long 1 in 100 decisions may take by the service's own alert."""
    (found,) = _SLOW.findall((CHECKOUT / "infra" / "prometheus" / "alerts.yml").read_text())
    return float(found)


def slower_than(seconds: float, metrics: tuple[str, str]) -> float:
    """The part of the decisions between two readings that took longer, by the service's own histogram."""
    counts: list[dict[float, float]] = []
    for text in metrics:
        of_bucket: Counter[float] = Counter()
        for bound, count in _BUCKET.findall(text):
            of_bucket[float(bound)] += float(count)
        counts.append(dict(of_bucket))
    within, every = (counts[1][bound] - counts[0].get(bound, 0.0) for bound in (seconds, float("inf")))
    return 1.0 - within / every


def test_every_request_is_decided_or_refused(overloaded: Overloaded) -> None:
    statuses = Counter(one.status for one in overloaded.sent)
    assert set(statuses) <= {200, 429, 503}, statuses
    assert statuses[200] > 0
    assert statuses[503] + statuses[429] > statuses[200], "the service was not overloaded"
    refused = {one.body for one in overloaded.sent if one.status == 503}
    assert refused == {'{"error": "the service is overloaded; try again"}'}


def test_refusals_are_quick(overloaded: Overloaded) -> None:
    taken = [one.milliseconds for one in overloaded.sent if one.status in (429, 503)]
    assert np.percentile(taken, 99) < REFUSED_MS


def test_what_is_accepted_is_decided_in_the_promised_time(overloaded: Overloaded) -> None:
    """From the request's last byte to the answer, logging included."""
    late = slower_than(promised_seconds(), overloaded.metrics)
    print(f"\n{late:.2%} of the accepted took longer than {promised_seconds():g} s")
    if CAMPAIGN:
        assert late <= 0.01
    assert max(one.milliseconds for one in overloaded.sent if one.status == 200) < 1_000.0 * ANSWER_SECONDS


def test_memory_stays_flat(overloaded: Overloaded) -> None:
    assert len(overloaded.memory.bytes) > SECONDS * 5
    assert overloaded.memory.growth < GROWTH


def test_every_accepted_decision_is_in_the_log(home: Home, overloaded: Overloaded) -> None:
    assert log_faults(overloaded.sent, lines_of(home.workspace.environment.decision_log, PRODUCT)) == []


def test_kill_9_loses_no_acknowledged_decision_and_doubles_none(home: Home, tmp_path: Path) -> None:
    """Requests without an answer are sent again with their idempotency key: they get the decision that they got."""
    chance = Random(SEED)
    sent: list[Sent] = []
    with ExitStack() as stack:
        for number in range(KILLS):
            # Of the process that decides alone every second time: its supervisor replaces it.
            alone = bool(number % 2)
            plan = home.plan(seconds=120.0, keyed=True, first=number * 1_000_000, file=str(tmp_path / f"sent-{number}"))
            with Traffic(plan) as traffic:
                _wait_for_answers(tmp_path / f"sent-{number}")
                time.sleep(chance.uniform(0.0, 1.0))
                killed = home.services[0].worker().pid if alone else home.services[0].process.pid
                kill(killed, "alone" if alone else "with its children")
                if not alone:
                    home.services = (stack.enter_context(Service(home.workspace)),)
                home.services[0].wait_until_ready()
                time.sleep(chance.uniform(0.1, 0.5))
                traffic.stop()
            of_kill = list(sent_in(tmp_path / f"sent-{number}"))
            assert {one.status for one in of_kill} >= {0, 200}, "nothing was under way when it was killed"
            sent += [one for one in of_kill if one.status == 200]
            sent += [_again(home, plan, one) for one in of_kill if one.status == 0]
        lines = list(lines_of(home.workspace.environment.decision_log, PRODUCT))
    assert lost(sent) == {}
    assert log_faults(sent, lines) == []
    marks = Counter(line["mark"] for line in lines if line.get("mark") and not line["void"])
    assert max(marks.values()) == 1, "a request was decided twice"
    assert len(marks) == len(sent)


def _wait_for_answers(file: Path) -> None:
    deadline = time.monotonic() + 30
    while not (file.exists() and file.stat().st_size):
        assert time.monotonic() < deadline, "no answer yet"
        time.sleep(0.02)


def _again(home: Home, plan: Plan, one: Sent) -> Sent:
    headers = {"Idempotency-Key": key_of(one.number)}
    status, answer = home.services[0].post("/decide", body_of(plan, one.number), headers=headers)
    return replace(one, status=status, body=json.dumps(answer))
