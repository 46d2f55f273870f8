"""Whether a mean has moved.

Belongs here: the test of two arms' means of a signal between 0 and 1 (score, scaled profit), and of the mean
difference of a shadow's scores from the champion's. Does not belong here: rates of rare events (`rates.py`, which
needs fewer rows for them), intervals (`intervals.py`).

`MeanShift` bets on d = (x - c) (1/s for a row of the challenger, -1/(1 - s) for one of the champion), with x the
row's value, s the share and c any number known before the row. The arm is thrown independently of all else, so that d
has the mean of the difference between the arms at that moment, however both move with the traffic (inverse propensity
weighting: Horvitz and Thompson, 1952). c takes off what both arms have in common, without which d would be large at a
small share; it is a mean of the values before the row in which older ones fade, so that it follows a daily cycle.

With |difference| <= delta at every moment, d - delta and -d - delta have a mean of at most 0; a bet that cannot lose
more than all is a supermartingale (Waudby-Smith and Ramdas, JRSS B 2023). What a row can take at most is known before
it: max(c/s, (1 - c)/(1 - s)) + delta above, max((1 - c)/s, c/(1 - s)) + delta below. Both sides have half of the
wealth.

A row of one arm alone weighs 1/s: at a small share the test is slow, about as slow as the challenger's rows are rare.
`PairedShift` compares both scores of the same request and needs far fewer rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from assets.rollout.evidence.rows import ArmRows, EvidenceError, checked_range
from assets.rollout.evidence.wealth import (
    BETS,
    Evidence,
    State,
    log_growth,
    log_mixture,
    log_threshold,
    running,
    same_settings,
)

Side = Literal["either", "above", "below"]

RECENT = 100
"""How many rows the centre is a mean of, about: few enough to follow traffic, enough for a steady mean."""

_CHUNK = 2**16
_ONE = tuple(0.0 for _ in BETS)


def centres(start: float, before: int, value: NDArray[np.float64]) -> NDArray[np.float64]:
    """What to take off each row, known before it, and what to take off the next one: [rows + 1, ...].

    The mean of 0.5 and all values, until there are `RECENT` of them; from then on each value moves it by that part.

    Args:
        start: What to take off the first row.
        before: Number of rows before it.
        value: Rows are the first axis.
    """
    found = np.empty((len(value) + 1, *value.shape[1:]))
    found[0] = start
    for row, now in enumerate(value):
        found[row + 1] = found[row] + (now - found[row]) / min(before + row + 2, RECENT)
    return found


def weighted(
    value: NDArray[np.float64], challenger: NDArray[np.bool_], share: NDArray[np.float64], centre: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The difference d of each row: its mean is that between the arms."""
    return np.asarray((value - centre) * np.where(challenger, 1 / share, -1 / (1 - share)))


