"""The verdicts on performance: realised, estimated, and of the business figures.

Belongs here: pure functions of recorded figures, a policy and the clock. Does not belong here: computing figures (the
modules beside this one), what follows from a verdict (`assets.monitoring.verdicts`, `pipelines`).

A withheld or missing figure is "unknown" with its reason, never "none".
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from scipy.special import ndtri

from assets.monitoring.false_alarms import allowed
from assets.monitoring.performance.figures import Over
from assets.monitoring.verdicts import MonitoringAction, stale_reason
from assets.product import MonitoringPolicy, Verdict

KpiAction = Literal["none", "alert", "unknown"]

_LOOKS = 3.0
"""A window that is looked at on each of its days passes a limit so many times as often as at one look."""
_INTERVAL = -float(ndtri(0.025))
"""The standard errors from an estimate to the end of its interval."""
_MOST_DAYS = 2
"""Business figures of days before the day before yesterday say nothing of today."""


@dataclass(frozen=True)
class PerformanceSignals:
    """The latest realised figures of a live model.

    Attributes:
        day: The last day of their window; `None` without figures.
        labelled, positives: Rows with a label, and the positive ones among them.
        auc: Realised AUC; `None` where it could not be computed.
        approved_auc: AUC at approval over such rows, from the reference profile.
        over: Whether refused rows have labels too (`all`), or accepted ones alone.
    """

    day: date | None
    labelled: int
    positives: int
    auc: float | None
    approved_auc: float | None
    over: Over = "all"


@dataclass(frozen=True)
class EstimatedSignals:
    """The latest estimate of a live model's AUC over all rows.

    Attributes:
        day: The last day of its window; `None` without one.
        rows: Rows of the window with a score.
        auc, low, high: The estimate with its interval; `None` where it is withheld.
        approved_auc: AUC at approval, from the reference profile.
        reason: Why it is withheld; `None` where it is not.
    """

    day: date | None
    rows: int
    auc: float | None
    low: float | None
    high: float | None
    approved_auc: float | None
    reason: str | None = None


@dataclass(frozen=True)
class KpiSignal:
    """A business figure of a day beside its expectation; `outside` is `None` where nothing is expected."""

    figure: str
    value: float | None
    low: float | None
    high: float | None
    basis: str | None
    outside: bool | None

    @property
    def words(self) -> str:
        """Its name for people."""
        return self.figure.replace("_", " ")

    @property
    def sentence(self) -> str:
        """The figure beside its expectation."""
        expected = f"expected {_text(self.low)} to {_text(self.high)} (by {self.basis})"
        return f"{self.words} {_text(self.value)}, {expected}"


def performance_verdict(
    signals: PerformanceSignals, policy: MonitoringPolicy, now: datetime
) -> Verdict[MonitoringAction]:
    """Whether the model still ranks as it did when it was approved.

    A fall of more than `max_auc_loss` asks for a retraining if it is also larger than chance makes it as often as the
    policy allows false alarms, by the standard error of an AUC over as many good and bad rows (Hanley and McNeil,
    1982); the AUC at approval is of a sample too. A larger fall that may be chance is unknown.
    """
    old = stale_reason("realised performance figures", signals.day, policy.window_days, now)
    if old:
        return Verdict("unknown", (old,))
    if signals.approved_auc is None:
        return Verdict("unknown", ("the AUC at approval is not known; the model's reference profile is missing",))
    if signals.labelled < policy.min_rows:
        return Verdict("unknown", (f"{signals.labelled} labelled rows; at least {policy.min_rows} are needed",))
    if signals.auc is None:
        return Verdict("unknown", (f"no AUC: of {signals.labelled} labelled rows {signals.positives} are positive",))
    loss = signals.approved_auc - signals.auc
    chance = _reach(policy) * auc_error(signals.auc, signals.positives, signals.labelled - signals.positives)
    rows = "rows" if signals.over == "all" else "accepted rows (at approval estimated for such rows)"
    figures = f"realised AUC {signals.auc:.3f}, {signals.approved_auc:.3f} at approval, over {signals.labelled} {rows}"
    if loss <= policy.max_auc_loss:
        return Verdict("none", (f"{figures}: at most {policy.max_auc_loss} lower",))
    if loss <= chance:
        few = f"with {signals.positives} positives a fall of up to {chance:.3f} may be chance"
        return Verdict("unknown", (f"{figures}: {few}",))
    return Verdict("retrain", (f"{figures}: more than {policy.max_auc_loss} lower",))


def estimated_verdict(signals: EstimatedSignals, policy: MonitoringPolicy, now: datetime) -> Verdict[MonitoringAction]:
    """Whether the model is expected to rank as it did when it was approved.

    An estimate that lies more than `max_auc_loss` below the AUC at approval asks for a retraining if the fall is also
    larger than chance makes it, as for the realised AUC; else such a fall is unknown. A withheld estimate is unknown.
    """
    old = stale_reason("estimates of performance", signals.day, policy.window_days, now)
    if old:
        return Verdict("unknown", (old,))
    if signals.reason is not None:
        return Verdict("unknown", (f"withheld: {signals.reason}",))
    if signals.approved_auc is None:
        return Verdict("unknown", ("the AUC at approval is not known; the model's reference profile is missing",))
    if signals.auc is None or signals.low is None or signals.high is None:
        return Verdict("unknown", (f"no AUC is expected of {signals.rows} rows",))
    figures = (
        f"estimated AUC {signals.auc:.3f} ({signals.low:.3f} to {signals.high:.3f}), {signals.approved_auc:.3f} at "
        f"approval, over {signals.rows} rows without labels"
    )
    if signals.approved_auc - signals.auc <= policy.max_auc_loss:
        return Verdict("none", (f"{figures}: at most {policy.max_auc_loss} lower",))
    chance = _reach(policy) * (signals.high - signals.low) / 2 / _INTERVAL
    if signals.approved_auc - signals.auc <= chance:
        return Verdict("unknown", (f"{figures}: the fall may be chance",))
    return Verdict("retrain", (f"{figures}: more than {policy.max_auc_loss} lower",))


def kpi_verdict(signals: Sequence[KpiSignal], day: date | None, now: datetime) -> Verdict[KpiAction]:
    """Whether people are told of the business figures of a day.

    Args:
        signals: Those of the last day that has any.
        day: That day; `None` where there is none.
    """
    old = stale_reason("business figures", day, _MOST_DAYS, now)
    if old:
        return Verdict("unknown", (old,))
    outside = [signal for signal in signals if signal.outside]
    if outside:
        return Verdict("alert", tuple(signal.sentence for signal in outside))
    judged = [signal for signal in signals if signal.outside is not None]
    if not judged:
        return Verdict("unknown", ("no business figure of the day has an expectation",))
    return Verdict("none", (f"{len(judged)} business figures of {day} are as expected",))


def _reach(policy: MonitoringPolicy) -> float:
    """How many standard errors of the AUC of a window a difference between two such windows may be."""
    chance = allowed(policy, "performance") * policy.window_days / 365 / _LOOKS
    return float(-ndtri(min(chance, 0.25))) * math.sqrt(2.0)


def auc_error(auc: float, positives: int, negatives: int) -> float:
    """Standard error of an AUC, by the exponential approximation of Hanley and McNeil (1982).

    Raises:
        ValueError: One class has no rows.
    """
    if positives < 1 or negatives < 1:
        raise ValueError(f"an AUC needs both classes; there are {positives} positives and {negatives} negatives")
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (positives - 1) * (q1 - auc**2) + (negatives - 1) * (q2 - auc**2)
    return math.sqrt(max(variance, 0.0) / (positives * negatives))


def _text(value: float | None) -> str:
    if value is None or math.isinf(value):
        return "any"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
