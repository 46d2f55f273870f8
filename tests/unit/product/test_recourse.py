"""A policy of recourse is refused at load where it is incomplete, or could not be kept."""

from dataclasses import replace

import pytest

from assets.product import Change, ProductError, Recourse
from assets.product.policies.recourse import check_recourse
from assets.vocabulary import Category, Events, FeatureSet, LearnedCategory, Number, days
from pipelines.products import load_product

PURCHASES = Events("purchases", key="customer_id", includes_request=True)
FEATURES = FeatureSet(
    request=(Number("amount"), Number("term"), Category("kind", values=("x", "y")), LearnedCategory("shop", top=3)),
    history=(PURCHASES.count(days(30), name="count_30d"), PURCHASES.mean("amount", days(30), name="mean_30d")),
)
NEVER = Change("never")
COLUMNS = {"amount": NEVER, "term": Change("fall", low=3), "kind": Change("either"), "shop": NEVER}


def check(**changes: Change) -> None:
    check_recourse("loans", Recourse({**COLUMNS, **changes}), FEATURES)


def test_a_complete_policy_passes() -> None:
    check()
    check(term=Change("rise", by=0.2), kind=Change("either", to=("y",)), shop=Change("either", to=("any", "shop")))
    assert list(Recourse(COLUMNS).changeable) == ["term", "kind"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"age": NEVER}, "has age"),
        ({"amount": Change("fall", low=1)}, "mean_30d read it over events"),
        ({"term": Change("fall", high=1)}, "write low= or by="),
        ({"term": Change("rise", low=1)}, "write high= or by="),
        ({"term": Change("either")}, "write low and high= or by="),
        ({"term": Change("fall", low=1, to=("x",))}, "and no to="),
        ({"kind": Change("rise")}, "'kind' is a category"),
        ({"kind": Change("either", low=1)}, "'kind' is a category"),
        ({"kind": Change("either", to=("z",))}, "may be changed to 'z'; its values are x, y"),
        ({"shop": Change("either")}, "the values of 'shop' are not declared"),
    ],
)
def test_what_could_not_be_kept_is_refused(changes: dict[str, Change], message: str) -> None:
    with pytest.raises(ProductError, match=message):
        check(**changes)


def test_a_forgotten_column_is_named() -> None:
    """What a person is told to do is never a default."""
    with pytest.raises(ProductError, match="recourse lacks kind, shop and has"):
        check_recourse("loans", Recourse({"amount": NEVER, "term": NEVER}), FEATURES)


@pytest.mark.parametrize(
    "wrong",
    [
        {"way": "up"}, {"way": "fall", "low": float("nan")}, {"way": "fall", "low": 0, "step": 0},
        {"way": "either", "low": 2, "high": 1}, {"way": "fall", "by": 0.0}, {"way": "never", "low": 1},
        {"way": "never", "to": ("x",)},
    ],
)  # fmt: skip
def test_a_senseless_change_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ProductError, match="recourse: "):
        Change(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("at_once", [0, 4, True, 1.5])
def test_at_once_is_from_one_to_three(at_once: object) -> None:
    with pytest.raises(ProductError, match="at_once"):
        Recourse({}, at_once=at_once)  # type: ignore[arg-type]


def test_a_whole_number_changes_by_whole_steps() -> None:
    product = load_product("credit_risk")
    assert product.recourse is not None
    columns = {**product.recourse.columns, "term_months": Change("fall", low=3, step=0.5)}
    with pytest.raises(ProductError, match="'term_months' is a whole number"):
        replace(product, recourse=Recourse(columns)).check()


def test_no_recourse_of_an_example_names_what_nobody_can_change() -> None:
    """The sandbox's applicants are told of the loan and of their debt, and of nothing that they are."""
    credit = load_product("credit_risk").recourse
    assert credit is not None
    assert set(credit.changeable) == {"amount", "term_months", "existing_debt", "channel"}
    assert load_product("card_fraud").recourse is None, "nobody is told how to get a stopped card through"