def shift_growth(
    difference: NDArray[np.float64], share: NDArray[np.float64], centre: NDArray[np.float64], bound: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Growth of the bets on a higher and on a lower mean of the challenger, each [..., bets]."""
    above = np.maximum(centre / share, (1 - centre) / (1 - share)) + bound
    below = np.maximum((1 - centre) / share, centre / (1 - share)) + bound
    return log_growth(difference - bound, above), log_growth(-difference - bound, below)


def log_sides(above: NDArray[np.float64], below: NDArray[np.float64], side: Side) -> NDArray[np.float64]:
    """The logarithm of the wealth [...] from those of the bets of both sides."""
    if side == "either":
        return np.asarray(np.logaddexp(log_mixture(above), log_mixture(below)) - np.log(2))
    return log_mixture(above if side == "above" else below)


@dataclass(frozen=True, kw_only=True)
class _Shift(State):
    """What both tests of means share.

    Attributes:
        bound: The smallest difference of the means that matters, 0 or more and below 1.
        side: Which differences matter: `above` is a higher mean of the challenger.
        sum_difference: Sum of the differences of the rows that count.
        sum_squares: Sum of the squares of what the rows differ by: of two arms' values from their centre, of both
            scores of a request from each other. It says how many rows the test needs, and is no evidence.
        above, below: Logarithm of the wealth of each bet.
        missing: Rows without a value.
    """

    bound: float
    side: Side = "either"
    sum_difference: float = 0.0
    sum_squares: float = 0.0
    above: tuple[float, ...] = _ONE
    below: tuple[float, ...] = _ONE
    missing: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.bound < 1:
            raise EvidenceError(f"the smallest difference is {self.bound:g}; it must be 0 or more and below 1")
        if len(self.above) != len(BETS) or len(self.below) != len(BETS):
            raise EvidenceError(f"the state has {len(self.above)} bets, not {len(BETS)}; begin a new state")

    @property
    def log_e(self) -> float:
        """Natural logarithm of the e-value."""
        return float(log_sides(np.array(self.above), np.array(self.below), self.side))


AnyShift = TypeVar("AnyShift", bound=_Shift)


@dataclass(frozen=True, kw_only=True)
class MeanShift(_Shift):
    """Test of "the means of challenger and champion differ by the bound at most", at every moment.

    Attributes:
        rows_champion, rows_challenger: Rows that count and have a value.
        sum_champion, sum_challenger: Sums of their values.
        centre: What to take off the next row.
    """

    rows_champion: int = 0
    rows_challenger: int = 0
    sum_champion: float = 0.0
    sum_challenger: float = 0.0
    centre: float = 0.5

    def update(self, rows: ArmRows) -> Self:
        """The state after further rows, of which only those that count are used.

        Raises:
            EvidenceError: A value is outside 0 to 1.
        """
        checked_range("value", rows.value, 0, 1)
        used = np.flatnonzero(rows.counts & ~rows.missing)
        state = replace(self, missing=self.missing + int(rows.missing.sum()))
        for start in range(0, len(used), _CHUNK):
            part = used[start : start + _CHUNK]
            state = state._after(rows.value[part], rows.challenger[part], rows.share[part])
        return state

    def _after(self, value: NDArray[np.float64], challenger: NDArray[np.bool_], share: NDArray[np.float64]) -> Self:
        following = centres(self.centre, self.rows_champion + self.rows_challenger, value)
        centre = following[:-1]
        difference = weighted(value, challenger, share, centre)
        above, below = shift_growth(difference, share, centre, self.bound)
        return replace(
            self,
            rows_champion=self.rows_champion + int((~challenger).sum()),
            rows_challenger=self.rows_challenger + int(challenger.sum()),
            sum_champion=float(running(self.sum_champion, np.where(challenger, 0.0, value))[-1]),
            sum_challenger=float(running(self.sum_challenger, np.where(challenger, value, 0.0))[-1]),
            centre=float(following[-1]),
            sum_difference=float(running(self.sum_difference, difference)[-1]),
            sum_squares=float(running(self.sum_squares, (value - centre) ** 2)[-1]),
            above=tuple(running(np.array(self.above), above)[-1].tolist()),
            below=tuple(running(np.array(self.below), below)[-1].tolist()),
        )

    @classmethod
    def combined(cls, states: Sequence[Self]) -> Self:
        """One state of processes that count no entity twice between them: each bet's wealths multiply.

        Raises:
            EvidenceError: There is none, or their settings differ.
        """
        joined = _multiplied(states, ("rows_champion", "rows_challenger", "sum_champion", "sum_challenger"))
        return replace(joined, centre=sum(state.centre for state in states) / len(states))

    def evidence(self, signal: str, alpha: float) -> Evidence:
        """What is known now; the effect is the mean of the weighted differences."""
        n0, n1 = self.rows_champion, self.rows_challenger
        return Evidence(
            signal=signal, n_champion=n0, n_challenger=n1,
            value_champion=self.sum_champion / n0 if n0 else None,
            value_challenger=self.sum_challenger / n1 if n1 else None,
            effect=self.sum_difference / (n0 + n1) if n0 and n1 else None, bound=self.bound,
            log_e=self.log_e, threshold=log_threshold(alpha), missing=self.missing,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class PairedShift(_Shift):
    """Test of "a shadow's scores differ from the champion's by the bound at most, in the mean", at every moment.

    The mean is that of the requests that may come next, given those before: traffic on which the two differ by more is
    seen as a shift while it lasts.

    Attributes:
        rows: Requests that count and were scored by both.
        sum_champion, sum_challenger: Sums of the scores of both.
    """

    rows: int = 0
    sum_champion: float = 0.0
    sum_challenger: float = 0.0

    def update(self, champion: NDArray[np.float64], challenger: NDArray[np.float64]) -> Self:
        """The state after further requests, one an entity.

        Args:
            champion, challenger: Scores of the same requests, 0 to 1; NaN where there is none.

        Raises:
            EvidenceError: The lengths differ, or a score is outside 0 to 1.
        """
        if len(champion) != len(challenger):
            raise EvidenceError(f"{len(champion)} scores of the champion, {len(challenger)} of the shadow; pass pairs")
        checked_range("score", champion, 0, 1)
        checked_range("score", challenger, 0, 1)
        paired = np.flatnonzero(~np.isnan(champion + challenger))
        state = replace(self, missing=self.missing + len(champion) - len(paired))
        for start in range(0, len(paired), _CHUNK):
            part = paired[start : start + _CHUNK]
            state = state._after(champion[part], challenger[part])
        return state

    def _after(self, champion: NDArray[np.float64], challenger: NDArray[np.float64]) -> Self:
        difference = challenger - champion
        above, below = paired_growth(difference, self.bound)
        return replace(
            self,
            rows=self.rows + len(champion),
            sum_champion=float(running(self.sum_champion, champion)[-1]),
            sum_challenger=float(running(self.sum_challenger, challenger)[-1]),
            sum_difference=float(running(self.sum_difference, difference)[-1]),
            sum_squares=float(running(self.sum_squares, difference**2)[-1]),
            above=tuple(running(np.array(self.above), above)[-1].tolist()),
            below=tuple(running(np.array(self.below), below)[-1].tolist()),
        )

    @classmethod
    def combined(cls, states: Sequence[Self]) -> Self:
        """One state of processes that count no entity twice between them: each bet's wealths multiply.

        Raises:
            EvidenceError: There is none, or their settings differ.
        """
        return _multiplied(states, ("rows", "sum_champion", "sum_challenger"))

    def evidence(self, signal: str, alpha: float) -> Evidence:
        """What is known now; the effect is the mean difference."""
        n = self.rows
        return Evidence(
            signal=signal, n_champion=n, n_challenger=n,
            value_champion=self.sum_champion / n if n else None,
            value_challenger=self.sum_challenger / n if n else None,
            effect=self.sum_difference / n if n else None, bound=self.bound,
            log_e=self.log_e, threshold=log_threshold(alpha), missing=self.missing,
        )  # fmt: skip


def paired_growth(difference: NDArray[np.float64], bound: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Growth of the bets on a higher and on a lower score of the shadow, each [..., bets]."""
    return log_growth(difference - bound, 1 + bound), log_growth(-difference - bound, 1 + bound)


def _multiplied(states: Sequence[AnyShift], counted: Sequence[str]) -> AnyShift:
    first = same_settings(states, "bound", "side")
    added = (*counted, "sum_difference", "sum_squares", "missing")
    changes: dict[str, Any] = {name: sum(getattr(state, name) for state in states) for name in added}
    for name in ("above", "below"):
        changes[name] = tuple(sum(bets) for bets in zip(*(getattr(state, name) for state in states), strict=True))
    return replace(first, **changes)
