"""The product `card_default`: decide whether a credit card's limit stays.

Belongs here: the problem and its policies, in the words of `assets.product`. Does not belong here: features
(`features.py`), contracts (`contracts/`), anything that runs. The data are those of Yeh and Lien (2009), 30,000 clients
of a bank in Taiwan.
"""

from datetime import date, timedelta
from pathlib import Path

from assets.product import (
    DecisionPolicy,
    Files,
    GatePolicy,
    Label,
    ModelSpec,
    Product,
    Profit,
    Protected,
    Spine,
)
from tests.card_default.features import FEATURES

PRODUCT = Product(
    name="card_default",
    title="Credit card limits",
    question="Will this client miss next month's payment?",
    owner="cards@bank.example",
    impact="high",
    start=date(2005, 4, 1),
    end=date(2005, 11, 30),
    contracts=Path(__file__).parent / "contracts",
    sources=(
        Files("clients", pattern="clients/{day}.csv"),
        Files("statements", pattern="statements/{day}.csv"),
        Files("outcomes", pattern="outcomes/{day}.csv"),
    ),
    spine=Spine(source="clients", row_id="client_id", passthrough=("sex", "age")),
    label=Label(
        source="outcomes",
        row_id="client_id",
        column="missed",
        kind="outcome",
        horizon=timedelta(days=31),
        delay=timedelta(days=1),
        meaning="missed the payment that was due in the month after the decision",
    ),
    features=FEATURES,
    model=ModelSpec(train_days=None, test_days=1, split="random", calibrate_share=0.15),
    decision=DecisionPolicy(accept="keep", refuse="lower", profit=Profit(good=0.02, bad=0.3, stake="credit_limit")),
    gates=GatePolicy(min_auc=0.75),
    protected=(
        Protected("sex", legal_basis="equal treatment of men and women in access to services"),
        Protected("age", bands=(25, 40, 60), legal_basis="equal treatment by age"),
    ),
)
