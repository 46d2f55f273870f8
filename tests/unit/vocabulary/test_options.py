"""The methods of `Events`: their options are named and typed, for an editor to complete, and each has its effect."""

import inspect
from datetime import timedelta
from typing import Any, get_type_hints

import pytest

from assets.vocabulary import Events, FeatureError, History, at_least, days
from assets.vocabulary.selection import Options, Where

PAYMENTS = Events("payments", key="card_id")
ARGUMENTS: dict[str, Any] = {"column": "amount", "level": 0.5, "half_life": days(7), "statistic": "mean"}
METHODS = [name for name, method in vars(Events).items() if inspect.isfunction(method) and name[0] != "_"]
METHODS = [name for name in METHODS if get_type_hints(getattr(Events, name)).get("return") is History]


@pytest.mark.parametrize("name", METHODS)
def test_every_method_has_the_same_named_and_typed_options(name: str) -> None:
    method = getattr(PAYMENTS, name)
    signature, hints = inspect.signature(method), get_type_hints(method)
    options = {option: hints[option] for option in get_type_hints(Options)}
    assert options == get_type_hints(Options)
    assert {signature.parameters[option].kind for option in options} == {inspect.Parameter.KEYWORD_ONLY}
    arguments = [ARGUMENTS[p] for p in signature.parameters if p in ARGUMENTS]
    conditions = {"shop": "bar"} if name in ("share", "streak") else {}
    where: Where = {"amount": at_least(100)}
    given = {"name": "n", "description": "d", "owner": "o", "unit": "EUR", "empty": 2.0, "lag": timedelta(days=3)}
    declared = method(*arguments, days(30), **given, where=where, **conditions)
    assert {option: getattr(declared, option) for option in given} == given
    assert declared.filters == PAYMENTS.where(amount=at_least(100)).filters


def test_there_are_methods() -> None:
    assert len(METHODS) == 20


def test_a_condition_of_one_feature_is_that_of_selected_events() -> None:
    """Also beside conditions of the events, and in the default name."""
    debits = PAYMENTS.where(direction="debit")
    assert debits.count(days(7), where={"shop": ("bar", "pub")}) == debits.where(shop=("bar", "pub")).count(days(7))
    assert debits.share(days(7), where={"shop": "bar"}, amount=5) == debits.where(shop="bar").share(days(7), amount=5)
    assert debits.count(days(7)).filters == debits.filters
    with pytest.raises(FeatureError, match=r"where\(\) without a condition"):
        debits.count(days(7), where={})


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        PAYMENTS.count(days(1), colour="red")  # type: ignore[call-arg]
