"""The usual values of a model's features: those of the training rows that it accepts.

Belongs here: the values, in the model's encoding, and a row with a feature set to them. Does not belong here: which
rows are accepted (`assets.training.candidate`), what follows from a changed score (`assets.serving.reasons`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assets.bundle.json_numbers import json_number
from resources.errors import LooplineError, listed


class UsualError(LooplineError, ValueError):
    """A record in a bundle is not one of usual values."""


@dataclass(frozen=True)
class UsualValues:
    """For each column of the encoded matrix the usual value.

    Attributes:
        cells: Of a number the median, of a category its most frequent value; `None` where no accepted row has a value.
            Each is a float32.
    """

    cells: tuple[float | None, ...]

    @classmethod
    def of(cls, accepted: NDArray[np.float32], places: Mapping[str, slice]) -> "UsualValues":
        """The usual values of accepted rows, float32 [n, columns].

        Args:
            places: For each feature the places of its columns.
        """
        cells: list[float | None] = []
        for place in places.values():
            cells += _usual(accepted[:, place])
        return cls(tuple(cells))

    def replaced(
        self, row: NDArray[np.float32], groups: Sequence[Collection[str]], places: Mapping[str, slice]
    ) -> NDArray[np.float32]:
        """The row once for each group of features, with these features at their usual values: float32 [groups, m].

        A feature without a usual value stays as it is.

        Args:
            row: float32 [1, m].
        """
        rows = np.repeat(row, len(groups), axis=0)
        for number, group in enumerate(groups):
            for feature in group:
                place = places[feature]
                known = self._known[place]
                rows[number, place][known] = self._array[place][known]
        return rows

    @cached_property
    def _array(self) -> NDArray[np.float32]:
        return np.array([np.nan if cell is None else cell for cell in self.cells], dtype=np.float32)

    @cached_property
    def _known(self) -> NDArray[np.bool_]:
        return ~np.isnan(self._array)

    def to_dict(self) -> dict[str, Any]:
        """A form that `json` writes and reads without loss."""
        return {"cells": list(self.cells)}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "UsualValues":
        """The values that `to_dict` wrote.

        Raises:
            UsualError: The record is not one of usual values.
        """
        cells = record.get("cells") if set(record) == {"cells"} else None
        if not isinstance(cells, list):
            raise UsualError(f"usual values have cells, a list; this record has {listed(sorted(record))}")
        return cls(tuple(None if cell is None else json_number(cell, "usual value", UsualError) for cell in cells))


def _usual(columns: NDArray[np.float32]) -> list[float | None]:
    """The usual value in each of a feature's columns."""
    known = columns[~np.isnan(columns).any(axis=1)]
    width = columns.shape[1]
    if len(known) == 0:
        return [None] * width
    if width == 1:
        return [float(np.median(known))]
    counts = known.sum(axis=0)
    # Rows with a value that has no column of its own are 0 in all of them.
    is_most = counts.max() >= len(known) - counts.sum()
    return [float(is_most and place == counts.argmax()) for place in range(width)]
