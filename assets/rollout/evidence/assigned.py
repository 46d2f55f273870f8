"""Whether the arms are assigned as declared: the mismatch of the sample ratio.

Belongs here: the test of observed arms against the declared share. Does not belong here: the assignment
(`assets.rollout.assignment`).

Rows that one arm loses (a crash before the record, a filter in one path, a stale share in one process) make every
comparison of the arms worthless. The test is the mixture of Lindon and Malek (Anytime-valid inference for multinomial
count data, NeurIPS 2022) for two arms: with k of n entities in the challenger's arm, share s and a Beta(a, b)
distribution over the true share, a = s CONCENTRATION, b = (1 - s) CONCENTRATION, the wealth is B(a + k, b + n - k) /
B(a, b) / (s^k (1 - s)^(n - k)). It is a martingale if the arms are thrown with share s. Rows of several shares
multiply. The null hypothesis has no tolerance: a hash keeps its share exactly.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from assets.rollout.evidence.rows import ArmRows
from assets.rollout.evidence.wealth import Evidence, State, log_threshold, rebuilt, same_settings

CONCENTRATION = 500.0
"""How near the declared share a wrong one is expected: within about 0.02 at share 0.5, within 0.004 at share 0.01."""

_log_gamma = np.vectorize(math.lgamma, otypes=[np.float64])


class ArmCounts(NamedTuple):
    """Numbers of entities of each arm, under one share of the challenger."""

    share: float
    champion: int
    challenger: int


def log_ratio_wealth(
    challenger: NDArray[np.float64], champion: NDArray[np.float64], share: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Logarithm of the wealth against the share, for numbers of entities of each arm; arrays of one shape."""
    a, b = share * CONCENTRATION, (1 - share) * CONCENTRATION
    return np.asarray(
        _log_beta(a + challenger, b + champion)
        - _log_beta(a, b)
        - challenger * np.log(share)
        - champion * np.log1p(-share)
    )


def _log_beta(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(_log_gamma(a) + _log_gamma(b) - _log_gamma(a + b))


@dataclass(frozen=True, kw_only=True)
class SampleRatio(State):
    """Test of "each entity was assigned to the challenger with the declared share".

    Attributes:
        counts: Entities by share, each counted at its first row.
    """

    counts: tuple[ArmCounts, ...] = ()

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        return super().from_json({**record, "counts": rebuilt(ArmCounts, record)})

    def update(self, rows: ArmRows) -> Self:
        """The state after further rows, of which only those that count are used; values play no part."""
        challenger, share = rows.challenger[rows.counts], rows.share[rows.counts]
        found = [
            ArmCounts(float(s), int((~challenger & (share == s)).sum()), int((challenger & (share == s)).sum()))
            for s in np.unique(share)
        ]
        return replace(self, counts=_added([*self.counts, *found]))

    @classmethod
    def combined(cls, states: Sequence[Self]) -> Self:
        """One state of processes that count no entity twice between them.

        Raises:
            EvidenceError: There is none.
        """
        return replace(same_settings(states), counts=_added([row for state in states for row in state.counts]))

    @property
    def log_e(self) -> float:
        """Natural logarithm of the e-value."""
        share, champion, challenger = np.array(self.counts, dtype=np.float64).reshape(-1, 3).T
        return float(log_ratio_wealth(challenger, champion, share).sum()) if self.counts else 0.0

    def evidence(self, signal: str, alpha: float) -> Evidence:
        """What is known now: the observed shares; the effect is that of the challenger less the declared one."""
        n0, n1 = sum(row.champion for row in self.counts), sum(row.challenger for row in self.counts)
        n = n0 + n1
        expected = sum(row.share * (row.champion + row.challenger) for row in self.counts)
        return Evidence(
            signal=signal, n_champion=n0, n_challenger=n1,
            value_champion=n0 / n if n else None, value_challenger=n1 / n if n else None,
            effect=(n1 - expected) / n if n else None, bound=0.0,
            log_e=self.log_e, threshold=log_threshold(alpha), missing=0,
        )  # fmt: skip


def _added(rows: Sequence[ArmCounts]) -> tuple[ArmCounts, ...]:
    by_share: dict[float, ArmCounts] = {}
    for row in rows:
        known = by_share.get(row.share, ArmCounts(row.share, 0, 0))
        by_share[row.share] = ArmCounts(row.share, known.champion + row.champion, known.challenger + row.challenger)
    return tuple(by_share[share] for share in sorted(by_share))
