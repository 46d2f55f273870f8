"""The cells into which values are counted: fine enough for every statistic, and the same for a whole bundle.

Belongs here: the cells of a numeric column, of a category and of the decisions, made from a bundle's reference profile,
and where a value falls. Does not belong here: counting rows (`counting.py`), comparing counts (`statistics.py`).

The cells of a number are finer than the profile's bins, so that the bins are sums of cells. They are the points of the
profile's sample of order statistics and of its edges, and the gaps between them; beyond both ends of the sample stand
steps that double their distance, so that numbers a hundred times too large are told from numbers a little too large.
A statistic over cells is that of values moved to their cell's point (a gap's is its middle). For Kolmogorov-Smirnov
that changes nothing: the sample's distribution function is constant within a gap.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assets.bundle.answers import answers_by_score
from assets.bundle.bundle import Policy
from assets.bundle.profile import CategoryProfile, NumericProfile, ReferenceProfile

Kind = Literal["numeric", "category", "score", "outcome"]
Part = Literal["below", "within", "above", "unseen", "missing"]

SCORE, OUTCOME = "score", "outcome"
"""The names of the score and of the decisions among the subjects."""
VOLUME = "volume"
"""The name of the subject after all of the layout's: the number of rows."""
_STEPS = 2.0 ** np.arange(1, 11) - 1
"""The steps beyond an end of the sample, in lengths of the sample."""
_LARGEST = np.finfo(np.float64).max / 4


@dataclass(frozen=True)
class Subject:
    """One feature, the score or the decisions, with its cells.

    Attributes:
        name: Unique in a layout.
        kind: What it is.
        parts: For each cell the part of the column that it belongs to; the cell of missing values is the last.
        labels: For each cell a text for people: a number, a gap, a value.
        bins: For each cell its bin, ascending: the bins over which PSI, Jensen-Shannon and chi-squared are taken.
        expected: Reference rows in each bin, int64 [bins].
        points: The number that stands for each cell but the last; empty without an order.
        sample: Reference values in each cell but the last, int64; empty without an order. Only the sample is kept.
        is_of_the_date: Whether the date of a decision gives the value. A day has one value then, and a window as many
            of each as it has such days and rows on them: it is compared with nothing.
    """

    name: str
    kind: Kind
    parts: tuple[Part, ...]
    labels: tuple[str, ...]
    bins: NDArray[np.int64]
    expected: NDArray[np.int64]
    points: NDArray[np.float64]
    sample: NDArray[np.int64]
    is_of_the_date: bool = False

    @property
    def cells(self) -> int:
        """Number of cells, that of missing values included."""
        return len(self.parts)

    @property
    def reference_rows(self) -> int:
        """Reference rows, those without a value included."""
        return int(self.expected.sum())

    def share_expected(self, *parts: Part) -> float:
        """The share of the reference rows in these parts of the column; of an end, as far as the sample tells."""
        rows = max(self.reference_rows, 1)
        if self.kind in ("numeric", "score") and "missing" not in parts:
            return 0.0
        among = [place for place, part in enumerate(self.parts) if part in parts]
        return float(self.expected[np.unique(self.bins[among])].sum() / rows) if among else 0.0


def numeric_subject(name: str, kind: Kind, profile: NumericProfile) -> Subject:
    """The cells of a numeric column."""
    points, (low, high) = _points(profile)
    count = len(points)
    places = np.arange(2 * count + 1)
    stands = np.empty(len(places))
    stands[1::2] = points
    if count:
        stands[0], stands[-1] = points[0], points[-1]
        stands[2:-1:2] = points[:-1] / 2 + points[1:] / 2
    else:
        stands[0] = 0.0
    # A cell is within the bin of any of its values: a gap's are all between two edges.
    edges = np.asarray(profile.edges)
    gap_after = np.searchsorted(edges, points, side="right")
    bins = np.zeros(len(places), dtype=np.int64)
    bins[1::2] = np.searchsorted(edges, points, side="left")
    bins[2::2] = gap_after
    below, above = 2 * low + 1, 2 * high + 1
    parts: list[Part] = [
        "within" if not count or below <= place <= above else "below" if place < below else "above" for place in places
    ]
    sample = np.zeros(len(places), dtype=np.int64)
    np.add.at(sample, cells_of(points, np.asarray(profile.sample, dtype=np.float64)), 1)
    return Subject(
        name=name,
        kind=kind,
        parts=(*parts, "missing"),
        labels=(*_labels(points), "missing"),
        bins=np.append(bins, profile.cells - 1),
        expected=profile.expected,
        points=stands,
        sample=sample,
    )


def cells_of(points: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.int64]:
    """The cell of each value among ascending points, int64 [n]: 2 i + 1 at point i, 2 i before it; NaN is last."""
    if not len(points):
        return np.isnan(values).astype(np.int64)
    at = np.searchsorted(points, values, side="left")
    equal = points[np.minimum(at, len(points) - 1)] == values
    return np.where(np.isnan(values), 2 * len(points) + 1, 2 * at + equal).astype(np.int64)


