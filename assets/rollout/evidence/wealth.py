"""Wealth of bets, as logarithms: what all tests of this package share.

Belongs here: the bets, the mixture over them, several e-processes read together, the result of a test. Does not
belong here: what is bet on (`rates.py`, `means.py`, `assigned.py`).

Each test bets a fixed fraction on every row, for sixteen fractions side by side, each with a sixteenth of the wealth
(diversified Kelly betting: Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, JRSS B
2023). A mean of e-processes of the same rows is an e-process. The mixture is worth at least its best sixteenth, so
that not knowing the size of an effect costs at most log(16) = 2.8. Fixed bets make the wealth of each a product over
rows: states of several processes are added.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from assets.rollout.evidence.rows import EvidenceError

BETS = np.geomspace(0.9, 0.002, 16)
"""Fractions of the largest bet that cannot lose more than all."""


@dataclass(frozen=True)
class Needed:
    """How many rows of each arm a test needs; of requests that both answered, equally many of both."""

    champion: int
    challenger: int


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a test says of one signal, at one look.

    Attributes:
        signal: Name of the signal.
        n_champion, n_challenger: Rows of each arm that have a value.
        value_champion, value_challenger: Rate or mean of each arm; `None` without rows, or where it has no meaning.
        effect: Estimated effect, in the unit of `bound`; `None` when it cannot be estimated.
        bound: The smallest effect that matters: what the null hypothesis allows.
        log_e: Natural logarithm of the e-value; 0 is no evidence.
        threshold: log(1/alpha), with alpha the signal's share of the false-alarm rate.
        missing: Rows without a value. They are no evidence, for neither arm.
        needed: Rows of each arm with which the test finds the smallest effect; `None` where none are enough, or it was
            not asked (`power.py`).
    """

    signal: str
    n_champion: int
    n_challenger: int
    value_champion: float | None
    value_challenger: float | None
    effect: float | None
    bound: float
    log_e: float
    threshold: float
    missing: int
    needed: Needed | None = None

    @property
    def breached(self) -> bool:
        """Whether the null hypothesis is refused. It stays refused, also when `log_e` falls again later."""
        return self.log_e >= self.threshold


@dataclass(frozen=True, kw_only=True)
class State:
    """What all states of evidence share: their JSON."""

    def to_json(self) -> dict[str, Any]:
        """The state as a value for `json.dumps`, without loss."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """Reads what `to_json` wrote.

        Raises:
            EvidenceError: It is not such a record, or one with other settings than this release has.
        """
        try:
            return cls(**{name: _as_tuple(value) for name, value in record.items()})
        except TypeError as error:
            raise EvidenceError(f"the record is no {cls.__name__}: {error}; begin a new state") from error


AnyState = TypeVar("AnyState", bound=State)
Counts = TypeVar("Counts")


def rebuilt(kind: Callable[..., Counts], record: Mapping[str, Any]) -> tuple[Counts, ...]:
    """The counts of a record of a state.

    Raises:
        EvidenceError: It has none, or others.
    """
    try:
        return tuple(kind(*row) for row in record["counts"])
    except (KeyError, TypeError) as error:
        raise EvidenceError(f"the record has no counts of this release ({error}); begin a new state") from error


def _as_tuple(value: Any) -> Any:
    return tuple(_as_tuple(item) for item in value) if isinstance(value, list) else value


def same_settings(states: Sequence[AnyState], *names: str) -> AnyState:
    """The first of some states, once all have the same settings.

    Raises:
        EvidenceError: There is none, or two differ.
    """
    if not states:
        raise EvidenceError("no states to combine; pass one at least")
    for name in names:
        values = {getattr(state, name) for state in states}
        if len(values) > 1:
            raise EvidenceError(f"states differ in {name}: {sorted(values)}; combine those of one setting")
    return states[0]


def log_threshold(alpha: float) -> float:
    """log(1/alpha), which an e-process reaches with probability alpha at most.

    Raises:
        EvidenceError: alpha is not between 0 and 1.
    """
    if not 0 < alpha < 1:
        raise EvidenceError(f"the share of the false-alarm rate is {alpha:g}; it must be above 0 and below 1")
    return -math.log(alpha)


def log_growth(gain: NDArray[np.float64], loss: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """How the logarithm of each bet's wealth grows by a row, [..., bets].

    Args:
        gain: [...] What the row pays for a bet of 1, with a mean of at most 0 under the null hypothesis.
        loss: The most that it can take for a bet of 1, known before the row; above 0.
    """
    return np.log1p(BETS * np.asarray(gain / loss)[..., None])


def log_mixture(log_wealth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithm of the mean of the wealths on the last axis."""
    highest = log_wealth.max(axis=-1, keepdims=True)
    total = np.log(np.exp(log_wealth - highest).mean(axis=-1))
    return np.asarray(highest[..., 0] + total, dtype=np.float64)


def running(start: NDArray[np.float64] | float, steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums over rows (the first axis), from `start` on: [rows + 1, ...]; each row is added by itself.

    Rows are added one after the other, so that a sum does not depend on how rows were cut into batches.
    """
    first = np.broadcast_to(np.asarray(start, dtype=np.float64), steps.shape[1:])[None]
    return np.asarray(np.cumsum(np.concatenate([first, steps]), axis=0))


def strongest(log_es: Sequence[float]) -> float:
    """Evidence of several e-processes that may depend on each other in any way, as one logarithm.

    For states of several periods, of several processes that count the same entities, or begun again after a restart.
    The one begun as number b (from 1) is judged against alpha/(b (b + 1)). These shares add up to alpha, so that the
    result reaches log(1/alpha) with probability alpha at most (union bound), however many are begun. Neither product
    nor mean of such e-processes has this guarantee (Choe and Ramdas, Combining evidence across filtrations, 2024).

    Args:
        log_es: In the order in which the states were begun.

    Raises:
        EvidenceError: There is none.
    """
    if not log_es:
        raise EvidenceError("no evidence to combine; pass one at least")
    return max(log_e - math.log(b * (b + 1)) for b, log_e in enumerate(log_es, start=1))
