"""The product `card_fraud`: decide a card transaction.

Belongs here: the problem and its policies, in the words of `assets.product`. Does not belong here: features
(`features.py`), contracts (`contracts/`), anything that runs.
"""

from datetime import date, timedelta
from pathlib import Path

from assets.product import (
    DecisionPolicy,
    Files,
    GatePolicy,
    Label,
    ModelSpec,
    MonitoringPolicy,
    Product,
    Profit,
    Spine,
    Words,
)
from pipelines.card_fraud.features import FEATURES

PRODUCT = Product(
    name="card_fraud",
    title="Card transactions",
    question="Is this transaction a fraud?",
    owner="fraud@bank.example",
    impact="standard",
    start=date(2018, 4, 1),
    sandbox=True,
    contracts=Path(__file__).parent / "contracts",
    sources=(
        Files("card_transactions", pattern="card_transactions/{day}.csv"),
        Files("fraud_labels", pattern="fraud_labels/{day}.csv"),
    ),
    spine=Spine(source="card_transactions", row_id="transaction_id", sequence="transaction_id"),
    label=Label(
        source="fraud_labels",
        row_id="transaction_id",
        column="is_fraud",
        at_least=1,
        horizon=timedelta(0),
        delay=timedelta(days=7),
        meaning="reported as a fraud; final seven days after the transaction",
    ),
    features=FEATURES,
    model=ModelSpec(train_days=28, test_days=14, trials=8),
    decision=DecisionPolicy(
        accept="let_through",
        refuse="stop",
        profit=Profit(good=0.01, bad=1.0, stake="amount"),
        reasons={
            "amount": Words(high="The amount is higher than usual", low="The amount is lower than usual"),
            "card_count_1d": Words(
                high="The card was used more often in the last day than usual",
                low="The card was used less often in the last day than usual",
            ),
            "card_count_7d": Words(
                high="The card was used more often in the last week than usual",
                low="The card was used less often in the last week than usual",
            ),
            "card_count_30d": Words(
                high="The card was used more often in the last 30 days than usual",
                low="The card was used less often in the last 30 days than usual",
            ),
            "card_mean_amount_1d": Words(
                high="The card's amounts in the last day were higher than usual",
                low="The card's amounts in the last day were lower than usual",
            ),
            "card_mean_amount_7d": Words(
                high="The card's amounts in the last week were higher than usual",
                low="The card's amounts in the last week were lower than usual",
            ),
            "card_mean_amount_30d": Words(
                high="The card's amounts in the last 30 days were higher than usual",
                low="The card's amounts in the last 30 days were lower than usual",
            ),
            "card_mean_amount_3d": Words(
                high="The card's amounts in the last three days were higher than usual",
                low="The card's amounts in the last three days were lower than usual",
            ),
            "amount_to_mean_30d": Words(high="The amount is higher beside the card's last 30 days than usual"),
            "amount_to_usual_mean": Words(high="The amount is higher beside the card's usual amounts than usual"),
            "amount_to_usual_max": Words(high="The amount is higher beside the card's highest amount than usual"),
            "amount_less_usual_mean": Words(high="The amount exceeds the card's usual amounts by more than usual"),
            "amount_deviation": Words(high="The amount deviates further from the card's usual amounts than usual"),
            "terminal_risk_1d": Words(high="More of the last day's reports on this terminal were frauds than usual"),
            "terminal_risk_7d": Words(high="More of the last week's reports on this terminal were frauds than usual"),
            "terminal_risk_30d": Words(
                high="More of the last 30 days's reports on this terminal were frauds than usual"
            ),
            "is_night": Words(high="The transaction was at night", low="The transaction was not at night"),
            "is_weekend": Words(high="The transaction was at a weekend", low="The transaction was not at a weekend"),
        },
        fallback="let_through",
        scale="probability of fraud",
        max_refused=0.05,
    ),
    recourse=None,  # what would let a stopped card through is nobody's to know
    gates=GatePolicy(
        min_auc=0.75, max_auc=0.995, max_calibration_error=0.02, min_profit_gain=-0.01, max_single_feature_auc=0.95
    ),
    monitoring=MonitoringPolicy(window_days=7, min_rows=500, anomaly_share=0.01, judged="batch", slices=("is_night",)),
    request_example={"transaction_id": 2_000_000_000, "card_id": "596", "terminal_id": "3156", "amount": 57.16},
)
