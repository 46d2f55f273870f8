"""The plan of a feature set: what cannot be planned."""

import pytest

from assets.features.kernel.kernel import compile_features
from assets.vocabulary import FeatureError, FeatureSet, days
from tests.unit.features.one_person import CENTS, tx


def test_a_column_that_is_added_up_needs_a_resolution() -> None:
    with pytest.raises(
        FeatureError, match="'tx_mean_level_1d' adds up tx.level, which has no resolution.*contract of 'tx'"
    ):
        compile_features(FeatureSet(history=[tx.mean("level", days(1))]), CENTS)
    with pytest.raises(FeatureError, match="write a positive step"):
        compile_features(FeatureSet(history=[tx.mean("level", days(1))]), {"tx": {"level": -1.0}})
    compile_features(FeatureSet(history=[tx.max("level", days(1))]), {})
