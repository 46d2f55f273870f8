"""Rollouts under real requests: bad challengers are gone within a minute, equal ones stay, every process follows.

Campaign only (about half an hour). Three kinds of four sizes, every second one from the shadow on; twenty of equal
models, a minute each.
"""

import os
from collections.abc import Iterator
from functools import partial

import pytest

from tests.campaigns.rollouts.glue_http import REGRESSIONS, Pair, Worse, running, worse
from tests.support.models.serving_samples import sample_parts

CAMPAIGN = os.environ.get("LOOPLINE_CAMPAIGN") == "1"
EQUAL = 20

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(7200),
    pytest.mark.skipif(not CAMPAIGN, reason="half an hour of requests; LOOPLINE_CAMPAIGN=1 runs it"),
]
CASES = [(kind, size, n % 2 == 0) for kind, sizes in REGRESSIONS.items() for n, size in enumerate(sizes)]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with running(tmp_path_factory.mktemp("pair") / "home") as started:
        yield started


@pytest.mark.parametrize(("kind", "size", "canary"), CASES)
def test_a_bad_challenger_is_gone_within_a_minute_from_every_process(
    pair: Pair, kind: Worse, size: float, canary: bool
) -> None:
    pair.begin(partial(worse, kind=kind, size=size), canary=canary)
    try:
        seconds, requests, wrong = pair.send(60.0)
        assert not pair.state.rollout, f"{kind} {size}: still under way after {seconds:.0f} s, {requests} requests"
        assert (pair.state.move.action, pair.state.move.by, pair.state.champion.version) == ("roll_back", "guard", "1")
        follows = pair.followed(5.0)
        print(f"\n{kind} {size} {'canary' if canary else 'shadow'}: {seconds:.1f} s, {requests} requests; {follows}")
        assert follows is not None, "a process still serves it after 5 s"
        assert wrong == []
    finally:
        if pair.state.rollout:
            pair.end()
            pair.followed(20.0)


@pytest.mark.parametrize("number", range(EQUAL))
def test_an_equal_challenger_stays(pair: Pair, number: int) -> None:
    pair.begin(sample_parts, canary=number % 2 == 0)
    _, requests, wrong = pair.send(60.0)
    assert pair.state.rollout, f"rolled back after {requests} requests: {pair.state.reason}"
    assert wrong == []
    pair.end()
    assert pair.followed(5.0) is not None
