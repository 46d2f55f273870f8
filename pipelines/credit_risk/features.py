"""The features of `credit_risk`.

Belongs here: declarations over an applicant's history, in the feature vocabulary. Does not belong here: their
computation, the decision (`product.py`). A new feature is one line.
"""

from assets.vocabulary import (
    Category,
    Events,
    FeatureSet,
    Missing,
    Number,
    Ratio,
    at_least,
    days,
)

transactions = Events("transactions", key="customer_id")
pay = transactions.where(direction="credit", category=("salary", "benefit"))
month_ends = transactions.where(category=("card_bill", "savings"))
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
        pay.count(days(90), name="salaries_90d", description="Salaries and benefits paid in 90 days"),
        pay.time_since_last(days(180), name="days_since_salary", description="Days since salary or benefit was paid"),
        pay.mean("amount", days(365), name="salary_mean_365d", unit="EUR", description="Salaries and benefits, mean"),
        pay.std("amount", days(365), name="salary_std_365d", unit="EUR"),
        spend.share(days(365), category="gambling", name="gambling_share_365d", empty=0),
        spend.share(days(365), category="cash", name="cash_share_365d", empty=0),
        spend.share(days(365), category="returned", name="returned_share_365d", empty=0),
        spend.where(category="returned").count(days(90), name="returned_debits_90d"),
        transactions.min("balance_after", days(90), name="lowest_balance_90d", unit="EUR"),
        month_ends.mean("balance_after", days(90), name="month_end_balance_90d", unit="EUR"),
        month_ends.mean("balance_after", days(365), name="month_end_balance_365d", unit="EUR"),
        bureau.last(
            "bureau_score",
            days(365),
            name="bureau_score",
            unit="points",
            description="Latest score of the credit bureau",
        ),
        bureau.mean(
            "bureau_score",
            days(365),
            name="mean_bureau_score_365d",
            unit="points",
            description="Mean score of the credit bureau in a year",
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
        bureau.mean(
            "utilisation",
            days(365),
            name="utilisation",
            description="Used share of credit lines, by the bureau, mean of a year",
        ),
        repayments.where(days_past_due=at_least(30)).count(days(365), name="late_instalments_365d"),
        applications.count(days(180), name="applications_180d", description="Applications here in the last 180 days"),
    ),
    derived=(
        Ratio("amount_to_income", numerator="amount", denominator="income_monthly"),
        Ratio("principal_monthly", numerator="amount", denominator="term_months"),
        Ratio("instalment_to_income", numerator="principal_monthly", denominator="income_monthly"),
        Ratio("debt_to_income", numerator="existing_debt", denominator="income_monthly"),
        Ratio("balance_to_income", numerator="month_end_balance_365d", denominator="income_monthly"),
        Ratio("lowest_balance_to_income", numerator="lowest_balance_90d", denominator="income_monthly"),
        Ratio("recent_balance_to_income", numerator="month_end_balance_90d", denominator="income_monthly"),
        Ratio("salary_variation", numerator="salary_std_365d", denominator="salary_mean_365d"),
        Missing("no_bureau_score", of="bureau_score"),
    ),
)
