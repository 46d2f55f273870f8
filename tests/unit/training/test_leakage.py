"""The leakage audit: figures of planted and honest features, and the verdict at its bars."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from assets.product import GatePolicy
from assets.training.label_evidence import LEAST_TIMED_ROWS, label_information, label_timing
from assets.training.leakage import CHECKS, AuditEvidence, FeatureEvidence, audit_findings, leakage_verdict
from assets.training.recompute import ChangedValue

POLICY = GatePolicy(min_auc=0.7)
CLEAN = FeatureEvidence("visits", auc=0.9, information=0.5, timing=-0.7)
CHANGED = ChangedValue("visits", "A17", datetime(2026, 3, 1, tzinfo=UTC), recorded=4.0, recomputed=3.0)


def evidence(*features: FeatureEvidence, rows: int = 64, wanted: int = 64) -> AuditEvidence:
    return AuditEvidence("loans", rows, wanted, features)


def test_a_feature_at_every_bar_may_be_learned_from() -> None:
    """A bar is the largest value that passes."""
    verdict = leakage_verdict(evidence(CLEAN), POLICY)
    assert verdict.action == "train"
    assert "64 rows computed again" in verdict.reasons[0]


@pytest.mark.parametrize(
    ("change", "check", "told"),
    [
        ({"auc": 0.9001}, "label_proxy", "ranks the label with an AUC of 0.900; at most 0.9"),
        ({"auc": None}, "label_proxy", "unknown"),
        ({"information": 0.5001}, "label_proxy", "tells a share of the label's entropy of 0.500; at most 0.5"),
        ({"information": None}, "label_proxy", "unknown"),
        ({"timing": -0.7001}, "label_timing", "rank correlation of -0.700"),
        ({"changed": (CHANGED,)}, "follows_from_the_past", "row A17 has 4.0, what was known at 2026-03-01"),
    ],
)
def test_one_bad_figure_is_one_finding_that_names_feature_value_and_remedy(
    change: dict[str, object], check: str, told: str
) -> None:
    """Each figure beyond its bar refuses by itself, under its own check."""
    bad = replace(CLEAN, **change)  # type: ignore[arg-type]
    (found,) = audit_findings(evidence(CLEAN, bad), POLICY)
    assert (found.check, found.feature) == (check, "visits")
    assert "'visits'" in found.reason
    assert told in found.reason
    assert found.check in CHECKS
    assert leakage_verdict(evidence(bad), POLICY).action == "refuse"


def test_rows_that_could_not_be_computed_again_refuse() -> None:
    """What is unknown does not pass."""
    assert leakage_verdict(evidence(CLEAN, rows=63), POLICY).action == "refuse"
    assert leakage_verdict(evidence(CLEAN, rows=0, wanted=0), POLICY).action == "refuse"


def test_later_events_that_explain_a_value_are_named_with_another_remedy() -> None:
    """A value that events of a source explain accuses the source, any other the writer of the column."""
    told = replace(CHANGED, told_by=("repayments",))
    (by_source,) = audit_findings(evidence(replace(CLEAN, changed=(CHANGED, told))), POLICY)
    assert "events of repayments that became known only afterwards" in by_source.reason
    (by_writer,) = audit_findings(evidence(replace(CLEAN, changed=(CHANGED,))), POLICY)
    assert "no event explains it" in by_writer.reason
    assert by_writer.reason.endswith("loopline backfill loans --from 2026-03-01 --to 2026-03-01 --select features")


def test_what_no_ranking_finds_is_found_by_its_information() -> None:
    """A value in the middle that only bad rows have; noise tells nothing; the label itself everything."""
    generator = np.random.default_rng(1)
    y = (generator.random(4000) < 0.1).astype(np.int8)
    noise = generator.normal(size=4000)
    middle = np.where(y == 1, 0.0, np.where(noise > 0, 1 + np.abs(noise), -1 - np.abs(noise)))
    gap = np.where(y == 1, np.nan, noise)
    purpose = np.eye(2)[y]
    matrix = np.column_stack([noise, middle, gap, y, purpose]).astype(np.float32)
    told = label_information(matrix, ["noise", "middle", "gap", "label", "purpose", "purpose"], y)
    assert told["noise"] < 0.02
    assert min(told["middle"], told["gap"], told["label"], told["purpose"]) > 0.9


def test_a_feature_that_knows_when_is_found_among_the_positive_rows() -> None:
    """Rank correlation over the rows that have a time; too few of them, a category or a constant say nothing."""
    generator = np.random.default_rng(2)
    days = np.where(generator.random(1000) < 0.2, generator.uniform(90, 180, 1000), np.nan)
    told = np.where(np.isnan(days), 0.0, np.exp(-days / 30))
    matrix = np.column_stack([told, generator.normal(size=1000), np.ones(1000), np.eye(2)[np.arange(1000) % 2]])
    names = ["told", "noise", "constant", "purpose", "purpose"]
    found = label_timing(matrix.astype(np.float32), names, days)
    assert found["told"] == pytest.approx(-1.0)
    assert found["noise"] is not None
    assert abs(found["noise"]) < 0.3
    assert (found["constant"], found["purpose"]) == (None, None)
    few = np.where(np.cumsum(~np.isnan(days)) < LEAST_TIMED_ROWS, days, np.nan)
    assert label_timing(matrix.astype(np.float32), names, few)["told"] is None
