"""Rows whose labels treat a group unfairly, and whose features tell that group.

Belongs here: a data set with a planted proxy and a planted disparity. Does not belong here: assertions.
"""

from datetime import timedelta

import numpy as np

from assets.product import DecisionPolicy, ModelSpec, Profit
from assets.training.rows.learning import TrainingRows

MATURITY = timedelta(days=5)
SPEC = ModelSpec(train_days=None, test_days=30, trials=1, seed=7)
DECISION = DecisionPolicy("approve", "decline", Profit(good=0.2, bad=0.5))


def unfair_rows(count: int = 6000, *, seed: int = 0, unfairness: float = 1.6) -> TrainingRows:
    """120 days of rows: women are recorded as bad more often for the same skill, and `shoe_size` tells them.

    Args:
        unfairness: In log odds; 0 for none, while `shoe_size` still tells the group.
    """
    generator = np.random.default_rng(seed)
    female = generator.integers(0, 2, count)
    skill, noise = generator.normal(size=count), generator.normal(size=count)
    shoe_size = female + 0.4 * generator.normal(size=count)
    odds = 1.2 * skill + unfairness * female - 2.2
    offsets = np.sort(generator.integers(0, 120 * 86_400_000_000, count)).astype("timedelta64[us]")
    names = ("skill", "shoe_size", "noise")
    return TrainingRows(
        matrix=np.column_stack([skill, shoe_size, noise]).astype(np.float32),
        columns=names,
        sources=names,
        y=(generator.random(count) < 1.0 / (1.0 + np.exp(-odds))).astype(np.int8),
        as_of=np.datetime64("2026-01-01", "us") + offsets,
        row_ids=np.arange(count),
        protected={"sex": np.where(female == 1, "female", "male").astype(object)},
    )
