"""The product `claims`: what will a claim cost, and is it settled at once?

Belongs here: the problem and its policies, in the words of `assets.product`. Does not belong here: features
(`features.py`), contracts (`contracts/`), anything that runs.
"""

from datetime import date, timedelta
from pathlib import Path

from assets.product import (
    Amount,
    AmountGates,
    DecisionPolicy,
    Files,
    Label,
    ModelSpec,
    MonitoringPolicy,
    Product,
    Profit,
    Protected,
    Spine,
    Words,
)
from tests.claims.features import FEATURES

PRODUCT = Product(
    name="claims",
    title="Claims",
    question="What will this claim cost?",
    owner="claims@insurer.example",
    impact="standard",
    start=date(2026, 3, 1),
    end=date(2026, 4, 29),
    contracts=Path(__file__).parent / "contracts",
    sources=(Files("claims", pattern="claims/{day}.csv"), Files("settlements", pattern="settlements/{day}.csv")),
    spine=Spine(source="claims", row_id="claim_id", passthrough=("region",)),
    label=Label(
        source="settlements",
        row_id="claim_id",
        column="paid",
        at_least=1_500,
        kind="outcome",
        horizon=timedelta(days=3),
        meaning="what was paid for the claim within three days; from 1,500 EUR on it counts as a large one",
    ),
    features=FEATURES,
    model=ModelSpec(train_days=None, test_days=12, trials=3, target=Amount(unit="EUR", objective="gamma")),
    decision=DecisionPolicy(
        accept="settle",
        refuse="inspect",
        profit=Profit(good=1_200.0, bad=1.0),
        reasons={"insured_value": Words(high="The insured value is higher than usual")},
    ),
    gates=AmountGates(min_skill=0.05),
    monitoring=MonitoringPolicy(window_days=14, min_rows=50, judged="batch"),
    protected=(Protected("region", legal_basis="equal treatment wherever somebody lives"),),
    request_example={
        "claim_id": "C-new", "policy_id": "P7", "insured_value": 9_000, "driver_age": 24, "kind": "car",
    },
)  # fmt: skip
