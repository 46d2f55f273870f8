"""An entity keeps its arm while the share grows, another rollout has other entities, and shares are kept.

Every day 20,000 entities; with LOOPLINE_CAMPAIGN=1 a million, in 20 pairs of rollouts.
"""

import os

import pytest

from assets.rollout.assignment import CHAMPION, arm_of
from tests.campaigns.rollouts.oracle import assignment_faults

CAMPAIGN = os.environ.get("LOOPLINE_CAMPAIGN") == "1"
PAIRS, ENTITIES = (20, 50_000) if CAMPAIGN else (1, 20_000)
SHARES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.9, 1.0)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200 if CAMPAIGN else 300)]


def _arms(rollout: str, entities: list[list[object]]) -> dict[float, list[bool]]:
    return {share: [arm_of(rollout, entity, [share]) != CHAMPION for entity in entities] for share in SHARES}


def test_no_entity_leaves_the_challenger_while_its_share_grows() -> None:
    for pair in range(PAIRS):
        # Keys as products have them: texts, numbers, several columns.
        entities: list[list[object]] = [
            [f"C{n}"] if n % 3 == 0 else [n] if n % 3 == 1 else [f"card {n}", n % 97] for n in range(ENTITIES)
        ]
        one, other = _arms(f"loans/rollout-{2 * pair + 2}", entities), _arms(f"loans/rollout-{2 * pair + 3}", entities)
        assert assignment_faults(one, other) == []
