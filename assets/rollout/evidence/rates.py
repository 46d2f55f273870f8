"""Whether adverse events have become more frequent.

Belongs here: the test of two arms' rates of an adverse event (error, fallback, answer over the latency budget,
refusal, bad outcome), and of one rate against a limit (decision flips of a shadow). Does not belong here: means of
scores (`means.py`), which rows count (`rows.py`).

`RateIncrease` bets on the arm of each adverse event. With share s, the challenger has the next event with probability
s p1 / (s p1 + (1 - s) p0), where p1 and p0 are the rates of the arms at that moment; if p1 <= (1 + r) p0 this is at
most q = s (1 + r) / (s (1 + r) + 1 - s), whatever the rates are and however they move, as the throw for the arm is
independent of both (Lindon and Malek, Anytime-valid inference for multinomial count data, NeurIPS 2022, on
time-inhomogeneous Bernoulli processes). Daily cycles, trends and bursts that meet both arms therefore do no harm, and
rows without an event say nothing.

A bet multiplies the odds of the challenger by m > 1. An event of the challenger multiplies its wealth by m / (1 - q +
q m), one of the champion by 1 / (1 - q + q m): the likelihood ratio of Bernoulli variables, a supermartingale for
every probability up to q. The wealth is a mixture over m. It depends only on the numbers of events by arm and share:
exact integers, in any order, which several processes add.

Counting the first adverse row of an entity keeps the guarantee. Let an entity's first event come, under the
challenger, at most (1 + r) times as fast as under the champion. At exactly that speed, entities of the challenger's
arm are used up at least as fast as the champion's, so that the probability above stays at most q. At a lower speed
some events of the challenger come later or never, which only lowers the wealth, as each of them raises it. It still
reaches 1/alpha with probability alpha at most, at looks after every row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from assets.rollout.evidence.rows import ArmRows, EvidenceError
from assets.rollout.evidence.wealth import Evidence, State, log_mixture, log_threshold, rebuilt, same_settings

ODDS = np.exp(np.geomspace(0.05, 5.0, 16))
"""The factors m by which the bets raise the odds of an event."""


class ShareCounts(NamedTuple):
    """Numbers of rows that were decided under one share.

    Attributes:
        share: The challenger's share.
        rows_champion, rows_challenger: Rows with a value.
        adverse_champion, adverse_challenger: Adverse ones among them.
        counted_champion, counted_challenger: Adverse ones that count as evidence.
    """

    share: float
    rows_champion: int
    rows_challenger: int
    adverse_champion: int
    adverse_challenger: int
    counted_champion: int
    counted_challenger: int


def log_event_wealth(
    events: NDArray[np.int64], trials: NDArray[np.int64], limit: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Logarithm of the mixture's wealth [...] against "the probability of an event is at most the limit".

    Args:
        events: [...] Number of events in all trials.
        trials: [..., limits] Number of trials under each limit.
        limit: [limits] Limits of the probability, each above 0 and below 1.
    """
    paid = np.log1p(limit[:, None] * (ODDS - 1))
    return log_mixture(events[..., None] * np.log(ODDS) - trials @ paid)


