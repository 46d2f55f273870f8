"""Events and spine as arrays."""

import pytest

from assets.vocabulary import FeatureError, days
from tests.unit.features.one_person import own, payments, request, value


def test_a_sequence_is_on_both_sides_or_on_neither() -> None:
    with pytest.raises(FeatureError, match="'sequence' is in the spine only"):
        value(own.count(days(1)), payments((1, 1.0)), request(sequence=[1]))
    with pytest.raises(FeatureError, match="'sequence' is in the events only"):
        value(own.count(days(1)), payments((1, 1.0), sequence=[1]), request())
