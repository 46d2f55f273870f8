"""Two processes at half their capacity while the live bundle changes: nobody notices, and every record says the truth.

Every day 10 s with a few changes, at a rate that a busy machine carries; with LOOPLINE_CAMPAIGN=1 ten minutes with 20
swaps, 5 damaged bundles, 2 rollbacks by the guard and 2 by hand. LOOPLINE_CAMPAIGN_SEED gives another order.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

import pipelines.operations.rollout  # noqa: F401 - imported before requests are under way: it takes seconds
from tests.campaigns.service.home import PRODUCT, Home, running
from tests.campaigns.service.judge import bundle_faults, followed_after, lines_of, log_faults, lost, stickiness
from tests.campaigns.service.story import Move, Story
from tests.campaigns.service.traffic import Sent, Traffic, capacity, sent_in

CAMPAIGN = os.environ.get("LOOPLINE_CAMPAIGN") == "1"
SEED = int(os.environ.get("LOOPLINE_CAMPAIGN_SEED", "1"))
SECONDS = 600.0 if CAMPAIGN else 6.0
MOVES: Mapping[Move, int] = (
    {
        "swap": 17, "grow": 3, "damaged champion": 3, "damaged challenger": 2, "errors": 1, "latency": 1,
        "challenger by hand": 1, "champion by hand": 1,
    }
    if CAMPAIGN
    else {"swap": 2, "grow": 1, "damaged champion": 1, "errors": 1, "champion by hand": 1}
)  # fmt: skip
EVERY_DAY_RATE = 60.0
ENTITIES = 2_000 if CAMPAIGN else 25
FOLLOWED_SECONDS = 5.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600 if CAMPAIGN else 300)]


@dataclass(frozen=True)
class Told:
    """The story at its end."""

    home: Home
    story: Story
    sent: list[Sent]
    held: int


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp("swaps")
    file = folder / "sent"
    with running(folder / "home", processes=2) as home:
        # Every day the rate is one that a busy machine carries, and nobody waits for a measurement.
        rate = capacity(home.plan(seconds=10.0)) / 2 if CAMPAIGN else EVERY_DAY_RATE
        story = Story(home, SEED, file)
        plan = home.plan(rate=rate, seconds=SECONDS * 4 + 60, connections=64, entities=ENTITIES, file=str(file))
        with Traffic(plan) as traffic:
            story.tell(MOVES, SECONDS)
            ended = traffic.stop()
        print(f"\nsent {ended.sent} at {rate:.0f} a second, {ended.held} held back")
        print(f"seconds until the guard took out what was planted: {story.taken_out}")
        yield Told(home, story, list(sent_in(file)), ended.held)


def log_of(home: Home) -> Path:
    return home.workspace.environment.decision_log


def test_no_request_fails_or_is_dropped(told: Told) -> None:
    assert lost(told.sent) == {}
    assert len(told.sent) > 10 * SECONDS, "a service that is hardly asked proves nothing"
    if CAMPAIGN:
        assert told.held < len(told.sent) / 100, "the clients did not keep their rate"


def test_every_answer_is_in_the_log_once_as_it_was_given(told: Told) -> None:
    """Shadows have no callers; there are none here, so the log has nothing else."""
    lines = list(lines_of(log_of(told.home), PRODUCT))
    assert log_faults(told.sent, lines) == []
    answered = {one.answer["decision_id"] for one in told.sent}
    assert {line["decision_id"] for line in lines} >= answered


def test_no_decision_is_by_a_bundle_that_is_not_verified(told: Told) -> None:
    home = told.home
    assert bundle_faults(lines_of(log_of(home), PRODUCT), home.whole, home.states) == []
    named = {release.digest for _, state in home.states for _, release in state.roles}
    assert len(named - set(home.whole)) == MOVES["damaged champion"] + MOVES.get("damaged challenger", 0)


def test_no_entity_changes_its_arm_while_the_share_grows(told: Told) -> None:
    found = stickiness(told.sent, ENTITIES)
    assert found.faults == []
    grown = [rollout for rollout, _ in found.entities]
    assert max(grown.count(rollout) for rollout in grown) >= 3, f"no rollout was seen at three shares: {found.entities}"


def test_the_guard_takes_out_what_was_planted(told: Told) -> None:
    planted = [kind for kind in ("errors", "latency") for _ in range(MOVES.get(kind, 0))]
    assert sorted(kind for kind, _ in told.story.taken_out) == planted


def test_every_process_decides_with_a_new_champion_within_five_seconds(told: Told) -> None:
    seconds = followed_after(told.sent, told.story.swapped)
    print(f"\nuntil every process decides with a new champion: {[s and round(s, 2) for s in seconds]} s")
    assert len(seconds) == MOVES["swap"] + MOVES["grow"] + MOVES["champion by hand"]
    assert [one for one in seconds if one is None or one > FOLLOWED_SECONDS] == []
