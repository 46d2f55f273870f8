"""The columns of a bundle's requests."""

from dataclasses import replace
from datetime import date

import pytest

from assets.bundle.bundle import Bundle, BundleParts
from assets.bundle.contract import BundleContract, ColumnRule, SourceRules
from assets.features.kernel.kernel import compile_features
from assets.product import AllOf, Compare, OneOf, Rule
from assets.serving.engine import Engine
from assets.serving.requests.parse import RequestError
from assets.serving.requests.shape import shape_of
from assets.vocabulary import Events, FeatureSet, HashedCategory, Number
from tests.support.models.serving_samples import NOW, REQUEST, bundle_of


def test_a_request_that_is_an_event_has_every_column_of_its_features(card_bundle: Bundle) -> None:
    shape = shape_of(card_bundle)
    assert shape.keys == ("card_id", "terminal_id")
    assert (shape.numbers, shape.labels) == (("amount",), ("country",))
    assert shape.sequence == shape.row_id == "transaction_id"


def test_a_text_column_of_a_request_that_is_an_event_takes_any_text(parts: BundleParts) -> None:
    """A column with a mode is a category of any value, also where another feature only compares it."""
    request = (Number("amount"), HashedCategory("merchant", buckets=16))
    orders = Events("orders", key="customer_id", includes_request=True)
    history = [orders.distinct("shop"), orders.mode("shop", values=("bar",)), orders.distinct("till")]
    kernel = compile_features(FeatureSet(request=request, history=history), {})
    shape = shape_of(bundle_of(replace(parts, kernel=kernel, policy=replace(parts.policy, reasons={}))))
    assert shape.categories == {"merchant": (), "shop": ()}
    assert shape.labels == ("till",)
    assert shape.numbers == ("amount",)


def test_a_request_has_the_columns_that_only_rules_read(parts: BundleParts) -> None:
    """With the rule of their contract, and numbers as numbers: an age that no feature reads."""
    columns = {"age": ColumnRule("integer", low=0), "branch": ColumnRule("string"), "amount": ColumnRule("number")}
    contract = BundleContract("applications", {"applications": SourceRules("event_time", "known_at", columns)})
    when = AllOf((Compare("age", "<", 18), OneOf("branch", ("north",)), Compare("amount", ">", 100)))
    rule = Rule("minor", "knock_out", when, "Too young", "policy", date(2026, 1, 1))
    bundle = bundle_of(replace(parts, contract=contract, rules=(rule,)))
    shape = shape_of(bundle)
    assert shape.numbers == ("amount", "income_monthly", "age")
    assert shape.categories == {**shape_of(bundle_of(parts)).categories, "branch": ()}
    engine = Engine(bundle, None, as_of_allowed=True)
    engine.warm()
    request = REQUEST | {"age": 17, "branch": "north"}
    decision = engine.decide(request, now=NOW)
    assert (decision.outcome, decision.rules, decision.inputs["age"]) == ("decline", ("minor",), 17.0)
    with pytest.raises(RequestError, match="field 'age' is missing"):
        engine.decide(REQUEST | {"branch": "north"}, now=NOW)
