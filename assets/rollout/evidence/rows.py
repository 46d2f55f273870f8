"""The rows that evidence is made from, and which of them may count.

Belongs here: rows of two arms as arrays and their checks, the share at each of them, the choice of one row an entity.
Does not belong here: the tests (the other modules of this package), the assignment of entities
(`assets.rollout.assignment`).

Why one row an entity. The arm is a coin thrown once for an entity, so that all its rows have the same arm: ten errors
of one customer are one throw, not ten. Tests that treat them as ten alarm falsely. A test therefore counts a row only
where `counts` is true. There are two rules:

- *The first row of an entity.* Its arm is unknown until then, whatever happened before. Exact for every test.
- *The first adverse row of an entity*, for `RateIncrease` alone: an error that begins late is still seen in entities
  that have had rows before. Exact as long as the schedule of shares does not depend on outcomes of rows that do not
  count; `rates.py` gives the reason.

An entity that has counted does not count again in the same state, also not on the next day. To judge a new period by
all entities, begin a new state for it, and read old and new ones by `wealth.strongest`.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from resources.errors import LooplineError

SLOTS = 2**20


class EvidenceError(LooplineError, ValueError):
    """Rows or states cannot be evidence; the message names the column or the setting, and the remedy."""


@dataclass(frozen=True, eq=False)
class ArmRows:
    """Answered rows of both arms, in the order in which they were decided; arrays of one length.

    Attributes:
        challenger: Whether the challenger decided the row.
        value: The signal of the row; NaN where it has none.
        share: Share of entities that the challenger had when the row was decided, above 0 and below 1.
        counts: Whether the row is the one of its entity that counts.
    """

    challenger: NDArray[np.bool_]
    value: NDArray[np.float64]
    share: NDArray[np.float64]
    counts: NDArray[np.bool_]

    def __post_init__(self) -> None:
        lengths = {name: len(getattr(self, name)) for name in ("challenger", "value", "share", "counts")}
        if len(set(lengths.values())) > 1:
            raise EvidenceError(f"columns of rows have different lengths: {lengths}; pass arrays of one length")
        checked_range("share", self.share, 0, 1)
        if np.any((self.share <= 0) | (self.share >= 1)):
            raise EvidenceError("a row has the share 0 or 1, under which there is nothing to compare; leave it out")

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Rows without a value."""
        return np.isnan(self.value)


def checked_range(name: str, values: NDArray[np.float64], low: float, high: float) -> None:
    """Checks that all values are within a range; NaN passes.

    Raises:
        EvidenceError: One is not.
    """
    wrong = (values < low) | (values > high)
    if np.any(wrong):
        raise EvidenceError(f"{name} has the value {values[wrong][0]:g}, outside {low:g} to {high:g}; scale it first")


@dataclass(frozen=True, eq=False)
class SeenEntities:
    """Which entities have counted, in bounded memory: one flag for each of a fixed number of slots.

    An entity belongs to the slot of its place. Two entities that share a slot count once. That costs rows and never
    validity, as long as the place is independent of the arm: use `place(f"{rollout}/evidence", key)`, not the place by
    which the entity was assigned.

    Attributes:
        taken: One flag a slot.
    """

    taken: NDArray[np.bool_]

    @classmethod
    def none(cls, slots: int = SLOTS) -> Self:
        """No entity has counted. With as many entities as slots, about a third of them do not count."""
        return cls(np.zeros(slots, dtype=np.bool_))

    @property
    def filled(self) -> float:
        """Share of slots that are taken, 0 to 1; near 1 hardly any further entity counts."""
        return float(self.taken.mean())

    def first(self, places: NDArray[np.float64], eligible: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], Self]:
        """Which rows count: the first eligible one of each entity that has not counted; and the next state.

        Args:
            places: The place of each row's entity, 0 or more and below 1.
            eligible: All rows, or the adverse ones of a signal.
        """
        candidates = np.flatnonzero(eligible)
        slots, earliest = np.unique((places[candidates] * len(self.taken)).astype(np.int64), return_index=True)
        counts = np.zeros(len(places), dtype=np.bool_)
        counts[candidates[earliest]] = ~self.taken[slots]
        taken = self.taken.copy()
        taken[slots] = True
        return counts, type(self)(taken)


def shares_of_both(share: NDArray[np.float64], challenger: NDArray[np.bool_], *, is_alone: bool) -> NDArray[np.float64]:
    """The challenger's share of the entities of both arms, at each decision in their order.

    Args:
        share: Of the arm that decided. Beside other challengers the share of the other arm does not follow from it: it
            is the one of that arm's last decision before, or of its first one.
        is_alone: Whether the rollout has no other challenger.
    """
    if is_alone or challenger.all() or not challenger.any():
        found = np.where(challenger, share, 1.0 - share)
    else:
        own, champions = _last_of(share, challenger), _last_of(share, ~challenger)
        found = own / (own + champions)
    # The same number from both arms: 1 - 0.8 is not 0.2.
    return np.asarray(np.round(found, 9), dtype=np.float64)


def _last_of(values: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """For each place the last known value up to it, or the first one of all; at least one is known."""
    last = np.maximum.accumulate(np.where(known, np.arange(len(known)), -1))
    return values[np.where(last < 0, np.argmax(known), last)]
