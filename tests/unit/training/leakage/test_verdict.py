"""The leakage audit: findings and the verdict at each bar."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from assets.product import GatePolicy
from assets.training.leakage.recompute import ChangedValue
from assets.training.leakage.verdict import CHECKS, AuditEvidence, FeatureEvidence, leakage_findings, leakage_verdict

POLICY = GatePolicy(min_auc=0.7)
CLEAN = FeatureEvidence("visits", auc=0.9, information=0.5, timing=-0.7)
CHANGED = ChangedValue("visits", "A17", datetime(2026, 3, 1, tzinfo=UTC), recorded=4.0, recomputed=3.0)


def evidence(*features: FeatureEvidence, rows: int = 64, wanted: int = 64) -> AuditEvidence:
    return AuditEvidence("loans", rows, wanted, features)


def test_a_feature_at_every_bar_may_be_learned_from() -> None:
    """A bar is the largest value that passes."""
    verdict = leakage_verdict(evidence(CLEAN), POLICY)
    assert verdict.action == "train"
    assert "64 recomputed rows" in verdict.reasons[0]


@pytest.mark.parametrize(
    ("change", "check", "words"),
    [
        ({"auc": 0.9001}, "label_proxy", "ranks the label with an AUC of 0.900; at most 0.9"),
        ({"auc": None}, "label_proxy", "unknown"),
        ({"information": 0.5001}, "label_proxy", "explains a share of the label's entropy of 0.500; at most 0.5"),
        ({"information": None}, "label_proxy", "unknown"),
        ({"timing": -0.7001}, "label_timing", "rank correlation of -0.700"),
        ({"changed": (CHANGED,)}, "follows_from_the_past", "row A17 has 4.0, the events known at 2026-03-01"),
    ],
)
def test_one_bad_figure_is_one_finding_that_names_feature_value_and_remedy(
    change: dict[str, object], check: str, words: str
) -> None:
    """Each figure beyond its bar refuses by itself, under its own check."""
    bad = replace(CLEAN, **change)  # type: ignore[arg-type]
    (finding,) = leakage_findings(evidence(CLEAN, bad), POLICY)
    assert (finding.check, finding.feature) == (check, "visits")
    assert "'visits'" in finding.reason
    assert words in finding.reason
    assert finding.check in CHECKS
    assert leakage_verdict(evidence(bad), POLICY).action == "refuse"


@pytest.mark.parametrize(
    ("rows", "words"),
    [(0, "no row has a known label yet"), (64, "every row with a known label has the same one")],
)
def test_what_no_feature_can_be_measured_against_is_said_once(rows: int, words: str) -> None:
    """Not once for each of many features: the reason is one, and names the command that follows."""
    unknown = [FeatureEvidence(f"feature_{n}", auc=None, information=None, timing=None) for n in range(40)]
    verdict = leakage_verdict(evidence(*unknown, rows=rows, wanted=rows), POLICY)
    assert verdict.action == "refuse"
    (reason,) = verdict.reasons
    assert words in reason
    assert "loopline run loans" in reason
    assert len(reason) < 300


def test_rows_that_could_not_be_recomputed_refuse() -> None:
    """Fewer rows than sampled, or none, are an unknown, and an unknown does not pass."""
    assert leakage_verdict(evidence(CLEAN, rows=63), POLICY).action == "refuse"
    assert leakage_verdict(evidence(CLEAN, rows=0, wanted=0), POLICY).action == "refuse"


def test_later_events_that_explain_a_value_are_named_with_another_remedy() -> None:
    """The finding names the source whose events explain a value, or else the writer of the column."""
    explained = replace(CHANGED, explained_by=("repayments",))
    (by_source,) = leakage_findings(evidence(replace(CLEAN, changed=(CHANGED, explained))), POLICY)
    assert "events of repayments that became known only afterwards" in by_source.reason
    (by_writer,) = leakage_findings(evidence(replace(CLEAN, changed=(CHANGED,))), POLICY)
    assert "no event explains it" in by_writer.reason
    assert by_writer.reason.endswith("loopline backfill loans --from 2026-03-01 --to 2026-03-01 --select features")
