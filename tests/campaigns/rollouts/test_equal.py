"""Rollouts of equal models are left alone, in simulated time.

Every day two; with LOOPLINE_CAMPAIGN=1 five hundred. LOOPLINE_CAMPAIGN_SEED gives other worlds.
"""

import os
from collections import Counter

import pytest

from tests.campaigns.rollouts.oracle import false_rollbacks
from tests.campaigns.rollouts.worlds import LONGEST_DAYS, equal

CAMPAIGN = os.environ.get("LOOPLINE_CAMPAIGN") == "1"
SEED = int(os.environ.get("LOOPLINE_CAMPAIGN_SEED", "1"))
WORLDS = 500 if CAMPAIGN else 2

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200 if CAMPAIGN else 300)]


def test_at_most_one_of_five_hundred_equal_models_is_rolled_back() -> None:
    ends = []
    for seed in range(10_000 * SEED, 10_000 * SEED + WORLDS):
        ends.append(equal(seed).end(f"world {seed}", every=600.0, days=LONGEST_DAYS))
    print(f"\n{dict(Counter(end.ending for end in ends))}; {sum(end.requests for end in ends)} requests")
    print("\n".join(f"{end.name}: {end.reasons}" for end in ends if end.ending != "promoted"))
    assert false_rollbacks(ends, tolerated=1 if CAMPAIGN else 0) == []
