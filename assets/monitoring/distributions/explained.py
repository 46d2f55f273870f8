"""Figures with their explanation: what each explains of the score's shift, since when, and the figures of labels.

Belongs here: joining figures with attributions, change points and labels. Does not belong here: these three
(`attribution.py`, `change.py`, `labels.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from assets.monitoring.distributions.attribution import Shift
from assets.monitoring.distributions.beyond import beyond
from assets.monitoring.distributions.cells import VOLUME, Layout
from assets.monitoring.distributions.change import last_change
from assets.monitoring.distributions.counting import score_rows
from assets.monitoring.distributions.figures import HORIZONS, Drift, Horizon, Kind
from assets.monitoring.distributions.judged import STATISTICS, judged_values, volume_of
from assets.monitoring.distributions.labels import CONCEPT, LABEL, label_shift
from assets.monitoring.distributions.limits import Limits
from assets.monitoring.false_alarms import allowed
from assets.product import MonitoringPolicy

_LEAST_WEEKS, _FEW_WEEKS = 5, 1.5
"""With fewer weeks than these nothing is known of how weeks vary, and this is taken."""
Shifts = Mapping[date, tuple[tuple[Shift, ...], tuple[Shift, ...]]]
"""For each day what explains the shift of the day's scores, and of the window's."""


def explained(
    layout: Layout,
    by_day: Mapping[date, Sequence[Drift]],
    known: Sequence[date],
    counts: NDArray[np.int64],
    limits: Limits,
    shifts: Shifts,
    totals: NDArray[np.int64] | None = None,
) -> dict[date, tuple[Drift, ...]]:
    """The figures of each day, with shares of the score's shift; those beyond a limit with the day since when.

    Segments get figures of their own: what each explains of the shift.

    Args:
        known: The consecutive days of `counts`, the days of the figures among them.
        totals: As `drift_of_days`.
    """
    found: dict[date, tuple[Drift, ...]] = {}
    changes = _Changes(layout, known, counts, limits, totals)
    for day, figures in by_day.items():
        told: list[Drift] = []
        of_day = dict(zip(HORIZONS, shifts.get(day, ((), ())), strict=True))
        for figure in figures:
            parts = {one.name: one for one in of_day[figure.horizon] if one.kind == "feature"}
            shift = parts.get(figure.name) if figure.kind in ("numeric", "category") else None
            told.append(
                replace(
                    figure,
                    score_shift=None if shift is None else shift.shift,
                    score_share=None if shift is None else shift.share,
                    since=changes.since(figure.name, day) if beyond(figure) else None,
                )
            )
        for horizon, parts_of in of_day.items():
            if figures and figures[0].population == "batch":
                told += [_segment(one, horizon, figures[0]) for one in parts_of if one.kind == "segment"]
        found[day] = tuple(told)
    return found


def label_figures(
    then: NDArray[np.int64],
    counts: NDArray[np.int64],
    days: Sequence[date],
    policy: MonitoringPolicy,
    limits: Limits,
    history: NDArray[np.int64] | None = None,
) -> dict[date, tuple[Drift, ...]]:
    """The figures of the labels that became final in the window of each day; none where there are none.

    The limit is that of as many independent rows, widened where the weeks then, and those known before the window,
    varied more among themselves.

    Args:
        then: Labels of the days before the approval, int64 [days then, 2 * bins].
        counts: Those of consecutive days that end with `days`.
        history: Those of days before `then`, which tell how much weeks vary, and no more.
    """
    before, window = then.sum(axis=0), policy.window_days
    rate = allowed(policy, "labels") / 2 * window / 365
    earlier = counts[: max(len(counts) - len(days) - window + 1, 0)]
    limit = float(-ndtri(min(rate, 0.5) / 2)) * _spread_of_weeks(
        np.concatenate([then[:0] if history is None else history, then, earlier])
    )
    found: dict[date, tuple[Drift, ...]] = {}
    for place, day in enumerate(days):
        end = len(counts) - len(days) + place + 1
        shift = label_shift(before, counts[max(end - window, 0) : end].sum(axis=0))
        if shift is None:
            continue
        common: dict[str, Any] = {
            "rows": shift.rows,
            "label_rate": shift.rate,
            "z_limit": limit,
            "limits_from": limits.basis,
        }
        found[day] = (
            _drift(LABEL, "label", expected_rate=shift.rate_then, z=shift.z, **common),
            _drift(CONCEPT, "concept", expected_rate=shift.expected, z=shift.concept_z, **common),
        )
    return found


class _Changes:
    """Since when each subject is at its last level, by its daily distances."""

    def __init__(
        self,
        layout: Layout,
        days: Sequence[date],
        counts: NDArray[np.int64],
        limits: Limits,
        totals: NDArray[np.int64] | None,
    ) -> None:
        self._layout, self._days, self._counts, self._limits = layout, days, counts, limits
        self._totals = score_rows(layout, counts) if totals is None else totals
        self._names = [*(subject.name for subject in layout.subjects), VOLUME]

    @cached_property
    def _series(self) -> NDArray[np.float64]:
        """The largest distance of each subject on each day, float64 [days, subjects + 1]; few days need it."""
        rows = score_rows(self._layout, self._counts)
        values = judged_values(self._layout, self._counts, volume_of(self._totals, 1))
        if self._limits.day is None:
            series = values[:, :, STATISTICS.index("psi")]
            series[:, -1] = np.abs(values[:, -1, STATISTICS.index("volume")])
        else:
            distances = self._limits.day.distances(values, rows)
            nothing = np.isnan(distances).all(axis=2)
            series = np.where(nothing, np.nan, np.nanmax(np.nan_to_num(distances, nan=-np.inf), axis=2))
        series[rows == 0, :-1] = np.nan
        return series

    def since(self, name: str, day: date) -> date | None:
        """The day since which the subject is as far away as it is; `None` while no change is seen."""
        end = (day - self._days[0]).days + 1
        place = last_change(np.log1p(np.maximum(self._series[:end, self._names.index(name)], 0.0)))
        return None if place is None else self._days[place]


def _segment(shift: Shift, horizon: Horizon, figure: Drift) -> Drift:
    """A segment's figure: nothing but what it explains."""
    return _drift(
        shift.name, "segment", rows=figure.rows, horizon=horizon, score_shift=shift.shift, score_share=shift.share
    )


def _drift(name: str, kind: Kind, rows: int, **values: Any) -> Drift:
    """A figure that is no distance."""
    return Drift(name, kind, psi=None, ks=None, p_value=None, rows=rows, missing_share=None, **values)


def _spread_of_weeks(counts: NDArray[np.int64]) -> float:
    """How much more the bad rates of weeks vary than those of independent rows: bad rows come in bursts.

    From the week that four of five do not exceed, by its rate or by the rate that its scores have: a few weeks that
    have drifted do not make themselves usual. At least what is taken where nothing is known: ten quiet weeks may lack a
    burst.
    """
    weeks = [counts[first : first + 7].sum(axis=0) for first in range(0, len(counts) - 6, 7)]
    found = [label_shift(counts.sum(axis=0), week) for week in weeks]
    scores = [max(abs(one.z), abs(one.concept_z)) for one in found if one is not None]
    if len(scores) < _LEAST_WEEKS:
        return _FEW_WEEKS
    return max(_FEW_WEEKS, float(np.quantile(scores, 0.8) / ndtri(0.9)))
