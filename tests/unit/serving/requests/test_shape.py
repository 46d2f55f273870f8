"""The columns of a bundle's requests."""

from dataclasses import replace

from assets.bundle.bundle import Bundle, BundleParts
from assets.features.kernel.kernel import compile_features
from assets.serving.requests.shape import shape_of
from assets.vocabulary import Events, FeatureSet, HashedCategory, Number
from tests.support.serving_samples import bundle_of


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