def numeric_counts(points: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many values are in each cell, int64 [2 points + 2]: as `cells_of`, for many values.

    Sorting many numbers and finding a few edges among them takes less time than finding each number among the edges.
    """
    ordered = np.sort(values)
    known = int(np.searchsorted(ordered, np.nan))
    edges = np.stack([points, np.nextafter(points, np.inf)], axis=1).ravel()
    places = np.searchsorted(ordered[:known], edges, side="left")
    return np.append(np.diff(np.concatenate([[0], places, [known]])), len(values) - known).astype(np.int64)


def category_subject(name: str, profile: CategoryProfile) -> Subject:
    """The cells of a category: each kept value, all others, missing."""
    cells = len(profile.values) + 2
    none = np.zeros(0)
    return Subject(
        name=name,
        kind="category",
        parts=(*(["within"] * len(profile.values)), "unseen", "missing"),  # type: ignore[arg-type]
        labels=(*profile.values, "(other)", "missing"),
        bins=np.arange(cells),
        expected=profile.expected,
        points=none,
        sample=none.astype(np.int64),
    )


def outcome_subject(policy: Policy, profile: ReferenceProfile) -> Subject:
    """The cells of the decisions: accept, refer, refuse. Expected is what the thresholds make of the scores then.

    Rules and exploration change that; the limits, which come from days with both, know it.
    """
    scores = np.asarray(profile.score.sample, dtype=np.float64)
    codes = answers_by_score(scores, policy.refer_from, policy.threshold)
    none = np.zeros(0)
    return Subject(
        name=OUTCOME,
        kind="outcome",
        parts=("within", "within", "within", "missing"),
        labels=(policy.accept, policy.refer or "(refer)", policy.refuse, "missing"),
        bins=np.arange(4),
        expected=np.bincount(codes, minlength=4).astype(np.int64),
        points=none,
        sample=none.astype(np.int64),
    )


@dataclass(frozen=True)
class Layout:
    """The subjects of a bundle, one after the other: a day is one row of counts.

    Attributes:
        subjects: Numeric features, categories, the score, the decisions.
    """

    subjects: tuple[Subject, ...]

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Where the cells of each subject begin."""
        return np.concatenate([[0], np.cumsum([subject.cells for subject in self.subjects])[:-1]]).astype(np.int64)

    @cached_property
    def cells(self) -> int:
        """The cells of all subjects together."""
        return sum(subject.cells for subject in self.subjects)

    @cached_property
    def parts(self) -> NDArray[np.str_]:
        """The part of each cell of all subjects."""
        return np.array([part for subject in self.subjects for part in subject.parts])

    def place(self, name: str) -> int:
        """The place of a subject."""
        return [subject.name for subject in self.subjects].index(name)

    def of_the_date(self) -> NDArray[np.bool_]:
        """Which subjects have a value that the date gives, bool [subjects + 1]; the last is the number of rows."""
        return np.array([*(subject.is_of_the_date for subject in self.subjects), False])

    def numbers(self) -> tuple[int, ...]:
        """The places of the subjects with an order."""
        return tuple(n for n, subject in enumerate(self.subjects) if subject.kind in ("numeric", "score"))


def layout_of(profile: ReferenceProfile, policy: Policy, of_the_date: Collection[str] = ()) -> Layout:
    """The layout of a bundle, from its reference profile and its policy.

    Args:
        of_the_date: The numeric features whose value the date of a decision gives.
    """
    numeric = (numeric_subject(name, "numeric", column) for name, column in profile.numeric.items())
    return Layout(
        (
            *(replace(subject, is_of_the_date=subject.name in of_the_date) for subject in numeric),
            *(category_subject(name, column) for name, column in profile.categories.items()),
            numeric_subject(SCORE, "score", profile.score),
            outcome_subject(policy, profile),
        )
    )


def assigned(subject: Subject, values: NDArray[np.float64] | pa.ChunkedArray) -> NDArray[np.int64]:
    """The cell of each value of a column, int64 [n]."""
    if isinstance(values, np.ndarray):
        return cells_of(subject.points[1::2], values)
    kept = CategoryProfile(subject.labels[:-2], tuple(subject.expected[:-2].tolist()), 0)
    return kept.assign(values)


def _points(profile: NumericProfile) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """The points of a column, ascending, and the places among them of the sample's ends."""
    sample = np.asarray(profile.sample, dtype=np.float64)
    if not len(sample):
        return np.zeros(0), (0, 0)
    low, high = float(sample[0]), float(sample[-1])
    length = 2 * max(high / 2 - low / 2, abs(low) / 2, abs(high) / 2, float(np.finfo(np.float32).tiny))
    steps = np.clip(np.concatenate([low - length * _STEPS, high + length * _STEPS]), -_LARGEST, _LARGEST)
    beyond = steps[(steps < low) | (steps > high)]
    points = np.unique(np.concatenate([sample, np.asarray(profile.edges), beyond]))
    return points, (int(np.searchsorted(points, low)), int(np.searchsorted(points, high)))


def _labels(points: NDArray[np.float64]) -> Sequence[str]:
    if not len(points):
        return ("any",)
    numbers = [f"{point:.6g}" for point in points.tolist()]
    found = [f"below {numbers[0]}"]
    for number, following in zip(numbers, [*numbers[1:], ""], strict=True):
        found += [number, f"{number} to {following}" if following else f"above {number}"]
    return found
