"""The product `credit_risk`: decide a credit application.

Belongs here: what the problem is, in the words of `assets.product`. Does not belong here: features (`features.py`),
contracts (`contracts/`), anything that runs.
"""

from datetime import date, timedelta
from pathlib import Path

from assets.product import (
    DailyFiles,
    DatabaseTable,
    DecisionPolicy,
    GatePolicy,
    HttpEndpoint,
    Label,
    ModelSpec,
    Product,
    Profit,
    Protected,
    Spine,
    StreamTopic,
)
from pipelines.credit_risk.features import FEATURES

PRODUCT = Product(
    name="credit_risk",
    title="Credit applications",
    question="Will this applicant fall 90 days behind within six months?",
    owner="credit-risk@bank.example",
    impact="high",
    start=date(2024, 10, 1),
    contracts=Path(__file__).parent / "contracts",
    sources=(
        DatabaseTable("consents", table="consents"),
        DatabaseTable("applications", table="applications"),
        DailyFiles("transactions", pattern="transactions/{day}.csv"),
        HttpEndpoint("bureau_reports", path="/reports"),
        StreamTopic("repayments", topic="repayments"),
    ),
    spine=Spine(source="applications", row_id="application_id", carried=("sex", "age")),
    label=Label(
        source="repayments",
        row_id="application_id",
        column="days_past_due",
        at_least=90,
        horizon=timedelta(days=180),
        delay=timedelta(days=2),
        meaning="90 days past due within 180 days of the decision",
    ),
    features=FEATURES,
    model=ModelSpec(
        train_days=None,
        test_days=120,
        monotone={
            "bureau_score": "decreasing",
            "delinquencies_2y": "increasing",
            "amount_to_income": "increasing",
            "debt_to_income": "increasing",
            "lowest_balance_90d": "decreasing",
        },
    ),
    decision=DecisionPolicy(
        accept="approve",
        refuse="decline",
        profit=Profit(good=0.09, bad=0.55, stake="amount"),
        reasons={
            "bureau_score": "The credit bureau's score is low",
            "no_bureau_score": "The credit bureau has no score for you",
            "delinquencies_2y": "There were late payments in the last two years",
            "utilisation": "Credit lines elsewhere are used up to a large part",
            "inquiries_6m": "Credit was asked for often in the last six months",
            "open_loans": "There are several open loans elsewhere",
            "oldest_account_months": "The credit history is short",
            "amount": "The amount applied for is high",
            "amount_log": "The amount applied for is high",
            "amount_to_income": "The amount is high for the stated income",
            "debt_to_income": "Existing debt is high for the stated income",
            "income_monthly": "The stated income is low",
            "stated_less_paid_salary": "The stated income is not matched by salaries on the account",
            "salary_std_180d": "The salary is irregular",
            "salaries_90d": "Few salaries were paid in the last 90 days",
            "spend_to_income_90d": "Spending is high for the money received",
            "lowest_balance_90d": "The account's balance was low in the last 90 days",
            "mean_balance_90d": "The account's balance is low on average",
            "gambling_90d": "Money was spent on gambling",
            "gambling_share_90d": "Money was spent on gambling",
            "cash_90d": "Much cash was withdrawn",
            "late_instalments_365d": "Instalments of an earlier loan here were late",
            "employment": "The kind of employment",
            "employment_years": "The present employment is short",
        },
        scale="probability of falling 90 days behind within six months",
    ),
    gates=GatePolicy(min_auc=0.70, max_auc=0.93, max_calibration_error=0.06, min_slice_auc=0.62),
    protected=(
        Protected("sex", legal_basis="equal treatment of men and women in access to services"),
        Protected("age", bands=(25, 40, 60), legal_basis="equal treatment by age"),
    ),
    request_example={
        "customer_id": "C0013220",
        "amount": 19_100.0,
        "term_months": 36,
        "income_monthly": 3_420.0,
        "employment_years": 3.5,
        "existing_debt": 15_284.05,
        "dependents": 1,
        "purpose": "business",
        "employment": "employed",
        "housing": "rent",
        "channel": "app",
    },
)
