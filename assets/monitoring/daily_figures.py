"""How far each day's figures lie from those of the days before.

Belongs here: the figures of a day (rows, means, missing values, most common texts) and their distances from the usual.
Does not belong here: which distances are odd (`anomalies.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_LEAST_DAYS = 14
_SHARE_STEP, _RELATIVE_STEP = 0.005, 0.01
"""Smaller differences than these say nothing: of a share, and of any other figure relative to its usual value."""
_NORMAL_IQR = 1.349
"""The interquartile range of a normal distribution, in standard deviations."""


@dataclass(frozen=True)
class DayDistances:
    """Days as points: the earlier ones, then the day itself.

    Attributes:
        vectors: float64 [days, 3]: the logarithm of the distance of the number of rows, of the figure that lies
            farthest, and of all figures in the mean. Few numbers: among many, a forest rarely cuts the one that moved.
        moved: The day's figures, those farthest from the usual first.
    """

    vectors: NDArray[np.float64]
    moved: tuple[str, ...]


def day_distances(rows: pa.Table, day: date, columns: Sequence[str]) -> DayDistances | None:
    """The distances of the days of the rows; `None` if the day has no rows, or fewer than 14 earlier days have any.

    A distance is in robust standard deviations of the earlier days.

    Args:
        rows: Rows of the day and of the days before, with `day`.
    """
    figures, shares = _figures(rows, columns)
    days = figures["day"].to_pylist()
    if not days or days[-1] != day or len(days) <= _LEAST_DAYS:
        return None
    names = [name for name in figures.column_names if name != "day"]
    values = np.column_stack([figures[name].to_numpy() for name in names])
    earlier = values[:-1]
    centre = np.nanmedian(earlier, axis=0)
    low, high = np.nanquantile(earlier, [0.25, 0.75], axis=0)
    least = np.where([name in shares for name in names], _SHARE_STEP, _RELATIVE_STEP * np.abs(centre) + 1e-12)
    distance = np.nan_to_num(np.abs(values - centre) / np.maximum((high - low) / _NORMAL_IQR, least), nan=0.0)
    logs = np.log1p(distance)
    vectors = np.column_stack([logs[:, 0], logs.max(axis=1), logs.mean(axis=1)])
    order = np.argsort(-distance[-1], kind="stable")
    return DayDistances(vectors, tuple(names[at] for at in order if distance[-1, at] > 1))


def _figures(rows: pa.Table, columns: Sequence[str]) -> tuple[pa.Table, frozenset[str]]:
    """The figures of each day with rows, in order of the days, and the names of those that are shares."""
    data, wanted = {"day": rows["day"]}, []
    texts = [name for name in columns if pa.types.is_string(rows[name].type)]
    for name in columns:
        data[f"missing {name}"] = pc.is_null(rows[name]).cast(pa.float64())
        wanted.append(f"missing {name}")
        if name not in texts:
            data[f"mean {name}"] = rows[name].cast(pa.float64())
            wanted.append(f"mean {name}")
    by_day = pa.table(data).group_by("day").aggregate([("day", "count"), *((name, "mean") for name in wanted)])
    by_day = by_day.sort_by("day")
    days = by_day["day"]
    counts = by_day["day_count"].cast(pa.float64())
    figures = {"day": days, "rows": counts} | {name: pc.fill_null(by_day[f"{name}_mean"], np.nan) for name in wanted}
    for name in texts:
        figures[f"most common {name}"] = pc.divide(_most_common(rows, name), counts)
    shares = frozenset(name for name in figures if name.startswith(("missing ", "most common ")))
    return pa.table(figures), shares


def _most_common(rows: pa.Table, name: str) -> pa.ChunkedArray:
    """How many rows of each day, in order of the days, have the day's most frequent text."""
    counts = rows.select(["day", name]).group_by(["day", name]).aggregate([([], "count_all")])
    most = counts.group_by("day").aggregate([("count_all", "max")]).sort_by("day")
    return most["count_all_max"].cast(pa.float64())
