"""How far a day, and the window that ends on it, have moved from the reference profile.

Belongs here: the figures of every subject beside their limits, as values and as the table `drift`. Does not belong
here: the statistics (`statistics.py`), the limits (`limits.py`), what follows (`verdict.py`).

Every day has its figures twice: of the day's rows alone and of the rows of the window. A window is the sum of its days'
counts. Statistics err differently, so there are several. PSI, Jensen-Shannon and chi-squared see any shift between
bins, missing values included. Kolmogorov-Smirnov sees the largest shift of a distribution and has a p-value;
Wasserstein also sees how far the values have gone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assets.monitoring.distributions.cells import VOLUME, Layout
from assets.monitoring.distributions.counting import Population, score_rows
from assets.monitoring.distributions.fixed_limits import fixed_bounds
from assets.monitoring.distributions.judged import (
    STATISTICS,
    binned,
    in_parts,
    judged_values,
    rows_by_chance,
    usual_rows,
    volume_of,
    window_sums,
)
from assets.monitoring.distributions.limits import Limits
from assets.monitoring.distributions.statistics import (
    chi_squared,
    jensen_shannon,
    kolmogorov_smirnov_p,
    share,
)
from assets.monitoring.false_alarms import allowed
from assets.product import MonitoringPolicy

Kind = Literal["numeric", "category", "score", "outcome", "volume", "label", "concept", "segment"]
Horizon = Literal["day", "window"]
HORIZONS: tuple[Horizon, ...] = get_args(Horizon)


@dataclass(frozen=True)
class Drift:
    """How far one feature, the score, the decisions or the number of rows has moved, and how far is usual.

    Attributes:
        psi: Population stability index, 0 or more; `None` when there were no rows.
        ks, p_value: Kolmogorov-Smirnov distance, 0 to 1, and its significance; `None` without an order, and where
            either side has no value.
        rows: Rows on the day, or in the window.
        missing_share: Share of these rows without a value; `None` when there were no rows.
        horizon: Whether these are figures of the day or of the window that ends with it.
        population: Whether of batch scores or of answered decisions.
        wasserstein: In the unit of the column.
        jensen_shannon: Distance over the bins of PSI, 0 to 1.
        chi_squared, chi_squared_p: Pearson's test over the same bins.
        unseen_share: Share of the rows with a value that the profile does not keep.
        out_of_range_share: Share of the rows beyond either end of the reference sample.
        refused_share: Of the decisions, the share that was refused.
        usual_rows: Of the number of rows, how many there were in the weeks before.
        psi_limit and so on: The highest value that is usual; `None` for what is not judged.
        refused_low, refused_high, rows_low, rows_high: The range that is usual.
        limits_from: Where the limits are from.
        score_shift, score_share: What a feature explains of the shift of the mean log odds, or a segment of that of
            the mean score, and its share of all that was explained.
        since: Of what is beyond a limit, the day since which it is as far away; `None` where no change is seen.
        label_rate, expected_rate: Share of bad labels; and then, of the concept for the scores of now.
        z, z_limit: Standard errors between both, and how many are usual.
    """

    name: str
    kind: Kind
    psi: float | None
    ks: float | None
    p_value: float | None
    rows: int
    missing_share: float | None
    horizon: Horizon = "window"
    population: Population = "batch"
    wasserstein: float | None = None
    jensen_shannon: float | None = None
    chi_squared: float | None = None
    chi_squared_p: float | None = None
    unseen_share: float | None = None
    out_of_range_share: float | None = None
    refused_share: float | None = None
    usual_rows: float | None = None
    psi_limit: float | None = None
    ks_limit: float | None = None
    wasserstein_limit: float | None = None
    missing_limit: float | None = None
    unseen_limit: float | None = None
    out_of_range_limit: float | None = None
    refused_low: float | None = None
    refused_high: float | None = None
    rows_low: float | None = None
    rows_high: float | None = None
    limits_from: str = ""
    score_shift: float | None = None
    score_share: float | None = None
    since: date | None = None
    label_rate: float | None = None
    expected_rate: float | None = None
    z: float | None = None
    z_limit: float | None = None


_UNLIMITED = {one.name: None for one in fields(Drift) if one.name.endswith(("_limit", "_low", "_high"))}


def _field(name: str, kind: str) -> pa.Field:
    types = {"str": pa.string(), "int": pa.int64(), "float | None": pa.float64(), "datetime.date | None": pa.date32()}
    return pa.field(name, types.get(kind, pa.string()), nullable=kind.endswith("None"))


DRIFT_SCHEMA = pa.schema(
    [
        pa.field("day", pa.date32(), nullable=False),
        *(_field(one.name, getattr(one.type, "__name__", None) or str(one.type)) for one in fields(Drift)),
    ]
)


def drift_of_days(
    layout: Layout,
    population: Population,
    days: Sequence[date],
    counts: NDArray[np.int64],
    limits: Limits,
    policy: MonitoringPolicy,
    totals: NDArray[np.int64] | None = None,
) -> dict[date, tuple[Drift, ...]]:
    """The figures of the last `days` of consecutive days with counts, for both horizons.

    Answered decisions of a window that began before the first of them have no limits: a few days of a window differ
    from each other by more than as many rows of whole windows, of which the limits are.

    Args:
        days: Consecutive days; those before them in `counts` are read for windows and usual rows alone.
        counts: int64 [at least days, cells], the last of which are those of `days`.
        totals: By day of `counts` the number of rows that is judged, where more are due than are counted; int64.
    """
    found: dict[date, tuple[Drift, ...]] = dict.fromkeys(days, ())
    rows_by_day = score_rows(layout, counts)
    totals = rows_by_day if totals is None else totals
    for horizon in HORIZONS:
        window = 1 if horizon == "day" else policy.window_days
        sums = window_sums(counts, window)[-len(days) :]
        volume = _Volume(
            window_sums(totals[:, None], window)[-len(days) :, 0],
            usual_rows(totals, window)[-len(days) :],
            volume_of(totals, window)[-len(days) :],
        )
        figures = _figures(layout, sums, volume, limits, horizon, policy)
        begun = int(np.argmax(rows_by_day > 0)) if population == "answered" else 0
        for place, day in enumerate(days):
            whole = begun <= len(counts) - len(days) + place - window + 1
            limited = {} if whole else _UNLIMITED
            found[day] += tuple(
                Drift(**one[place] | limited, horizon=horizon, population=population, limits_from=limits.basis)
                for one in figures
            )
    return found


def drift_table(by_day: dict[date, Sequence[Drift]]) -> pa.Table:
    """Figures by day as a table of DRIFT_SCHEMA."""
    flat = [(day, figure) for day, figures in sorted(by_day.items()) for figure in figures]
    columns: dict[str, list[Any]] = {"day": [day for day, _ in flat]}
    columns |= {name: [getattr(figure, name) for _, figure in flat] for name in DRIFT_SCHEMA.names[1:]}
    return pa.table(columns, schema=DRIFT_SCHEMA)


def drift_of_day(table: pa.Table, day: date) -> tuple[Drift, ...]:
    """The figures of one day in a table of DRIFT_SCHEMA; empty when the day has none.

    Figures of older tables, which had neither horizon nor limits, are of the window and judged by nothing.
    """
    known = [name for name in DRIFT_SCHEMA.names[1:] if name in table.column_names]
    rows = table.filter(pc.equal(table["day"], pa.scalar(day, pa.date32()))).select(known)
    return tuple(
        Drift(**{name: value for name, value in row.items() if _is_given(name, value)}) for row in rows.to_pylist()
    )


def _is_given(name: str, value: Any) -> bool:
    return value is not None or name in ("psi", "ks", "p_value", "missing_share")


@dataclass(frozen=True)
class _Volume:
    """The number of rows of each day or window, int64 [n]; the usual ones and the logarithm of both, float64 [n]."""

    rows: NDArray[np.int64]
    usual: NDArray[np.float64]
    against_usual: NDArray[np.float64]


def _figures(
    layout: Layout,
    counts: NDArray[np.int64],
    volume: _Volume,
    limits: Limits,
    horizon: Horizon,
    policy: MonitoringPolicy,
) -> list[list[dict[str, Any]]]:
    """For each subject, then for the number of rows, the fields of its figures by day."""
    rows = score_rows(layout, counts)
    values = judged_values(layout, counts, volume.against_usual)
    own = limits.day if horizon == "day" else limits.window
    low, high = own.bounds(rows) if own is not None else fixed_bounds(layout, values, rows, policy)
    high[:, layout.of_the_date()] = np.nan
    bins = binned(layout, counts)
    statistic, probability = chi_squared(*bins)
    recorded: dict[str, NDArray[Any]] = {
        "jensen_shannon": jensen_shannon(*bins), "chi_squared": statistic, "chi_squared_p": probability,
        "p_value": _p_values(layout, counts, values[:, :-1, STATISTICS.index("ks")]),
    }  # fmt: skip
    at: dict[str, int] = {name: place for place, name in enumerate(STATISTICS)}
    columns = {
        "psi": "psi", "ks": "ks", "wasserstein": "wasserstein", "missing_share": "missing", "unseen_share": "unseen",
        "out_of_range_share": "out_of_range", "refused_share": "refused",
    }  # fmt: skip
    upper = {
        "psi_limit": "psi", "ks_limit": "ks", "wasserstein_limit": "wasserstein", "missing_limit": "missing",
        "unseen_limit": "unseen", "out_of_range_limit": "out_of_range", "refused_high": "refused",
    }  # fmt: skip
    missing = share(in_parts(layout, counts, "missing"), rows[:, None])
    found = []
    for place, subject in enumerate(layout.subjects):
        of_days = []
        for day in range(len(counts)):
            one: dict[str, Any] = {"name": subject.name, "kind": subject.kind, "rows": int(rows[day])}
            one |= {name: _none_if_nan(float(values[day, place, at[key]])) for name, key in columns.items()}
            one |= {name: _none_if_nan(float(high[day, place, at[key]])) for name, key in upper.items()}
            one |= {name: _none_if_nan(grid[day, place]) for name, grid in recorded.items()}
            one["refused_low"] = _none_if_nan(low[day, place, at["refused"]])
            one["missing_share"] = _none_if_nan(missing[day, place])
            of_days.append(one)
        found.append(of_days)
    place, chance = STATISTICS.index("volume"), allowed(policy, "days") / 365
    usual = volume.usual
    least, most = rows_by_chance(usual, chance)
    fewest = np.fmin(least, (usual + 1) * np.exp(low[:, -1, place]) - 1)
    largest = np.fmax(most, (usual + 1) * np.exp(high[:, -1, place]) - 1)
    has_limit = np.isfinite(high[:, -1, place]) & ~np.isnan(usual)
    found.append(
        [
            {
                "name": VOLUME, "kind": "volume", "psi": None, "ks": None, "p_value": None, "missing_share": None,
                "rows": int(volume.rows[day]), "usual_rows": _none_if_nan(usual[day]),
                "rows_low": float(fewest[day]) if has_limit[day] else None,
                "rows_high": float(largest[day]) if has_limit[day] else None,
            }
            for day in range(len(counts))
        ]
    )  # fmt: skip
    return found


def _p_values(layout: Layout, counts: NDArray[np.int64], ks: NDArray[np.float64]) -> NDArray[np.float64]:
    """The significance of each KS distance, float64 [n, subjects]; the reference has all its rows, not its sample's."""
    missing = in_parts(layout, counts, "missing")
    rows = score_rows(layout, counts)[:, None] - missing
    reference = np.array([subject.expected[:-1].sum() for subject in layout.subjects])
    return np.where(np.isnan(ks), np.nan, kolmogorov_smirnov_p(ks, rows, reference))


def _none_if_nan(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
