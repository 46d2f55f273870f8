"""The verdicts on realised and estimated performance and on business figures."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from assets.monitoring.performance.verdicts import (
    EstimatedSignals,
    KpiSignal,
    PerformanceSignals,
    auc_error,
    estimated_verdict,
    kpi_verdict,
    performance_verdict,
)
from assets.monitoring.verdicts import MonitoringAction
from assets.product import MonitoringPolicy, Verdict

DAY = date(2026, 3, 1)
NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)
POLICY = MonitoringPolicy()


def performance(**changes: object) -> Verdict[MonitoringAction]:
    signals = PerformanceSignals(day=DAY, labelled=5000, positives=600, auc=0.77, approved_auc=0.78)
    return performance_verdict(replace(signals, **changes), POLICY, NOW)  # type: ignore[arg-type]


def test_performance_holds_until_it_falls_too_far() -> None:
    assert performance(auc=0.74).action == "none"
    verdict = performance(auc=0.72)
    assert verdict.action == "retrain"
    assert "realised AUC 0.720, 0.780 at approval, over 5000 rows" in verdict.reasons[0]


def test_a_fall_that_may_be_chance_is_unknown() -> None:
    verdict = performance(auc=0.70, labelled=300, positives=8)
    assert verdict.action == "unknown"
    assert "may be chance" in verdict.reasons[0]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"day": None}, "no realised performance"),
        ({"day": DAY - timedelta(days=60)}, "days ago"),
        ({"auc": None}, "no AUC"),
        ({"approved_auc": None}, "AUC at approval is not known"),
        ({"labelled": 100}, "100 labelled rows"),
    ],
)
def test_unmeasured_performance_is_unknown(changes: dict[str, object], reason: str) -> None:
    verdict = performance(**changes)
    assert verdict.action == "unknown"
    assert reason in verdict.reasons[0]


def test_the_error_of_an_auc_is_what_resampling_gives() -> None:
    """Over exponential scores, for which the approximation of Hanley and McNeil is exact."""
    rng = np.random.default_rng(0)
    positives, negatives, rate = 60, 400, 0.35
    drawn = []
    for _ in range(1500):
        good, bad = np.sort(rng.exponential(1.0, negatives)), rng.exponential(1 / rate, positives)
        drawn.append(np.searchsorted(good, bad).mean() / negatives)
    assert auc_error(1 / (1 + rate), positives, negatives) == pytest.approx(np.std(drawn), rel=0.08)


def test_an_auc_of_one_class_has_no_error() -> None:
    with pytest.raises(ValueError, match="both classes"):
        auc_error(0.7, 0, 10)


def estimated(**changes: object) -> Verdict[MonitoringAction]:
    signals = EstimatedSignals(day=DAY, rows=5000, auc=0.77, low=0.75, high=0.79, approved_auc=0.78)
    return estimated_verdict(replace(signals, **changes), POLICY, NOW)  # type: ignore[arg-type]


def test_an_estimate_asks_for_a_training_when_it_falls_too_far_for_chance() -> None:
    assert estimated().action == "none"
    verdict = estimated(auc=0.70, low=0.66, high=0.74)
    assert verdict.action == "retrain"
    assert "estimated AUC 0.700 (0.660 to 0.740), 0.780 at approval" in verdict.reasons[0]
    assert estimated(auc=0.70, low=0.61, high=0.79).action == "unknown"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"day": None}, "no estimates of performance"),
        ({"day": DAY - timedelta(days=60)}, "days ago"),
        ({"auc": None, "low": None, "high": None, "reason": "12% of the rows lie elsewhere"}, "withheld: 12%"),
        ({"auc": None, "low": None, "high": None}, "no AUC is expected"),
        ({"approved_auc": None}, "AUC at approval is not known"),
    ],
)
def test_a_withheld_estimate_is_unknown_and_never_calm(changes: dict[str, object], reason: str) -> None:
    verdict = estimated(**changes)
    assert verdict.action == "unknown"
    assert reason in verdict.reasons[0]


def test_people_are_told_of_business_figures_outside_of_the_expected() -> None:
    calm = KpiSignal("decisions", 100.0, 80.0, 120.0, "days before", False)
    odd = KpiSignal("approval_rate", 0.41, 0.7, 0.8, "approval", True)
    unknown = KpiSignal("profit", 5.0, None, None, None, None)
    assert kpi_verdict([calm, unknown], DAY, NOW).action == "none"
    verdict = kpi_verdict([calm, odd, unknown], DAY, NOW)
    assert (verdict.action, verdict.reasons) == ("alert", ("approval rate 0.41, expected 0.7 to 0.8 (by approval)",))
    assert kpi_verdict([unknown], DAY, NOW).action == "unknown"
    assert kpi_verdict([], None, NOW).action == "unknown"
    assert kpi_verdict([calm], DAY - timedelta(days=9), NOW).action == "unknown"
