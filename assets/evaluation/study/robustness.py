"""What becomes of decisions when the features are not quite what they should be.

Belongs here: noise, missing groups, values out of range, small moves against the model; of each the AUC and the share
of decisions that change. Does not belong here: how much a change is allowed (`gates.py`), faults of live data
(`assets.monitoring.faults`).

Features are changed in the model's matrix, each by itself: a derived feature does not follow its inputs. What is told
is therefore how the model reacts, and not what one wrong request would do.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from assets.evaluation.study.parts import Floats, Studied, continuous
from assets.metrics.ranking import Ranking

Disturbance = Literal["noise", "missing", "out of range", "against the model"]
_NOISE = (0.01, 0.05, 0.2)
_MOST_ROWS = 1_500
_MOVED = 10
"""The most numbers of a row that are moved against the model: those with the largest effect."""
_STEP = 0.1
_LIKELY = (1.0, 99.0)


@dataclass(frozen=True)
class Robustness:
    """One disturbance.

    Attributes:
        kind: What is done to the features.
        what: The size of the noise, or the group of features.
        auc: AUC of the disturbed rows; `auc_lost` is that of the same rows as they are, less it.
        flipped: The share of decisions that change, 0 to 1.
    """

    kind: Disturbance
    what: str
    auc: float
    auc_lost: float
    flipped: float

    def to_dict(self) -> dict[str, object]:
        """Ready for JSON."""
        return asdict(self)


def robustness(studied: Studied, importance: tuple[str, ...]) -> tuple[Robustness, ...]:
    """Every disturbance of at most 1,500 test rows, spread evenly over their time.

    - noise: of 1%, 5% and 20% of each number's standard deviation;
    - missing: all features of a group without a value;
    - out of range: every number of a group beyond its training range by that range, as in another unit;
    - against the model: in each row the ten most important numbers are moved by a tenth of their standard deviation,
      but not out of the middle 98% of the training values, each in the direction that brings the row's score toward the
      nearest other answer.

    Args:
        importance: Features, the most important first.
    """
    studied = _sampled(studied)
    as_is = studied.predict(studied.test.matrix)
    auc, before = Ranking.of(studied.test.y, as_is).auc, studied.answers(as_is)

    def told(kind: Disturbance, what: str, matrix: NDArray[np.float32]) -> Robustness:
        scores = studied.predict(matrix)
        now = Ranking.of(studied.test.y, scores).auc
        return Robustness(kind, what, now, auc - now, float(np.mean(studied.answers(scores) != before)))

    moving = continuous(studied.train.matrix)
    spread = np.nan_to_num(np.nanstd(studied.train.matrix[:, moving].astype(np.float64), axis=0))
    noise = np.random.default_rng(studied.seed).normal(size=(len(studied.test), int(moving.sum()))) * spread
    found = [told("noise", f"{size:.0%}", _added(studied.test.matrix, moving, size * noise)) for size in _NOISE]
    found += [told("missing", group, matrix) for group, matrix in _missing(studied)]
    found += [told("out of range", group, matrix) for group, matrix in _out_of_range(studied, moving)]
    return (*found, told("against the model", "a tenth of a standard deviation", _against(studied, as_is, importance)))


def _sampled(studied: Studied) -> Studied:
    if len(studied.test) <= _MOST_ROWS:
        return studied
    rows = np.linspace(0, len(studied.test) - 1, _MOST_ROWS).astype(np.int64)
    if not 0 < studied.test.y[rows].sum() < len(rows):  # one class alone has no AUC
        return studied
    return replace(
        studied, test=studied.test.take(rows), scores=studied.scores[rows], entity=studied.entity[rows]
    )  # fmt: skip


def _added(matrix: NDArray[np.float32], columns: NDArray[np.bool_], change: Floats) -> NDArray[np.float32]:
    changed = matrix.astype(np.float64)
    changed[:, columns] += change
    return changed.astype(np.float32)


def _missing(studied: Studied) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """The rows without each group. A category's columns are then all 0, as of a value that is not known."""
    of_category = np.array([c != s for c, s in zip(studied.test.columns, studied.test.sources, strict=True)])
    for group, columns in studied.group_columns.items():
        matrix = studied.test.matrix.copy()
        matrix[:, columns] = np.where(of_category[columns], np.float32(0.0), np.float32(np.nan))
        yield group, matrix


def _out_of_range(studied: Studied, moving: NDArray[np.bool_]) -> Iterator[tuple[str, NDArray[np.float32]]]:
    for group, columns in studied.group_columns.items():
        numbers = [column for column in columns if moving[column]]
        if not numbers:
            continue
        known = studied.train.matrix[:, numbers]
        low, high = np.nanmin(known, axis=0), np.nanmax(known, axis=0)
        matrix = studied.test.matrix.copy()
        matrix[:, numbers] = np.where(np.isnan(matrix[:, numbers]), np.float32(np.nan), high + (high - low))
        yield group, matrix


def _against(studied: Studied, scores: Floats, importance: tuple[str, ...]) -> NDArray[np.float32]:
    """The rows moved against the model; a value that is missing stays missing."""
    matrix, moved = studied.test.matrix, studied.test.matrix.copy()
    columns, moving = studied.columns, continuous(studied.train.matrix)
    numbers = [columns[feature][0] for feature in importance if len(columns[feature]) == 1]
    upward = _wanted(studied, scores)
    for column in [one for one in numbers if moving[one]][:_MOVED]:
        known = studied.train.matrix[:, column]
        low, high = np.nanpercentile(known, _LIKELY).astype(np.float32)
        step = np.float32(_STEP * np.nanstd(known.astype(np.float64)))
        best, value = scores, matrix[:, column]
        for tried in (
            np.minimum(value + step, np.maximum(high, value)),
            np.maximum(value - step, np.minimum(low, value)),
        ):
            changed = matrix.copy()
            changed[:, column] = tried
            after = studied.predict(changed)
            better = np.where(upward, after > best, after < best)
            moved[:, column] = np.where(better, tried, moved[:, column])
            best = np.where(better, after, best)
    return moved


def _wanted(studied: Studied, scores: Floats) -> NDArray[np.bool_]:
    """Whether a higher score brings each row to the nearest other answer."""
    edges = np.array(studied.thresholds)
    nearest = edges[np.argmin(np.abs(scores[:, None] - edges[None, :]), axis=1)]
    return np.asarray(scores < nearest, dtype=np.bool_)
