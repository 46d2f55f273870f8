from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from assets.bundle.bundle import BundleParts, Policy
from assets.bundle.calibration import Calibration
from assets.bundle.encoder import Encoder
from assets.bundle.registration import Approval, Registration, RegistrationError
from assets.bundle.scorecard import Scorecard
from assets.evaluation.fairness import FairnessReport, GroupFigures
from assets.evaluation.gates import GateSignals, evaluate
from assets.features.kernel.kernel import compile_features
from assets.governance.model_card import CardError, model_card
from assets.metrics.profit import ThresholdChoice
from assets.metrics.ranking import Metrics
from assets.product import (
    DailyFiles,
    DecisionPolicy,
    GatePolicy,
    Label,
    ModelSpec,
    Product,
    Profit,
    Protected,
    Spine,
)
from assets.vocabulary import Category, Events, FeatureSet, Number, days

NOW = datetime(2026, 5, 1, 8, 30, tzinfo=UTC)
FEATURES = FeatureSet(
    request=(Number("amount", unit="EUR"), Category("purpose", values=("car", "home"))),
    history=(Events("payments", key="customer_id").count(days(30)),),
    owner="risk team",
)
PRODUCT = Product(
    name="loans",
    title="Small loans",
    question="Will this loan default?",
    owner="risk@example.org",
    impact="high",
    start=date(2024, 1, 1),
    contracts=Path("nowhere"),
    sources=(DailyFiles("applications", "a/{day}.csv"), DailyFiles("payments", "p/{day}.csv")),
    spine=Spine(source="applications", row_id="application_id", carried=("sex",)),
    label=Label("payments", "application_id", "late", 90, timedelta(days=180), timedelta(days=2), "90 days late"),
    features=FEATURES,
    model=ModelSpec(train_days=None, test_days=60),
    decision=DecisionPolicy(accept="approve", refuse="decline", profit=Profit(0.1, 0.6)),
    gates=GatePolicy(min_auc=0.7),
    protected=(Protected("sex", legal_basis="equal treatment act"),),
)
APPROVAL = Approval(version="4", answer="approve", by="R. Officer", reason="reviewed", at=NOW)


def report() -> dict[str, Any]:
    """What `Evaluation.to_dict()` records, made of the real parts."""
    figures = Metrics(5000, 600, 0.7812, 0.76, 0.80, 0.4, 0.09, 0.31, 0.012, 0.42).to_dict()
    choice = ThresholdChoice(threshold=0.21, profit=12_345.6, profit_accept_all=9_000.0, refused_share=0.12).to_dict()
    groups = (
        GroupFigures("female", 2400, 280, True, 0.88, 0.6, 0.1, 0.78),
        GroupFigures("male", 90, 11, False, 0.87, 0.61, 0.11, None),
    )
    signals = GateSignals(
        auc=0.7812, calibration_error=0.012, profit_gain=0.37, champion_loss=None, slice_auc=0.75, selection_ratio=0.97,
        odds_gap=0.03, score_psi=0.04, single_feature_auc=0.66, future_features=0.0, latency_ms=None, bundle_mb=1.2,
        first_model=True,
    )  # fmt: skip
    window = {"first": "2025-01-01T00:00:00Z", "end": "2025-06-01T00:00:00Z", "rows": 4000}
    return {
        "windows": {"train": window, "test": {**window, "rows": 5000}},
        "metrics": {"train": figures, "test": figures},
        "threshold": {"calibrate": choice, "test": choice},
        "fairness": [FairnessReport("sex", groups, 0.97, 0.03, 0.78).to_dict()],
        "importance": [{"feature": "amount", "importance": 0.5, "share": 0.625}],
        "single_feature": {"feature": "amount", "auc": 0.66},
        "stability": {"score_psi": 0.04, "explanation_agreement": None, "flipped_share": 0.001},
        "comparison": None,
        "champion": None,
        "gates": evaluate(signals, PRODUCT.gates).to_dict(),
    }


