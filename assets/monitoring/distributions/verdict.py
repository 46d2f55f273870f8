"""The verdict on drift: a day as a day, a window as a window, each subject as itself.

Belongs here: which figures are beyond their limits, and what follows. Does not belong here: the figures (`figures.py`),
the limits (`limits.py`), a training's verdict (`assets.monitoring.verdicts`).

A window whose score, or whose features in number, have moved asks for a retraining. A day that is beyond its limits, a
single feature, the refused share and the number of rows ask for people: a model that is trained on a fault learns it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from assets.monitoring.distributions.figures import Drift
from assets.monitoring.verdicts import MonitoringAction, first_few, stale_reason
from assets.product import MonitoringPolicy, Verdict

_LEAST_ROWS_A_DAY = 30


@dataclass(frozen=True)
class DriftSignals:
    """The latest drift figures of a live model; `day` is the last day of their window, `None` without figures."""

    figures: tuple[Drift, ...]
    day: date | None


def drift_verdict(signals: DriftSignals, policy: MonitoringPolicy, now: datetime) -> Verdict[MonitoringAction]:
    """Whether live rows are still distributed as usual since the approval of the model.

    "retrain" when the window's score, or at least `drifted_share` of its features, are beyond their limits; "alert"
    when anything else is, on the day or in the window; "unknown" when something was not measured.
    """
    stale = stale_reason("drift figures", signals.day, policy.window_days, now)
    if stale:
        return Verdict("unknown", (stale,))
    window = _judged(signals.figures, "window", policy.min_rows)
    day = _judged(signals.figures, "day", max(policy.min_rows // policy.window_days, _LEAST_ROWS_A_DAY))
    in_window = {figure.name: text for figure in window if (text := _text(figure))}
    on_day = {figure.name: text for figure in day if (text := _text(figure))}
    features = [figure for figure in _of(signals.figures, "window") if figure.kind in ("numeric", "category")]
    moved = [figure.name for figure in features if figure.name in in_window]
    told = (*in_window.values(), *on_day.values())
    if _names(window, "score") & set(in_window) or (moved and len(moved) >= policy.drifted_share * len(features)):
        return Verdict("retrain", told)
    if told:
        return Verdict("alert", told)
    gaps = [_gap(one, policy) for one in _of(signals.figures, "window") if one not in window and one.kind != "volume"]
    if not features:
        gaps.append("no feature was measured")
    if not _names(_of(signals.figures, "window"), "score"):
        gaps.append("the score was not measured")
    if gaps:
        return Verdict("unknown", first_few(gaps))
    return Verdict("none", (_calm(window, day),))


def beyond(figure: Drift) -> tuple[str, ...]:
    """What of a figure is beyond its limit, as texts, the strongest evidence first; empty when nothing is."""
    return tuple(_beyond(figure))


def _beyond(figure: Drift) -> Iterator[str]:
    shares = (
        ("missing", figure.missing_share, figure.missing_limit),
        ("unseen values", figure.unseen_share, figure.unseen_limit),
        ("out of range", figure.out_of_range_share, figure.out_of_range_limit),
    )
    for name, value, limit in shares:
        if value is not None and limit is not None and value > limit:
            yield f"{value:.1%} {name}, at most {limit:.1%} usual"
    distances = (
        ("PSI", figure.psi, figure.psi_limit),
        ("KS", figure.ks, figure.ks_limit),
        ("Wasserstein", figure.wasserstein, figure.wasserstein_limit),
    )
    for name, value, limit in distances:
        if value is not None and limit is not None and value > limit:
            yield f"{name} {value:.3g} above {limit:.3g}"
    refused, low, high = figure.refused_share, figure.refused_low, figure.refused_high
    if refused is not None and high is not None and (refused > high or (low is not None and refused < low)):
        yield f"{refused:.1%} refused, {max(low or 0.0, 0.0):.1%} to {high:.1%} usual"
    if figure.rows_high is not None and not (figure.rows_low or 0.0) <= figure.rows <= figure.rows_high:
        usual = f"{max(figure.rows_low or 0.0, 0.0):,.0f} to {figure.rows_high:,.0f}"
        yield f"{figure.rows:,} rows, {usual} usual"
    if figure.z is not None and figure.z_limit is not None and abs(figure.z) > figure.z_limit:
        yield f"{figure.label_rate:.2%} bad, {figure.expected_rate:.2%} expected, {abs(figure.z):.1f} standard errors"


def _text(figure: Drift) -> str | None:
    """What a person is told of a figure beyond its limits."""
    found = beyond(figure)
    if not found:
        return None
    when = "on the day" if figure.horizon == "day" else "in the window"
    whose = "" if figure.population == "batch" else " of answered decisions"
    return f"{figure.name}{whose} {when}: {'; '.join(found)} ({figure.limits_from})"


def _of(figures: Sequence[Drift], horizon: str) -> list[Drift]:
    return [figure for figure in figures if figure.horizon == horizon]


def _judged(figures: Sequence[Drift], horizon: str, min_rows: int) -> list[Drift]:
    """Figures over enough rows; the number of rows is judged however small it is."""
    return [one for one in _of(figures, horizon) if one.kind == "volume" or one.rows >= min_rows]


def _names(figures: Sequence[Drift], kind: str) -> set[str]:
    return {figure.name for figure in figures if figure.kind == kind}


def _gap(figure: Drift, policy: MonitoringPolicy) -> str:
    return f"{figure.name}: {figure.rows} rows in the window; at least {policy.min_rows} are needed"


def _calm(window: Sequence[Drift], day: Sequence[Drift]) -> str:
    largest = max((one for one in window if one.psi is not None), key=lambda one: one.psi or 0.0)
    judged = "the day and the window" if any(one.kind != "volume" for one in day) else "the window (few rows a day)"
    limit = "" if largest.psi_limit is None else f", limit {largest.psi_limit:.3g}"
    return (
        f"nothing is beyond its limit in {judged}; largest PSI {largest.psi or 0.0:.3f} ({largest.name}){limit}, "
        f"{largest.limits_from}"
    )
