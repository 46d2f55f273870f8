"""Errors of predicted amounts under resampling of entities.

Belongs here: every figure with its interval, the comparison with a champion, errors by group and by slice. Does not
belong here: a figure without interval (`assets.metrics.amounts`), what it must be (`gates.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from assets.evaluation.study.parts import FEW_VALUES, Floats
from assets.metrics.amounts import best_constant, mean_error, row_losses
from assets.metrics.groups import group_members
from assets.metrics.resampling import Interval, interval_of
from assets.product import Amount, Protected
from assets.training.rows.learning import TrainingRows

_MOST_SLICES = 8
_QUARTERS = (0.25, 0.5, 0.75)


@dataclass(frozen=True, eq=False)
class Predicted:
    """Amounts with their predictions, and how often each resample of entities draws each row.

    Attributes:
        actual, predicted: float64 [n].
        draws: float64 [n] each; none where there are too few entities.
    """

    target: Amount
    actual: Floats
    predicted: Floats
    draws: Sequence[Floats]

    def figures(self) -> dict[str, Interval]:
        """`mae`, `rmse`, `bias`, `mean_error`, `r2` and `skill`, each with its interval."""
        whole = self._figures(np.ones(len(self.actual)))
        drawn = [self._figures(weight) for weight in self.draws]
        return {name: interval_of(value, [one[name] for one in drawn]) for name, value in whole.items()}

    def loss_increase(self, champion: Floats) -> Interval:
        """(loss - champion's loss) / champion's loss on the same rows: each draw takes the same rows of both."""
        own = row_losses(self.target, self.actual, self.predicted)
        other = row_losses(self.target, self.actual, champion)

        def increase(weight: Floats) -> float:
            return float(weight @ own / max(float(weight @ other), 1e-300)) - 1.0

        return interval_of(increase(np.ones(len(own))), [increase(weight) for weight in self.draws])

    def mean_error_of(self, member: NDArray[np.bool_]) -> Interval | None:
        """The mean error of some rows with its interval; `None` where their mean amount is 0."""
        value = mean_error(self.target, self.actual[member], self.predicted[member])
        if value is None:
            return None
        below = np.asarray(self.actual <= self.predicted, dtype=np.float64)
        found = []
        for weight in self.draws:
            w = weight * member
            total, rows = float(w @ self.actual), float(w.sum())
            if self.target.objective == "pinball":
                found += [float(w @ below) / rows - self.target.quantile] if rows else []
            elif total != 0.0:
                found.append(float(w @ (self.predicted - self.actual)) / abs(total))
        return interval_of(value, found)

    def _figures(self, w: Floats) -> dict[str, float]:
        total, error = float(w.sum()), self.predicted - self.actual
        mean = float(w @ self.actual) / total
        constant = np.full(len(self.actual), best_constant(self.target, self.actual))
        spread = float(w @ (self.actual - mean) ** 2)
        base = float(w @ row_losses(self.target, self.actual, constant))
        loss = float(w @ row_losses(self.target, self.actual, self.predicted))
        below = float(w @ (self.actual <= self.predicted)) / total - self.target.quantile
        of_mean = float(w @ error) / total / max(abs(mean), 1e-300)
        return {
            "mae": float(w @ np.abs(error)) / total,
            "rmse": float(np.sqrt(w @ error**2 / total)),
            "bias": float(w @ error) / total,
            "mean_error": below if self.target.objective == "pinball" else of_mean,
            "r2": 1.0 - float(w @ error**2) / max(spread, 1e-300),
            "skill": 1.0 - loss / max(base, 1e-300),
        }


@dataclass(frozen=True)
class GroupError:
    """How wrong predictions of a group are.

    Attributes:
        judged: Whether it has rows enough.
        mean_error: Predicted less actual as a share of the actual (see `AmountMetrics`), with its interval.
    """

    group: str
    rows: int
    judged: bool
    mean_actual: float
    mean_predicted: float
    mae: float
    mean_error: float | None
    mean_error_low: float | None
    mean_error_high: float | None

    @property
    def certain_error(self) -> float | None:
        """How far the mean error is from 0 beyond chance: the nearer end of its interval; `None` if unknown."""
        low, high = self.mean_error_low, self.mean_error_high
        if self.mean_error is None or low is None or high is None:
            return None
        return 0.0 if low <= 0.0 <= high else min(abs(low), abs(high))


@dataclass(frozen=True)
class GroupErrors:
    """The groups of a protected attribute.

    Attributes:
        largest_error: The largest certain error of a judged group; `None` if one is unknown, or none is judged.
    """

    attribute: str
    groups: tuple[GroupError, ...]
    largest_error: float | None

    def to_dict(self) -> dict[str, object]:
        """Ready for JSON."""
        return asdict(self)


def group_errors(found: Predicted, protected: Protected, values: NDArray[np.generic], min_rows: int) -> GroupErrors:
    """The errors of each group of an attribute.

    Raises:
        EvaluationError: Bands are declared for values that are not numbers.
    """
    names, member = group_members(protected, values)
    groups = tuple(_group(found, name, member == place, min_rows) for place, name in enumerate(names))
    certain = [group.certain_error for group in groups if group.judged]
    known = [one for one in certain if one is not None]
    largest = max(known) if known and len(known) == len(certain) else None
    return GroupErrors(protected.column, groups, largest)


def _group(found: Predicted, name: str, member: NDArray[np.bool_], min_rows: int) -> GroupError:
    actual, predicted = found.actual[member], found.predicted[member]
    error = found.mean_error_of(member)
    return GroupError(
        group=name, rows=int(member.sum()), judged=int(member.sum()) >= min_rows,
        mean_actual=float(actual.mean()), mean_predicted=float(predicted.mean()),
        mae=float(np.abs(predicted - actual).mean()),
        mean_error=None if error is None else error.value,
        mean_error_low=None if error is None else error.low,
        mean_error_high=None if error is None else error.high,
    )  # fmt: skip


@dataclass(frozen=True)
class WrongSlice:
    """Rows of one value, or quarter, of a feature whose predictions are wrong in the mean.

    Attributes:
        condition: The rows, in words.
        rows: Of both halves.
        found: The mean error on the half on which it was found, as a share.
        low, high: Its interval on the other half, corrected for the slices that were tried there.
        confirmed: Whether that interval lies on one side of 0.
    """

    condition: str
    rows: int
    found: float
    low: float
    high: float
    confirmed: bool

    def to_dict(self) -> dict[str, object]:
        """Ready for JSON."""
        return asdict(self)


def wrong_slices(
    rows: TrainingRows, predicted: Floats, entity: NDArray[np.int64], min_rows: int
) -> tuple[WrongSlice, ...]:
    """The slices with the largest sums of errors on one half of the entities, tried on the other half."""
    actual, first = rows.amounts, entity % 2 == 0
    error, scale = predicted - actual, max(abs(float(actual.mean())), 1e-300)
    found = []
    for condition, member in _slices(rows):
        here = member & first
        if min(int(here.sum()), int((member & ~first).sum())) >= min_rows:
            found.append((abs(float(error[here].sum())), condition, member))
    tried = sorted(found, key=lambda one: (-one[0], one[1]))[:_MOST_SLICES]
    made = [_tried(condition, member, first, error / scale, len(tried)) for _, condition, member in tried]
    return tuple(sorted(made, key=lambda one: not one.confirmed))


def _tried(
    condition: str, member: NDArray[np.bool_], first: NDArray[np.bool_], error: Floats, tried: int
) -> WrongSlice:
    other = error[member & ~first]
    reach = NormalDist().inv_cdf(1.0 - 0.025 / tried) * float(other.std(ddof=1)) / np.sqrt(len(other))
    low, high = float(other.mean() - reach), float(other.mean() + reach)
    here = float(error[member & first].mean())
    return WrongSlice(condition, int(member.sum()), here, low, high, low > 0.0 or high < 0.0)


def _slices(rows: TrainingRows) -> list[tuple[str, NDArray[np.bool_]]]:
    """Each value of a flag, a category or a small count; each quarter of any other number; its missing values."""
    found: list[tuple[str, NDArray[np.bool_]]] = []
    for place, column in enumerate(rows.columns):
        values = rows.matrix[:, place]
        known = ~np.isnan(values)
        found.append((f"{column} is missing", ~known))
        distinct = np.unique(values[known])
        if len(distinct) <= FEW_VALUES:
            found += [(f"{column} is {value:g}", values == value) for value in distinct.tolist()]
            continue
        edges = np.quantile(values[known].astype(np.float64), _QUARTERS)
        quarter = np.searchsorted(edges, values, side="right")
        ends = ["", *(f"{edge:.4g}" for edge in edges), ""]
        for number in range(4):
            words = f"{column} from {ends[number] or 'the lowest'} to {ends[number + 1] or 'the highest'}"
            found.append((words, known & (quarter == number)))
    return found


def extreme_error(groups: Sequence[GroupErrors]) -> float | None:
    """The largest certain error over all attributes; `None` if one is unknown, or there is none."""
    known = [one.largest_error for one in groups if one.largest_error is not None]
    return max(known) if known and len(known) == len(groups) else None


def interval_records(figures: Mapping[str, Interval]) -> dict[str, dict[str, float | None]]:
    """Figures with their intervals, ready for JSON."""
    return {name: one.to_dict() for name, one in figures.items()}