def parts(metrics: Mapping[str, Any] | None = None) -> BundleParts:
    encoder = Encoder.from_features(FEATURES)
    width = len(encoder.columns)
    return BundleParts(
        product="loans",
        version="4",
        created_at=NOW,
        pins={
            "version": 7,
            "pins": {"loans/features": 41, "loans/validated_payments": 12},
            "as_known_at": "2026-04-30T00:00:00+00:00",
            "mlflow_run": "f00d",
            "dagster_run": "0b7c",
        },
        model=b"",
        booster=b"",
        scorecard=Scorecard(tuple(encoder.columns), ((),) * width, ((0.0, 0.0),) * width, (0.0,) * width, 0.0),
        calibration=Calibration(),
        kernel=compile_features(FEATURES, {}),
        encoder=encoder,
        policy=Policy(
            threshold=0.21,
            accept="approve",
            refuse="decline",
            fallback="review",
            reasons={},
            reasons_shown=4,
            row_id="application_id",
        ),
        reference={},
        metrics=report() if metrics is None else metrics,
    )


def test_the_card_shows_what_was_recorded() -> None:
    card = model_card(PRODUCT, parts(), digest="ab" * 32)
    for words in (
        "# Small loans: model version 4",
        "Made on 2026-05-01 08:30 UTC. The gates refused it. Nobody has approved or rejected it yet.",
        "| question | Will this loan default? |",
        "| threshold | 0.21 |",
        "| at or above it | decline |",
        "| loans/features | 41 |",
        "| training set | 7 |",
        "| auc | 0.7812 | 0.7812 |",
        "| profit | 12,346 | 12,346 |",
        "There was no champion.",
        "**sex**: selection ratio 0.97, odds gap 0.03, lowest auc 0.78. Legal basis: equal treatment act.",
        "| male (too few to judge) | 90 | 11 | 0.87 | 0.61 | 0.11 | unknown |",
        "| amount | 62.5% |",
        "| latency ms | unknown | ≤ 10 | failed | 99th percentile",
        "- sex: too few rows to judge male.",
        "- Could not be computed: explanation agreement.",
        "| payments_count_30d |",
        "| risk team |",
        f"| bundle | {'ab' * 32} |",
        f"| feature set | {FEATURES.digest} |",
    ):
        assert words in card


def test_every_table_is_whole() -> None:
    lines = model_card(PRODUCT, parts()).splitlines()
    for here, after in pairwise(lines):
        if here.startswith("|") and after.startswith("|"):
            assert here.replace("\\|", "").count("|") == after.replace("\\|", "").count("|")


def test_a_comparison_and_an_approval_are_shown() -> None:
    found = {**report(), "champion": "3", "comparison": {"difference": 0.004, "low": -0.01, "high": 0.018}}
    card = model_card(PRODUCT, parts(found), approval=APPROVAL)
    assert "Approved by R. Officer on 2026-05-01: reviewed." in card
    assert "against version 3." in card
    assert "| high | 0.018 |" in card
    skipped = model_card(PRODUCT, parts({**found, "comparison": None}))
    assert "Not compared with version 3." in skipped


def test_words_cannot_break_the_page() -> None:
    product = replace(PRODUCT, question="Will | this\n<script>default?")
    assert "| question | Will \\| this &lt;script>default? |" in model_card(product, parts())


@pytest.mark.parametrize("part", sorted(report()))
def test_what_was_not_recorded_is_named_and_not_guessed(part: str) -> None:
    found = {name: value for name, value in report().items() if name != part}
    with pytest.raises(CardError, match=f"'{part}' was not recorded"):
        model_card(PRODUCT, parts(found))


def test_another_products_bundle_is_refused() -> None:
    with pytest.raises(CardError, match="the product is other"):
        model_card(replace(PRODUCT, name="other"), parts())


def test_a_registration_is_taken_from_the_bundle() -> None:
    record = Registration.of(parts(), digest="ab" * 32, author="schedule", code="1f2e")
    assert record.pins == {"loans/features": 41, "loans/validated_payments": 12, "training_set": 7}
    assert (record.gates, record.compared_with, record.features) == ("refuse", "", FEATURES.digest)
    assert record.metrics["auc"] == 0.7812
    assert Registration.from_tags(record.to_tags()) == record


def test_an_unevaluated_bundle_has_no_registration() -> None:
    with pytest.raises(RegistrationError, match="evaluate it first"):
        Registration.of(parts({}), digest="ab" * 32, author="schedule", code="1f2e")
