"""The parts of an evaluated bundle, and its product.

Belongs here: samples for the tests of the registration and of the model card. Does not belong here: assertions.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from assets.bundle.bundle import BundleParts, Policy
from assets.bundle.calibration import Calibration
from assets.bundle.encoder import Encoder
from assets.bundle.scorecard import Scorecard
from assets.evaluation.fairness.figures import FairnessReport, GroupFigures
from assets.evaluation.gates import GateSignals, evaluate
from assets.features.kernel.kernel import compile_features
from assets.metrics.profit import ThresholdChoice
from assets.metrics.ranking import Metrics
from assets.product import (
    DecisionPolicy,
    Files,
    GatePolicy,
    Label,
    ModelSpec,
    Product,
    Profit,
    Protected,
    Rollout,
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
    sources=(Files("applications", "a/{day}.csv"), Files("payments", "p/{day}.csv")),
    spine=Spine(source="applications", row_id="application_id", passthrough=("sex",)),
    label=Label("payments", "application_id", "late", 90, timedelta(days=180), timedelta(days=2), "90 days late"),
    features=FEATURES,
    model=ModelSpec(train_days=None, test_days=60),
    decision=DecisionPolicy(accept="approve", refuse="decline", profit=Profit(0.1, 0.6)),
    gates=GatePolicy(min_auc=0.7),
    protected=(Protected("sex", legal_basis="equal treatment act"),),
    rollout=Rollout(strategy="direct"),
)


def evaluation() -> dict[str, Any]:
    """The result of `Evaluation.to_dict()`, built from the real parts."""
    figures = Metrics(5000, 600, 0.7812, 0.76, 0.80, 0.4, 0.09, 0.31, 0.012, 0.42).to_dict()
    choice = ThresholdChoice(threshold=0.21, profit=12_345.6, profit_accept_all=9_000.0, refused_share=0.12).to_dict()
    groups = (
        GroupFigures("female", 2400, 280, True, 0.88, 0.6, 0.1, 0.78),
        GroupFigures("male", 90, 11, False, 0.87, 0.61, 0.11, None),
    )
    signals = GateSignals(
        auc=0.7812, calibration_error=0.012, profit_gain=0.37, champion_loss=None, slice_auc=0.75, selection_ratio=0.97,
        odds_gap=0.03, score_psi=0.04, single_feature_auc=0.66, future_features=0.0, latency_ms=None, bundle_mb=1.2,
        overfit=0.03, explanation_agreement=0.97, noise_flips=0.01, unseen_share=0.02, serving_skew=0.0,
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


def evaluated_parts(metrics: Mapping[str, Any] | None = None) -> BundleParts:
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
        metrics=evaluation() if metrics is None else metrics,
    )
