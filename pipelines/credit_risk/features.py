"""The features of `credit_risk`.

Belongs here: declarations over an applicant's history, in the feature vocabulary. Does not belong here: their
computation, the decision (`product.py`). A new feature is one line.
"""

from assets.vocabulary import (
    Category,
    Difference,
    Events,
    FeatureSet,
    Log1p,
    Missing,
    Number,
    Ratio,
    Trend,
    at_least,
    days,
)

transactions = Events("transactions", key="customer_id")
income = transactions.where(direction="credit")
spend = transactions.where(direction="debit")
bureau = Events("bureau_reports", key="customer_id")
repayments = Events("repayments", key="customer_id")
applications = Events("applications", key="customer_id", includes_request=True)

FEATURES = FeatureSet(
    owner="credit-modelling",
    request=(
        Number("amount", unit="EUR", description="Amount applied for"),
        Number("term_months", unit="months", description="Term of the loan"),
        Number("income_monthly", unit="EUR", description="Monthly income as stated"),
        Number("employment_years", unit="years", description="Years with the present employer"),
        Number("existing_debt", unit="EUR", description="Debt with other lenders as stated"),
        Number("dependents", unit="persons", description="People who depend on the applicant's income"),
        Category("purpose", values=("car", "home", "education", "medical", "business", "debt_consolidation")),
        Category("employment", values=("employed", "self_employed", "unemployed", "retired", "student")),
        Category("housing", values=("own", "mortgage", "rent")),
        Category("channel", values=("branch", "web", "app")),
    ),
    history=(
        transactions.count(days(30)),
        transactions.count(days(90)),
        income.sum("amount", days(90), name="income_90d", unit="EUR", description="Money received in the last 90 days"),
        income.where(category="salary").count(days(90), name="salaries_90d", description="Salaries paid in 90 days"),
        income.where(category="salary").std("amount", days(180), name="salary_std_180d", unit="EUR"),
        income.where(category="salary").mean("amount", days(180), name="salary_mean_180d", unit="EUR"),
        spend.sum("amount", days(30), name="spend_30d", unit="EUR", empty=0),
        spend.sum("amount", days(90), name="spend_90d", unit="EUR", empty=0),
        spend.max("amount", days(90), name="largest_payment_90d", unit="EUR"),
        spend.where(category="gambling").sum("amount", days(90), name="gambling_90d", unit="EUR", empty=0),
        spend.where(category="cash").sum("amount", days(90), name="cash_90d", unit="EUR", empty=0),
        spend.share(days(90), category="gambling", name="gambling_share_90d", empty=0),
        spend.distinct("counterparty", days(90), name="counterparties_90d"),
        transactions.min("balance_after", days(90), name="lowest_balance_90d", unit="EUR"),
        transactions.mean("balance_after", days(90), name="mean_balance_90d", unit="EUR"),
        transactions.time_since_last(days(180)),
        bureau.last(
            "bureau_score",
            days(365),
            name="bureau_score",
            unit="points",
            description="Latest score of the credit bureau",
        ),
        bureau.last(
            "open_loans", days(365), name="open_loans", description="Loans open elsewhere, by the credit bureau"
        ),
        bureau.last(
            "inquiries_6m", days(365), name="inquiries_6m", description="Credit inquiries in 6 months, by the bureau"
        ),
        bureau.last(
            "delinquencies_2y",
            days(365),
            name="delinquencies_2y",
            description="Late payments in 2 years, by the bureau",
        ),
        bureau.last(
            "utilisation", days(365), name="utilisation", description="Used share of credit lines, by the bureau"
        ),
        bureau.last("oldest_account_months", days(365), name="oldest_account_months", unit="months"),
        repayments.where(days_past_due=at_least(30)).count(days(365), name="late_instalments_365d"),
        applications.count(days(180), name="applications_180d", description="Applications here in the last 180 days"),
    ),
    derived=(
        Ratio("amount_to_income", numerator="amount", denominator="income_monthly"),
        Ratio("debt_to_income", numerator="existing_debt", denominator="income_monthly"),
        Difference("stated_less_paid_salary", left="income_monthly", right="salary_mean_180d", unit="EUR"),
        Ratio("spend_to_income_90d", numerator="spend_90d", denominator="income_90d"),
        Trend("spend_trend", recent="spend_30d", longer="spend_90d"),
        Log1p("amount_log", of="amount"),
        Missing("no_bureau_score", of="bureau_score"),
    ),
)
