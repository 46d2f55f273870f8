"""How far rows have moved from the reference profile.

Belongs here: the drift figures of features and scores, for one set of rows or for the trailing window of each day. Does
not belong here: how much drift is too much (`verdicts.py`), reading the rows (`assets.py`).

There are two figures, because they err differently. The population stability index (`assets.metrics.psi`, over the bins
of the profile) sees any shift between bins, missing values included, and grows with the number of bins. The
Kolmogorov-Smirnov distance sees the largest shift of a numeric distribution and has a p-value, so that a small window
does not alarm by chance.

KS is the largest distance between the two distribution functions. Its p-value is Kolmogorov's limit at
sqrt(n m / (n + m)) KS (Smirnov, 1939); ties make the p-value conservative.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.special import kolmogorov

from assets.bundle.profile import CategoryProfile, NumericProfile, ReferenceProfile, category_values, numeric_values
from assets.metrics.psi import psi
from resources.errors import LooplineError

Kind = Literal["numeric", "category", "score"]

SCORE = "score"
"""The score's name among the figures, and its column in a table of rows."""

DRIFT_SCHEMA = pa.schema(
    [
        pa.field("day", pa.date32(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("psi", pa.float64()),
        pa.field("ks", pa.float64()),
        pa.field("p_value", pa.float64()),
        pa.field("rows", pa.int64(), nullable=False),
        pa.field("missing_share", pa.float64()),
    ]
)


class DriftError(LooplineError):
    """The rows cannot be compared with the profile; the message names the column."""


@dataclass(frozen=True)
class FeatureDrift:
    """How far one feature, or the score, has moved.

    Attributes:
        psi: Population stability index, 0 or more; `None` when there were no rows.
        ks, p_value: Kolmogorov-Smirnov distance, 0 to 1, and its significance; `None` for a category and where either
            side has no value.
        rows: Rows in the window.
        missing_share: Share of these rows without a value; `None` when there were no rows.
    """

    name: str
    kind: Kind
    psi: float | None
    ks: float | None
    p_value: float | None
    rows: int
    missing_share: float | None


def drift(profile: ReferenceProfile, features: pa.Table, scores: NDArray[np.floating[Any]]) -> tuple[FeatureDrift, ...]:
    """Figures of every profiled feature, then of the score, over all rows.

    Args:
        features: One row per decision; null and NaN are missing.
        scores: Calibrated score per row, floating [n]; NaN where the model gave none.

    Raises:
        DriftError: Scores and rows differ in number.
        ProfileError: A profiled column is absent or of another type.
    """
    if features.num_rows != len(scores):
        raise DriftError(f"{features.num_rows} rows of features and {len(scores)} scores; give one score per row")
    whole = _Windows(
        slot=np.zeros(features.num_rows, dtype=np.int64), slots=1, first=np.array([0]), after=np.array([1])
    )
    figures = _all_figures(profile, features, np.asarray(scores, dtype=np.float64), whole)
    return tuple(figure[0] for figure in figures)


def drift_by_day(profile: ReferenceProfile, table: pa.Table, days: Sequence[date], window_days: int) -> pa.Table:
    """Figures of each given day, over the `window_days` days that end with it.

    Each row is put into its bins once, and windows are differences of running counts, so that the cost does not grow
    with the length of the window.

    Args:
        table: One row per decision with the profiled columns, `score` (float, null or NaN for none) and `day` (date32).
            Rows outside all windows are ignored.
        days: UTC days; any order.

    Returns:
        A table of DRIFT_SCHEMA, ordered by day, then features in the profile's order, the score last.

    Raises:
        DriftError: There is no `day` column of type date32, or the window is shorter than a day.
        ProfileError: A profiled column or `score` is absent or of another type.
    """
    if window_days < 1:
        raise DriftError(f"a window of {window_days} days; it must be at least 1")
    if "day" not in table.column_names or table.schema.field("day").type != pa.date32():
        raise DriftError("drift by day needs a column 'day' of type date32")
    if not days:
        return DRIFT_SCHEMA.empty_table()
    wanted = sorted(set(days))
    start = wanted[0] - timedelta(days=window_days - 1)
    inside = pc.and_(pc.greater_equal(table["day"], start), pc.less_equal(table["day"], wanted[-1]))
    rows = table.filter(inside)
    after = np.array([(day - start).days + 1 for day in wanted], dtype=np.int64)
    windows = _Windows(
        slot=rows["day"].cast(pa.int32()).to_numpy().astype(np.int64) - (start - date(1970, 1, 1)).days,
        slots=(wanted[-1] - start).days + 1,
        first=after - window_days,
        after=after,
    )
    figures = _all_figures(profile, rows, numeric_values(rows, SCORE), windows)
    return drift_table({day: tuple(column[i] for column in figures) for i, day in enumerate(wanted)})


def drift_table(by_day: dict[date, tuple[FeatureDrift, ...]]) -> pa.Table:
    """The figures as a table of DRIFT_SCHEMA, in the order given."""
    flat = [(day, figure) for day, figures in by_day.items() for figure in figures]
    columns: dict[str, list[Any]] = {"day": [day for day, _ in flat]}
    for name in DRIFT_SCHEMA.names[1:]:
        columns[name] = [getattr(figure, name) for _, figure in flat]
    return pa.table(columns, schema=DRIFT_SCHEMA)


def drift_of_day(table: pa.Table, day: date) -> tuple[FeatureDrift, ...]:
    """The figures of one day in a table of DRIFT_SCHEMA; empty when the day has none."""
    rows = table.filter(pc.equal(table["day"], pa.scalar(day, pa.date32()))).select(DRIFT_SCHEMA.names[1:])
    return tuple(FeatureDrift(**row) for row in rows.to_pylist())


@dataclass(frozen=True)
class _Windows:
    """The rows of each window: window w has those whose slot (a day) is in [first[w], after[w])."""

    slot: NDArray[np.int64]
    slots: int
    first: NDArray[np.int64]
    after: NDArray[np.int64]

    def counts(self, cell: NDArray[np.int64], cells: int) -> NDArray[np.int64]:
        """Rows per window and cell, int64 [windows, cells]."""
        by_slot = np.bincount(self.slot * cells + cell, minlength=self.slots * cells).reshape(self.slots, cells)
        running = np.zeros((self.slots + 1, cells), dtype=np.int64)
        np.cumsum(by_slot, axis=0, out=running[1:])
        return cast("NDArray[np.int64]", running[self.after] - running[self.first])


def _all_figures(
    profile: ReferenceProfile, table: pa.Table, scores: NDArray[np.float64], windows: _Windows
) -> list[list[FeatureDrift]]:
    """For each profiled column, then for the score, its figures by window."""
    figures = [
        _numeric_figures(name, "numeric", column, numeric_values(table, name), windows)
        for name, column in profile.numeric.items()
    ]
    figures += [
        _category_figures(name, column, category_values(table, name), windows)
        for name, column in profile.categories.items()
    ]
    return [*figures, _numeric_figures(SCORE, "score", profile.score, scores, windows)]


def _numeric_figures(
    name: str, kind: Kind, profile: NumericProfile, values: NDArray[np.float64], windows: _Windows
) -> list[FeatureDrift]:
    counts = windows.counts(profile.assign(values), profile.cells)
    distance = _ks(np.asarray(profile.sample), values, windows)
    present = counts[:, :-1].sum(axis=1)
    reference = sum(profile.counts)
    p_value = kolmogorov(np.sqrt(present * reference / np.maximum(present + reference, 1)) * distance)
    unknown = (present == 0) | (reference == 0)
    distance[unknown] = p_value[unknown] = np.nan
    return _figures(name, kind, counts, psi(profile.expected, counts), distance, p_value)


def _category_figures(
    name: str, profile: CategoryProfile, values: pa.ChunkedArray, windows: _Windows
) -> list[FeatureDrift]:
    counts = windows.counts(profile.assign(values), profile.cells)
    none = np.full(len(counts), np.nan)
    return _figures(name, "category", counts, psi(profile.expected, counts), none, none)


def _ks(sample: NDArray[np.float64], values: NDArray[np.float64], windows: _Windows) -> NDArray[np.float64]:
    """Kolmogorov-Smirnov distance between the sample and each window's values, float64 [windows].

    The distribution function of the sample changes only at its points, so the largest distance is at or just before a
    point: counts of the values at and between the points give the distance exactly.
    """
    if not len(sample):
        return np.zeros(len(windows.first))
    points, repeats = np.unique(sample, return_counts=True)
    at = np.searchsorted(points, values, side="left")
    equal = points[np.minimum(at, len(points) - 1)] == values
    missing = np.isnan(values)
    spare = 2 * len(points) + 1
    cells = windows.counts(np.where(missing, spare, 2 * at + equal).astype(np.int64), spare + 1)[:, :spare]
    running = cells.cumsum(axis=1)
    shares = running / np.maximum(running[:, -1:], 1)
    reference = repeats.cumsum() / len(sample)
    upto = np.abs(shares[:, 1::2] - reference).max(axis=1)
    before = np.abs(shares[:, 0:-1:2] - np.concatenate([[0.0], reference[:-1]])).max(axis=1)
    return np.asarray(np.maximum(upto, before), dtype=np.float64)


def _figures(
    name: str,
    kind: Kind,
    counts: NDArray[np.int64],
    index: NDArray[np.float64],
    distance: NDArray[np.float64],
    p_value: NDArray[np.float64],
) -> list[FeatureDrift]:
    """One figure per window; a distance of NaN becomes `None`."""
    return [
        FeatureDrift(
            name=name,
            kind=kind,
            psi=float(index[i]) if rows else None,
            ks=_none_if_nan(distance[i]),
            p_value=_none_if_nan(p_value[i]),
            rows=rows,
            missing_share=float(counts[i, -1]) / rows if rows else None,
        )
        for i, rows in enumerate(counts.sum(axis=1).tolist())
    ]


def _none_if_nan(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
