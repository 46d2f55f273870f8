"""Statistics of a feature table's columns."""

import numpy as np
import pyarrow as pa
import pytest

from assets.features.catalogue.statistics import QUANTILES, feature_statistics


def test_a_number_has_mean_deviation_quantiles_and_missing_share() -> None:
    """Against NumPy, missing values left out."""
    values = np.random.default_rng(1).gamma(2.0, 50.0, 1000)
    column = pa.chunked_array([pa.array([*values[:400], None]), pa.array([*values[400:], None, None])])
    found = feature_statistics(pa.table({"amount": column}), ["amount"])["amount"]
    assert (found.rows, found.distinct, found.top) == (1003, 1000, ())
    assert found.missing == pytest.approx(3 / 1003)
    assert (found.mean, found.deviation) == (pytest.approx(values.mean()), pytest.approx(values.std()))
    assert found.quantiles == pytest.approx(np.quantile(values, QUANTILES))


def test_a_category_has_its_most_frequent_values() -> None:
    """Shares are of all rows; values of equal counts are in alphabetical order."""
    table = pa.table({"purpose": ["car", "home", "car", None, "art"]})
    found = feature_statistics(table, ["purpose"])["purpose"]
    assert (found.mean, found.quantiles, found.distinct) == (None, (), 3)
    assert found.top == (("car", 0.4), ("art", 0.2), ("home", 0.2))


def test_missing_columns_and_values_have_no_statistics() -> None:
    """A column that the table lacks, a table without rows, and a column without a value."""
    table = pa.table({"empty": pa.array([None, None], pa.float64())})
    found = feature_statistics(table, ["empty", "new"])
    assert set(found) == {"empty"}
    assert (found["empty"].missing, found["empty"].mean, found["empty"].quantiles) == (1.0, None, ())
    assert feature_statistics(table.slice(0, 0), ["empty"]) == {}
