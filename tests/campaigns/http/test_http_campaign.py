"""The decision service under attack: a hundred thousand broken requests, two hundred clients that never finish theirs.

Belongs here: what a run of the campaign must show. Does not belong here: attacks, the rules for answers.

Every day a short run; with LOOPLINE_CAMPAIGN=1 the whole one. LOOPLINE_CAMPAIGN_SEED gives another seed.
"""

import os
from collections.abc import Iterator

import pytest

from tests.campaigns.http.bytes_fuzzer import BytesFuzzer
from tests.campaigns.http.fuzz_run import FuzzRun
from tests.campaigns.http.limits import GIVEN_UP_SECONDS, GROWTH, MEMORY_EVERY
from tests.campaigns.http.slow_clients import beside_slow_clients, how_long_kept
from tests.campaigns.http.target import Target, running_target

CAMPAIGN = os.environ.get("LOOPLINE_CAMPAIGN") == "1"
SEED = int(os.environ.get("LOOPLINE_CAMPAIGN_SEED", "1"))
BODIES = 100_000 if CAMPAIGN else 300
SLOW = ((64, 5.0, True), (200, 60.0, False)) if CAMPAIGN else ((64, 2.0, True),)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200 if CAMPAIGN else 300)]


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with running_target(tmp_path_factory.mktemp("attacked")) as running:
        yield running


def test_one_seed_gives_the_same_bytes_again(target: Target) -> None:
    """A failure can be replayed from its seed and index alone."""
    first, second = BytesFuzzer(target, SEED), BytesFuzzer(target, SEED)
    indices = list(range(200))
    wanted = {index: first.case(index).pieces for index in indices}
    assert {index: second.case(index).pieces for index in reversed(indices)} == wanted
    assert [BytesFuzzer(target, SEED + 1).case(index).pieces for index in indices] != list(wanted.values())


def test_every_broken_request_is_answered(target: Target) -> None:
    """No failure, no lost connection, no hang; refusals say why; honest requests between get what they always get."""
    memory = [target.resident_bytes()]

    def look_at_memory(done: int) -> None:
        if done % MEMORY_EVERY == 0:
            memory.append(target.resident_bytes())

    report = FuzzRun(target, SEED).run(range(BODIES), look_at_memory)
    if report.counts:
        pytest.fail(f"{report}\nthe service's log: {target.log}", pytrace=False)
    assert report.done == BODIES
    if CAMPAIGN:
        assert growth(memory) <= GROWTH, f"resident bytes, every {MEMORY_EVERY} requests: {memory}"


@pytest.mark.parametrize(("count", "seconds", "half_bodies"), SLOW)
def test_an_honest_client_is_served_beside_slow_ones(
    target: Target, count: int, seconds: float, half_bodies: bool
) -> None:
    """Each honest request is decided within its budget, however many clients do not finish theirs."""
    report = beside_slow_clients(target, count, seconds, half_bodies=half_bodies)
    if report.faults:
        pytest.fail(str(report), pytrace=False)


def test_clients_that_owe_bytes_are_let_go(target: Target) -> None:
    """A connection without a whole request ends in time, with a refusal or without a word."""
    kept = how_long_kept(target)
    assert not kept.waiting, f"still kept after {GIVEN_UP_SECONDS:g} s, in seconds: {kept.waiting}"
    assert not kept.faults(refusals=False), kept.faults(refusals=False)


def growth(memory: list[int]) -> float:
    """The last quarter's most over the first quarter's, after a tenth of the run to warm up."""
    warm = memory[len(memory) // 10 :]
    quarter = len(warm) // 4
    return max(warm[-quarter:]) / max(warm[:quarter])
