"""The columns of a bundle's requests."""

from dataclasses import replace

from assets.bundle.bundle import Bundle, BundleParts
from assets.features.kernel.kernel import compile_features
from assets.serving.shape import shape_of
from assets.vocabulary import Events, FeatureSet, HashedCategory, Number
from tests.support.serving_samples import bundle_of


def test_the_request_holds_every_column_that_it_counts_with(card_bundle: Bundle) -> None:
    shape = shape_of(card_bundle)
    assert shape.keys == ("card_id", "terminal_id")
    assert (shape.numbers, shape.labels) == (("amount",), ("country",))
    assert shape.sequence == shape.row_id == "transaction_id"


def test_a_text_that_a_request_adds_to_a_history_is_asked_of_it_as_a_text(parts: BundleParts) -> None:
    """Where requests are events, the column of a mode is a text of any value, also where others only tell it apart."""
    request = (Number("amount"), HashedCategory("merchant", buckets=16))
    orders = Events("orders", key="customer_id", includes_request=True)
    history = [orders.distinct("shop"), orders.mode("shop", values=("bar",)), orders.distinct("till")]
    kernel = compile_features(FeatureSet(request=request, history=history), {})
    shape = shape_of(bundle_of(replace(parts, kernel=kernel, policy=replace(parts.policy, reasons={}))))
    assert shape.categories == {"merchant": (), "shop": ()}
    assert shape.labels == ("till",)
    assert shape.numbers == ("amount",)
