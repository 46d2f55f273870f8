"""The verdict on drift: a day as a day, a window as a window, each subject as itself."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from assets.monitoring.distributions.figures import Drift, Kind
from assets.monitoring.distributions.verdict import DriftSignals, drift_verdict
from assets.monitoring.verdicts import MonitoringAction
from assets.product import MonitoringPolicy, Verdict

DAY = date(2026, 3, 1)
NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)
POLICY = MonitoringPolicy()


def figure(name: str = "amount", kind: Kind = "numeric", psi: float | None = 0.02, **changes: Any) -> Drift:
    one = Drift(name, kind, psi, 0.03, 0.5, 600, 0.0, psi_limit=0.25, ks_limit=0.15, limits_from="90 quiet days")
    return replace(one, **changes)


SCORE = figure("score", "score")
CALM = (*(figure(f"x{i}") for i in range(9)), figure("purpose", "category", ks=None, p_value=None))
VOLUME = figure("volume", "volume", None, rows=600, rows_low=400.0, rows_high=800.0)


def judged(*changed: Drift, score: Drift = SCORE) -> Verdict[MonitoringAction]:
    replaced = [one for one in changed if one.horizon == "window" and one.kind in ("numeric", "category")]
    rest = CALM[len([one for one in replaced if one.population == "batch"]) :]
    return drift_verdict(DriftSignals((*changed, *rest, score), DAY), POLICY, NOW)


def test_calm_rows_ask_for_nothing_and_say_from_what() -> None:
    verdict = judged(VOLUME)
    assert verdict.action == "none"
    assert verdict.reasons[0].startswith("nothing is beyond its limit")
    assert "90 quiet days" in verdict.reasons[0]


def test_a_share_of_the_features_asks_for_a_training_and_one_less_for_people() -> None:
    assert judged(figure("a", psi=0.4)).action == "alert"
    verdict = judged(figure("a", psi=0.4), figure("b", psi=0.3))
    assert verdict.action == "retrain"
    assert verdict.reasons[0] == "a in the window: PSI 0.4 above 0.25 (90 quiet days)"


def test_the_score_asks_alone() -> None:
    assert judged(score=figure("score", "score", psi=0.26)).action == "retrain"


def test_other_outcomes_of_the_same_scores_ask_alone_and_more_of_them_ask_for_people() -> None:
    moved: dict[str, Any] = {"psi": None, "z": 6.0, "z_limit": 5.0, "label_rate": 0.06, "expected_rate": 0.02}
    assert judged(figure("label", "label", **moved)).action == "alert"
    verdict = judged(figure("concept", "concept", **moved))
    assert verdict.action == "retrain"
    assert verdict.reasons[-1] == "concept drift: the same scores have other outcomes than they had"
    assert judged(figure("concept", "concept", **moved | {"rows": 3})).action == "none"


def test_a_day_is_a_day_and_asks_for_people_alone() -> None:
    on_day = figure("score", "score", psi=0.9, horizon="day")
    verdict = judged(on_day)
    assert verdict.action == "alert"
    assert verdict.reasons == (
        "score on the day: PSI 0.9 above 0.25 (90 quiet days)",
        "prediction drift: the model answers differently: score",
    )


def test_what_explains_most_is_told_first_and_since_when() -> None:
    verdict = judged(
        figure("a", psi=0.4, score_share=0.1),
        figure("b", psi=0.3, score_share=0.7, since=date(2026, 2, 20)),
    )
    assert verdict.reasons[0].startswith("b in the window: PSI 0.3 above 0.25, since 2026-02-20, 70% of the score's")
    assert verdict.reasons[-1] == "covariate drift: other rows come: a, b"


def test_few_answered_decisions_leave_nothing_unknown() -> None:
    assert judged(figure("a", psi=9.0, rows=12, population="answered")).action == "none"
    label = figure("label", "label", psi=None, rows=3, z=0.2, z_limit=3.0, label_rate=0.1, expected_rate=0.1)
    assert judged(label).action == "none"


@pytest.mark.parametrize(
    ("moved", "told"),
    [
        (figure("a", horizon="day", missing_share=1.0, missing_limit=0.02), "100.0% missing, at most 2.0% usual"),
        (figure("p", "category", unseen_share=0.2, unseen_limit=0.01), "20.0% unseen values"),
        (figure("a", out_of_range_share=0.9, out_of_range_limit=0.02), "90.0% out of range"),
        (figure("a", wasserstein=50.0, wasserstein_limit=2.5), "Wasserstein 50 above 2.5"),
        (
            figure("outcome", "outcome", refused_share=0.9, refused_low=0.01, refused_high=0.06),
            "90.0% refused, 1.0%",
        ),
        (figure("outcome", "outcome", refused_share=0.0, refused_low=0.01, refused_high=0.06), "0.0% refused"),
        (replace(VOLUME, rows=90), "90 rows, 400 to 800 usual"),
        (replace(VOLUME, rows=0, horizon="day"), "0 rows, 400 to 800 usual"),
    ],
)
def test_each_is_judged_as_itself(moved: Drift, told: str) -> None:
    verdict = judged(moved)
    assert verdict.action == "alert"
    assert told in verdict.reasons[0]


@pytest.mark.parametrize(
    ("signals", "reason"),
    [
        (DriftSignals((), None), "no drift figures"),
        (DriftSignals((*CALM, SCORE), DAY - timedelta(days=40)), "41 days ago"),
        (DriftSignals((*CALM, SCORE), DAY + timedelta(days=9)), "ahead of the clock"),
        (DriftSignals(CALM, DAY), "score was not measured"),
        (DriftSignals((SCORE,), DAY), "no feature was measured"),
        (DriftSignals((*CALM, replace(SCORE, rows=199)), DAY), "199 rows"),
    ],
)
def test_a_missing_signal_is_unknown_and_never_calm(signals: DriftSignals, reason: str) -> None:
    verdict = drift_verdict(signals, POLICY, NOW)
    assert verdict.action == "unknown"
    assert reason in " ".join(verdict.reasons)


def test_what_is_proved_counts_although_something_is_unknown() -> None:
    signals = DriftSignals((*CALM[1:], figure("y", psi=None, rows=0), replace(SCORE, psi=0.9)), DAY)
    assert drift_verdict(signals, POLICY, NOW).action == "retrain"


def test_many_gaps_are_counted_not_listed() -> None:
    few = tuple(replace(f, rows=3) for f in CALM)
    verdict = drift_verdict(DriftSignals((*few, SCORE), DAY), POLICY, NOW)
    assert len(verdict.reasons) == 4
    assert verdict.reasons[-1] == "and 7 more"


def test_a_day_with_few_rows_is_not_judged_by_them() -> None:
    assert judged(figure("a", psi=3.0, rows=12, horizon="day")).action == "none"
