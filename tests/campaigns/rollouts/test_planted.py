"""Planted regressions are rolled back before their deadline, in simulated time.

Every day two of each kind; with LOOPLINE_CAMPAIGN=1 the hundred, of which at most one may be missed, and forty
under the policy that a product has by default. LOOPLINE_CAMPAIGN_SEED gives other worlds.
"""

import os

import pytest

from assets.product import Rollout
from tests.campaigns.rollouts.oracle import End, missed, table
from tests.campaigns.rollouts.worlds import LONGEST_DAYS, MULTIPLES, planted, regressions

CAMPAIGN = os.environ.get("LOOPLINE_CAMPAIGN") == "1"
SEED = int(os.environ.get("LOOPLINE_CAMPAIGN_SEED", "1"))

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200 if CAMPAIGN else 300)]


def _ends(each: int, multiples: tuple[float, ...], policy: Rollout | None = None) -> list[End]:
    found = []
    for number, (kind, multiple) in enumerate(regressions(each, multiples)):
        world = planted(1_000 * SEED + number, kind, multiple, policy)
        name = f"world {world.traffic.seed}: {kind} {multiple}"
        found.append(world.end(name, every=1_800.0, days=LONGEST_DAYS, kind=kind, multiple=multiple))
    return found


def test_regressions_are_rolled_back_before_their_deadline() -> None:
    ends = _ends(25, MULTIPLES) if CAMPAIGN else _ends(2, (3.0, 4.0))
    print(f"\n{table(ends)}")
    assert len(missed(ends)) <= (1 if CAMPAIGN else 0), missed(ends)


@pytest.mark.skipif(not CAMPAIGN, reason="takes minutes")
def test_regressions_are_rolled_back_under_the_default_policy() -> None:
    ends = _ends(10, MULTIPLES, Rollout())
    print(f"\n{table(ends)}")
    assert missed(ends) == []
