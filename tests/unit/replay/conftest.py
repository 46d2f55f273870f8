"""A small real bundle's parts and a store for them, and the bundle of a product whose requests are events."""

from tests.support.data.card_samples import card_bundle
from tests.support.models.serving_fixtures import parts, store

__all__ = ["card_bundle", "parts", "store"]
