"""Weeks of decisions whose truth is known, for the estimates of performance.

Belongs here: worlds as large as those of the two example products, with rows that wander and, if asked, an outcome that
comes to depend on the rows in another way. Does not belong here: assertions.
"""

from dataclasses import dataclass

import numpy as np

from assets.bundle.calibration import sigmoid
from assets.monitoring.performance.estimates import ReferenceRows, Rows
from assets.product import Profit

_BELIEVED = np.array([1.1, 0.7, -0.5, 0.0])


@dataclass(frozen=True)
class World:
    """A decision problem.

    Attributes:
        a_day: Decisions a day.
        window_days: Days of a window.
        base: Log odds of the bad outcome of a mean row.
        threshold: The lowest score that is refused.
        delay_weeks: Weeks after which a label is final.
    """

    a_day: int
    window_days: int
    base: float
    threshold: float
    profit: Profit
    delay_weeks: int

    def rows(self, days: int, seed: int, *, shift: float = 0.0, drifted: bool = False) -> ReferenceRows:
        """Decisions of some days. The model knows three of four columns, and no interaction of them.

        Args:
            shift: How far the mean of the first column lies from where it was.
            drifted: Whether the first column has come to mean the opposite.
        """
        rng, count = np.random.default_rng(seed), self.a_day * days
        values = rng.normal(0.0, 1.0, (count, 4))
        values[:, 0] += shift
        means = _BELIEVED.copy()
        if drifted:
            means[0] = -means[0]
        odds = self.base + values @ means + 0.25 * values[:, 1] * values[:, 2] + 0.3 * values[:, 3]
        label = (rng.random(count) < sigmoid(odds)).astype(np.int8)
        score = sigmoid(0.95 * (self.base + values @ _BELIEVED))
        stake = rng.lognormal(3.0, 0.6, count)
        found = Rows(score, score < self.threshold, stake, values.astype(np.float32))
        return ReferenceRows(found, label, (np.repeat(np.arange(days), self.a_day),))


CREDIT = World(22, 28, -2.4, 0.12, Profit(0.09, 0.55, "amount"), delay_weeks=26)
FRAUD = World(700, 7, -5.2, 0.05, Profit(0.01, 1.0, "amount"), delay_weeks=1)
"""As the example products: a few loans a day, and card payments of which few are frauds."""
