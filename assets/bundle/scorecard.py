"""The scorecard: a regression over bins, small enough to read and to run without any library.

Of a binary target it is a logistic regression; of an amount its points add up to the amount, or to its logarithm.

Belongs here: the scorecard's arithmetic, its checks and its JSON form; NumPy only, because the decision process falls
back to it when the model fails. Does not belong here: fitting it (`assets.training.candidates`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from assets.bundle.calibration import sigmoid
from assets.bundle.json_numbers import json_number
from resources.errors import LooplineError

ScorecardLink = Literal["logit", "identity", "log"]
"""What the points of a row add up to: log odds of the bad outcome, an amount, or the logarithm of an amount."""
# An amount above e^80 is none; its float32 would be infinite soon after.
_LARGEST_LOG = 80.0


class ScorecardError(LooplineError):
    """A scorecard is inconsistent or cannot be read, or a matrix does not fit it; the message says how."""


def bin_indices(matrix: NDArray[np.float32], edges: Sequence[Sequence[float]]) -> NDArray[np.int64]:
    """For each cell of the matrix [n, m], the index of its bin: int64 [n, m].

    A column with k edges has bins 0 to k (a value equal to an edge is in the bin above it), and bin k + 1 for missing
    values (NaN).

    Raises:
        ScorecardError: The matrix has another number of columns than there are edge lists.
    """
    if matrix.ndim != 2 or matrix.shape[1] != len(edges):
        raise ScorecardError(f"scorecard has {len(edges)} columns; the matrix has the shape {matrix.shape}")
    indices = np.empty(matrix.shape, dtype=np.int64)
    for column, bounds in enumerate(edges):
        values = matrix[:, column].astype(np.float64)
        bins = np.searchsorted(np.asarray(bounds, dtype=np.float64), values, side="right")
        indices[:, column] = np.where(np.isnan(values), len(bounds) + 1, bins)
    return indices


@dataclass(frozen=True)
class Scorecard:
    """Points for each bin of each column; their sum is the log odds of the bad outcome, or what `link` says.

    Attributes:
        columns: Names of the encoded columns, in the order of the matrix.
        edges: For each column, the inner edges of its bins, strictly increasing.
        points: For each column, the points of its bins, then those of a missing value.
        centre: For each column, its mean points over the training rows; `contributions` are relative to them.
        intercept: Log odds at zero points.
        link: What the sum is: log odds, an amount, or the logarithm of one.
    """

    columns: tuple[str, ...]
    edges: tuple[tuple[float, ...], ...]
    points: tuple[tuple[float, ...], ...]
    centre: tuple[float, ...]
    intercept: float
    link: ScorecardLink = "logit"

    def __post_init__(self) -> None:
        width = len(self.columns)
        if not len(self.edges) == len(self.points) == len(self.centre) == width:
            raise ScorecardError(
                f"scorecard: {width} columns, {len(self.edges)} edge lists, {len(self.points)} point lists, "
                f"{len(self.centre)} centres; give one of each for every column"
            )
        for name, bounds, values in zip(self.columns, self.edges, self.points, strict=True):
            if len(values) != len(bounds) + 2:
                raise ScorecardError(f"scorecard column {name}: {len(bounds)} edges need {len(bounds) + 2} points")
            if not np.all(np.isfinite((*bounds, *values))) or not np.all(np.diff(bounds) > 0):
                raise ScorecardError(f"scorecard column {name}: edges must rise and every number must be finite")
        if not np.all(np.isfinite((self.intercept, *self.centre))):
            raise ScorecardError("scorecard: the intercept and the centres must be finite")

    def apply(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probability of the bad outcome, or the amount, of each row of the matrix [n, m] (NaN: missing): float64."""
        total = self.log_odds(matrix)
        match self.link:
            case "logit":
                return sigmoid(total)
            case "identity":
                return total
            case "log":
                return np.asarray(np.exp(np.minimum(total, _LARGEST_LOG)), dtype=np.float64)

    def log_odds(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """The sum of each row's points: log odds of the bad outcome, or what `link` says, as float64 [n]."""
        return np.asarray(self._cells(matrix).sum(axis=1) + self.intercept, dtype=np.float64)

    def contributions(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Each column's share of the difference in log odds between a row and the mean training row: float64 [n, m]."""
        return self._cells(matrix) - np.asarray(self.centre, dtype=np.float64)

    def recalibrated(self, slope: float, intercept: float) -> "Scorecard":
        """The scorecard whose log odds are `slope * log_odds + intercept`, by the log odds of this one."""
        return replace(
            self,
            points=tuple(tuple(slope * point for point in values) for values in self.points),
            centre=tuple(slope * value for value in self.centre),
            intercept=slope * self.intercept + intercept,
        )

    def to_dict(self) -> dict[str, object]:
        """A form that `json` writes and reads without loss."""
        return {
            "columns": list(self.columns),
            "edges": [list(bounds) for bounds in self.edges],
            "points": [list(values) for values in self.points],
            "centre": list(self.centre),
            "intercept": self.intercept,
            # A scorecard of log odds has the record of before there were others.
            **({} if self.link == "logit" else {"link": self.link}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> "Scorecard":
        """The scorecard that `to_dict` described.

        Raises:
            ScorecardError: The data describe no scorecard.
        """
        missing = [name for name in ("columns", "edges", "points", "centre", "intercept") if name not in data]
        if missing:
            raise ScorecardError(f"scorecard has no {missing}: it was not written by Scorecard.to_dict")
        return cls(
            columns=tuple(str(name) for name in _list(data["columns"])),
            edges=tuple(tuple(_number(edge) for edge in _list(bounds)) for bounds in _list(data["edges"])),
            points=tuple(tuple(_number(point) for point in _list(values)) for values in _list(data["points"])),
            centre=tuple(_number(value) for value in _list(data["centre"])),
            intercept=_number(data["intercept"]),
            link=_link(data.get("link", "logit")),
        )

    def _cells(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """The points of each cell: float64 [n, m]."""
        indices = bin_indices(matrix, self.edges)
        cells = np.empty(indices.shape, dtype=np.float64)
        for column, values in enumerate(self.points):
            cells[:, column] = np.asarray(values, dtype=np.float64)[indices[:, column]]
        return cells


def _link(value: object) -> ScorecardLink:
    if value not in ("logit", "identity", "log"):
        raise ScorecardError(f"scorecard: link {value!r} is unknown: write 'logit', 'identity' or 'log'")
    return value


def _list(value: object) -> Sequence[object]:
    if not isinstance(value, list | tuple):
        raise ScorecardError(f"scorecard: {value!r} is not a list")
    return value


def _number(value: object) -> float:
    return json_number(value, "scorecard", ScorecardError)
