"""The groups of a protected attribute, and those of crossed attributes.

Belongs here: names of groups and the members of each. Does not belong here: the figures of a group
(`assets.evaluation.fairness`), anything that lets a model see the attribute.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from assets.metrics.ranking import EvaluationError
from assets.product import Protected

Groups = tuple[tuple[str, ...], NDArray[np.int64]]
"""The names of the groups that have rows, in order, and for each row the position of its group's name."""


def group_members(protected: Protected, values: NDArray[np.generic]) -> Groups:
    """The names of the groups that have rows, in order, and for each row the position of its group's name.

    Raises:
        EvaluationError: Bands are declared for values that are not numbers.
    """
    if protected.bands:
        try:
            numbers = np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise EvaluationError(
                f"protected '{protected.column}' has bands, but its values are not numbers: {error}"
            ) from error
        bands = tuple(sorted(protected.bands))
        names = _band_names(bands)
        label_of_row = np.where(np.isnan(numbers), len(names), np.searchsorted(bands, numbers, side="right"))
        labels = np.array([*names, "missing"], dtype=object)
    else:
        texts = np.array(["missing" if _is_missing(value) else str(value) for value in values.tolist()], dtype=object)
        labels, label_of_row = np.unique(texts, return_inverse=True)
    used, member = np.unique(label_of_row, return_inverse=True)
    return tuple(str(labels[position]) for position in used), member.astype(np.int64)


def crossed_members(groups: Sequence[Groups]) -> Groups:
    """The groups of several attributes crossed, of the same rows: "female, under 25"."""
    names, member = groups[0]
    for more, other in groups[1:]:
        code = member * len(more) + other
        used, member = np.unique(code, return_inverse=True)
        names = tuple(f"{names[place // len(more)]}, {more[place % len(more)]}" for place in used.tolist())
    return names, member.astype(np.int64)


def _band_names(bands: tuple[float, ...]) -> tuple[str, ...]:
    """Half-open bands: "under 25", "25 to 40" (40 not included), "40 and over"."""
    middle = [f"{low:g} to {high:g}" for low, high in pairwise(bands)]
    return (f"under {bands[0]:g}", *middle, f"{bands[-1]:g} and over")


def _is_missing(value: object) -> bool:
    return value is None or value != value
