"""Rules that contradict themselves, the request or the contracts are refused by one sentence at load."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from assets.product import AllOf, AnyOf, Compare, IsNull, Not, OneOf, Product, ProductError, Rule
from assets.product.rules import columns_read
from pipelines.products import load_product

FROM = date(2025, 1, 1)


LARGE = Compare("amount", ">", 50_000)


def rule(when: Any = LARGE, **fields: Any) -> Rule:
    return Rule(
        **{
            "id": "large_loan", "kind": "knock_out", "when": when, "reason": "The loan is too large",
            "owner": "credit-policy@bank.example", "valid_from": FROM, **fields,
        }
    )  # fmt: skip


def product(*rules: Any, **decision: Any) -> Product:
    plain = load_product("credit_risk")
    reviews = {"refer": "review", "review_cost": 0.0, "review_accuracy": 1.0, "review_capacity": None}
    return replace(plain, rules=rules, decision=replace(plain.decision, **reviews | decision))


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"id": "Large loan"}, "the id is no name"),
        ({"kind": "veto"}, "kind='veto'; write one of knock_out, limit, refer"),
        ({"kind": "refer"}, "does not refuse; write outcome='refer'"),
        ({"mode": "off"}, "write one of active, shadow"),
        ({"reason": " "}, "reason= is empty"),
        ({"owner": ""}, "owner= is empty"),
        ({"when": "amount > 3"}, "'amount > 3' is no condition; write Compare"),
        ({"valid_until": date(2024, 12, 31)}, "valid_until=2024-12-31 is before valid_from=2025-01-01"),
        ({"when": AllOf((Compare("amount", ">", 1), OneOf("amount", ("x",))))}, "with a number and with a text"),
    ],
)
def test_a_rule_that_contradicts_itself_is_refused(fields: dict[str, Any], fault: str) -> None:
    with pytest.raises(ProductError, match=fault):
        rule(**fields)


@pytest.mark.parametrize(
    ("build", "fault"),
    [
        (lambda: Compare("amount", "=>", 1), "write one of <, <=, >, >=, ==, !="),
        (lambda: Compare("amount", ">", float("nan")), "write a finite number"),
        (lambda: Compare("housing", "==", "rent"), r"OneOf\(...\) for texts"),
        (lambda: OneOf("housing", "rent"), "write a tuple of texts"),
        (lambda: AllOf(()), "write a tuple of conditions"),
        (lambda: AnyOf(Compare("amount", ">", 1)), "with a comma after a single one"),
    ],
)
def test_a_senseless_condition_is_refused(build: Any, fault: str) -> None:
    with pytest.raises(ProductError, match=fault):
        build()


@pytest.mark.parametrize(
    ("rules", "fault"),
    [
        ((rule(), rule()), "rule large_loan is declared twice"),
        ((rule(IsNull("age")),), "reads 'age', which is protected"),
        ((rule(Compare("salaries_90d", ">", 1)),), "columns of the request alone, and 'salaries_90d' is a"),
        ((rule(Compare("spent", ">", 1), kind="limit"),), "'spent', which is neither a feature nor a column"),
        ((rule(IsNull("customer_id")),), "'customer_id' is no such column"),
        ((rule(Compare("housing", ">", 1)),), r"compares 'housing' with a number, but it is a text .*OneOf"),
        ((rule(OneOf("salaries_90d", ("a",)), kind="limit"),), r"with a text, but it is a number .*Compare"),
        (("amount > 3",), r"rules hold 'amount > 3'; write Rule\(...\)"),
    ],
)
def test_rules_and_the_product_agree(rules: tuple[Any, ...], fault: str) -> None:
    with pytest.raises(ProductError, match=fault):
        product(*rules)


def test_a_referral_needs_a_reviewer() -> None:
    with pytest.raises(ProductError, match=r"rule large_loan refers, but nobody reviews"):
        product(rule(outcome="refer"), refer=None)
    product(rule(outcome="refer"))


def test_a_rule_compares_only_with_texts_that_the_contract_allows() -> None:
    with pytest.raises(ProductError, match="'yacht', which no row can have: contracts/applications.yaml allows car"):
        product(rule(Not(OneOf("purpose", ("car", "yacht"))))).check()
    product(rule(Not(OneOf("purpose", ("car", "home"))))).check()


def test_a_passthrough_column_that_is_not_protected_may_be_read() -> None:
    """An age limit where age is protected is impossible; where it is a plain column, the request gains it."""
    free = replace(product(), protected=(), fairness=None, rules=(rule(Compare("age", "<", 18)),))
    free.check()
    with pytest.raises(ProductError, match=r"compares 'age' with a text, but it is a number in contracts/applications"):
        replace(free, rules=(rule(OneOf("age", ("x",))),)).check()


def test_a_condition_in_words() -> None:
    high = Compare("amount", ">", 24, per="income_monthly")
    either = AnyOf((high, AllOf((IsNull("employment_years"), Not(OneOf("housing", ("own", "rent")))))))
    assert either.words == (
        "amount per income_monthly > 24 or (employment_years is missing and not (housing is one of own, rent))"
    )
    assert columns_read(either) == {
        "amount": "number", "income_monthly": "number", "employment_years": "any", "housing": "text"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("decision", "fault"),
    [
        ({"refer": "approve"}, "write a word that is neither"),
        ({"refer": None, "review_cost": 20.0}, "reviews are described, but refer= is None"),
        ({"review_accuracy": 0.5}, "a share above 0.5"),
        ({"review_capacity": 0}, "reviews a day, above 0"),
        ({"exploration": 0.9}, "a share from 0 to 0.5"),
    ],
)
def test_a_senseless_third_answer_is_refused(decision: dict[str, Any], fault: str) -> None:
    with pytest.raises(ProductError, match=fault):
        product(**decision)