@dataclass(frozen=True, kw_only=True)
class RateIncrease(State):
    """Test of "the challenger's rate is at most (1 + tolerance) times the champion's", at every moment.

    Attributes:
        tolerance: The smallest relative increase that matters, 0 or more; 0.5 allows one and a half times the rate.
        counts: By share.
        missing: Rows without a value.
    """

    tolerance: float
    counts: tuple[ShareCounts, ...] = ()
    missing: int = 0

    def __post_init__(self) -> None:
        if not self.tolerance >= 0:
            raise EvidenceError(f"the tolerance of a rate is {self.tolerance:g}; it must be 0 or more")

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        return super().from_json({**record, "counts": rebuilt(ShareCounts, record)})

    def update(self, rows: ArmRows) -> Self:
        """The state after further rows; their values are 1 (adverse) or 0.

        Raises:
            EvidenceError: A value is neither.
        """
        present = ~rows.missing
        adverse = rows.value == 1
        if np.any(present & ~adverse & (rows.value != 0)):
            raise EvidenceError("a value of a rate is neither 0 nor 1; pass 1 for an adverse row and 0 for any other")
        found = [
            ShareCounts(
                float(share), *(
                    int(np.count_nonzero((rows.share == share) & of & arm))
                    for of in (present, adverse, adverse & rows.counts)
                    for arm in (~rows.challenger, rows.challenger)
                ),
            )
            for share in np.unique(rows.share)
        ]  # fmt: skip
        return replace(self, counts=_added([*self.counts, *found]), missing=self.missing + int((~present).sum()))

    @classmethod
    def combined(cls, states: Sequence[Self]) -> Self:
        """One state of processes that count no entity twice between them.

        Raises:
            EvidenceError: There is none, or their tolerances differ.
        """
        first = same_settings(states, "tolerance")
        counts = _added([row for state in states for row in state.counts])
        return replace(first, counts=counts, missing=sum(state.missing for state in states))

    @property
    def log_e(self) -> float:
        """Natural logarithm of the e-value."""
        share = np.array([row.share for row in self.counts])
        trials = np.array([row.counted_champion + row.counted_challenger for row in self.counts], dtype=np.int64)
        events = np.array(sum(row.counted_challenger for row in self.counts))
        return float(log_event_wealth(events, trials, self.limits(share)))

    def limits(self, share: NDArray[np.float64]) -> NDArray[np.float64]:
        """The largest probability that an event is the challenger's, for each share."""
        raised = share * (1 + self.tolerance)
        return np.asarray(raised / (raised + 1 - share))

    def evidence(self, signal: str, alpha: float) -> Evidence:
        """What is known now; the effect is the relative increase, compared within each share (Mantel and Haenszel)."""
        n0, n1 = sum(row.rows_champion for row in self.counts), sum(row.rows_challenger for row in self.counts)
        adverse0 = sum(row.adverse_champion for row in self.counts)
        adverse1 = sum(row.adverse_challenger for row in self.counts)
        both = [(row, row.rows_champion + row.rows_challenger) for row in self.counts]
        expected = sum(row.adverse_champion * row.rows_challenger / n for row, n in both if n)
        observed = sum(row.adverse_challenger * row.rows_champion / n for row, n in both if n)
        return Evidence(
            signal=signal, n_champion=n0, n_challenger=n1,
            value_champion=adverse0 / n0 if n0 else None, value_challenger=adverse1 / n1 if n1 else None,
            effect=observed / expected - 1 if expected else None, bound=self.tolerance,
            log_e=self.log_e, threshold=log_threshold(alpha), missing=self.missing,
        )  # fmt: skip


def _added(rows: Sequence[ShareCounts]) -> tuple[ShareCounts, ...]:
    by_share: dict[float, ShareCounts] = {}
    for row in rows:
        known = by_share.get(row.share, ShareCounts(row.share, 0, 0, 0, 0, 0, 0))
        by_share[row.share] = ShareCounts(row.share, *(a + b for a, b in zip(known[1:], row[1:], strict=True)))
    return tuple(by_share[share] for share in sorted(by_share))


@dataclass(frozen=True, kw_only=True)
class FlipShare(State):
    """Test of "at most this share of a shadow's answers differ from the champion's", whatever was answered before.

    Attributes:
        tolerance: Largest share of flips that does not matter, above 0 and below 1.
        rows: Rows that were answered by both.
        flips: Rows among them with different answers.
        missing: Rows that one of them did not answer.
    """

    tolerance: float
    rows: int = 0
    flips: int = 0
    missing: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.tolerance < 1:
            raise EvidenceError(f"the tolerance of flips is {self.tolerance:g}; it must be above 0 and below 1")

    def update(self, flipped: NDArray[np.float64]) -> Self:
        """The state after further rows.

        Args:
            flipped: 1 where the answers differ, 0 where they agree, NaN where there is only one. One row an entity.

        Raises:
            EvidenceError: A value is none of these.
        """
        missing, flips = int(np.isnan(flipped).sum()), int((flipped == 1).sum())
        agreed = int((flipped == 0).sum())
        if missing + flips + agreed < len(flipped):
            raise EvidenceError("a value of flips is neither 0 nor 1; pass 1 where the answers differ")
        return replace(self, rows=self.rows + flips + agreed, flips=self.flips + flips, missing=self.missing + missing)

    @classmethod
    def combined(cls, states: Sequence[Self]) -> Self:
        """One state of processes that count no entity twice between them.

        Raises:
            EvidenceError: There is none, or their tolerances differ.
        """
        rows, flips, missing = (sum(getattr(s, name) for s in states) for name in ("rows", "flips", "missing"))
        return replace(same_settings(states, "tolerance"), rows=rows, flips=flips, missing=missing)

    @property
    def log_e(self) -> float:
        """Natural logarithm of the e-value."""
        return float(log_event_wealth(np.array(self.flips), np.array([self.rows]), np.array([self.tolerance])))

    def evidence(self, signal: str, alpha: float) -> Evidence:
        """What is known now; the effect is the share of flips."""
        share = self.flips / self.rows if self.rows else None
        return Evidence(
            signal=signal, n_champion=self.rows, n_challenger=self.rows, value_champion=None, value_challenger=None,
            effect=share, bound=self.tolerance, log_e=self.log_e, threshold=log_threshold(alpha), missing=self.missing,
        )  # fmt: skip
