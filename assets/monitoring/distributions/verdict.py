"""The verdict on drift: a day as a day, a window as a window, each subject as itself.

Belongs here: which figures are beyond their limits, and what follows. Does not belong here: the figures (`figures.py`),
the limits (`limits.py`), a training's verdict (`assets.monitoring.verdicts`).

A window whose score, or whose features in number, have moved asks for a retraining, and so does one in which the same
scores have other outcomes than they had: the model is wrong about rows that it knows. A day that is beyond its limits,
a single feature, the refused share and the number of rows ask for people: a model that is trained on a fault learns it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from assets.monitoring.distributions.beyond import beyond
from assets.monitoring.distributions.figures import Drift, Kind
from assets.monitoring.distributions.told_apart import kinds_of_drift
from assets.monitoring.verdicts import MonitoringAction, first_few, stale_reason
from assets.product import MonitoringPolicy, Verdict

_LEAST_ROWS_A_DAY = 30
_COLUMNS = ("numeric", "category", "score")
"""The kinds of figures without which the verdict is unknown."""


@dataclass(frozen=True)
class DriftSignals:
    """The latest drift figures of a live model; `day` is the last day of their window, `None` without figures."""

    figures: tuple[Drift, ...]
    day: date | None


def drift_verdict(signals: DriftSignals, policy: MonitoringPolicy, now: datetime) -> Verdict[MonitoringAction]:
    """Whether live rows are still distributed as usual since the approval of the model.

    "retrain" when the window's score, the outcomes of its scores, or at least `drifted_share` of its features, are
    beyond their limits; "alert" when anything else is, on the day or in the window; "unknown" when something was not
    measured.
    """
    stale = stale_reason("drift figures", signals.day, policy.window_days, now)
    if stale:
        return Verdict("unknown", (stale,))
    window = _judged(signals.figures, "window", policy.min_rows)
    day = _judged(signals.figures, "day", max(policy.min_rows // policy.window_days, _LEAST_ROWS_A_DAY))
    in_window = [figure for figure in window if beyond(figure)]
    on_day = [figure for figure in day if beyond(figure)]
    columns = [one for one in _of(signals.figures, "window") if one.kind in _COLUMNS and one.population == "batch"]
    features = {figure.name for figure in columns if figure.kind in ("numeric", "category")}
    moved = features & {figure.name for figure in in_window}
    told = (*_texts(in_window), *_texts(on_day), *_kinds((*in_window, *on_day)))
    is_other = _has(in_window, "score") or _has(in_window, "concept")
    if is_other or (moved and len(moved) >= policy.drifted_share * len(features)):
        return Verdict("retrain", told)
    if told:
        return Verdict("alert", told)
    gaps = [_gap(figure, policy) for figure in columns if figure not in window]
    if not features:
        gaps.append("no feature was measured")
    if not _has(columns, "score"):
        gaps.append("the score was not measured")
    if gaps:
        return Verdict("unknown", first_few(gaps))
    return Verdict("none", (_calm(window, day),))


def _texts(figures: Sequence[Drift]) -> list[str]:
    """What people are told, what explains most of the score's shift first."""
    ordered = sorted(figures, key=lambda figure: -(figure.score_share or 0.0))
    return [_text(figure) for figure in ordered]


def _kinds(figures: Sequence[Drift]) -> list[str]:
    return [f"{kind} drift: {what}" for kind, what in kinds_of_drift(figures).items()]


def _has(figures: Sequence[Drift], kind: Kind) -> bool:
    return any(figure.kind == kind for figure in figures)


def _text(figure: Drift) -> str:
    """What people are told of a figure beyond its limits."""
    when = "on the day" if figure.horizon == "day" else "in the window"
    whose = "" if figure.population == "batch" else " of answered decisions"
    since = "" if figure.since is None else f", since {figure.since}"
    share = "" if figure.score_share is None else f", {figure.score_share:.0%} of the score's shift"
    return f"{figure.name}{whose} {when}: {'; '.join(beyond(figure))}{since}{share} ({figure.limits_from})"


def _of(figures: Sequence[Drift], horizon: str) -> list[Drift]:
    return [figure for figure in figures if figure.horizon == horizon]


def _judged(figures: Sequence[Drift], horizon: str, min_rows: int) -> list[Drift]:
    """Figures over enough rows; the number of rows is judged however small it is."""
    return [one for one in _of(figures, horizon) if one.kind == "volume" or one.rows >= min_rows]


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
