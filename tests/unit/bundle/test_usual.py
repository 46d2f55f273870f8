"""Usual values: medians of numbers, the most frequent category, through the bundle's files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from assets.bundle.bundle import BundleError
from assets.bundle.encoder import Encoder
from assets.bundle.files import load_bundle, write_bundle
from assets.bundle.usual import UsualError, UsualValues
from assets.product import Change, ProductError, Recourse
from assets.vocabulary import Category, FeatureSet, Number
from tests.support.models.explained import RECOURSE, explained_parts
from tests.support.models.serving_samples import sample_parts

KEY = b"k" * 32
FEATURES = FeatureSet(request=(Number("amount"), Category("kind", values=("x", "y", "z")), Number("age")))
ENCODER = Encoder.from_features(FEATURES)


def _usual(amounts: list[float | None], kinds: list[str | None], ages: list[float | None]) -> UsualValues:
    rows = pa.table(
        {
            "amount": pa.array(amounts, pa.float64()),
            "kind": pa.array(kinds, pa.string()),
            "age": pa.array(ages, pa.float64()),
        }
    )
    return UsualValues.of(ENCODER.encode(rows), ENCODER.places)


def test_a_number_has_its_median_and_a_category_its_most_frequent_value() -> None:
    found = _usual([1.0, 2.0, 10.0, None], ["y", "y", "x", None], [None] * 4)
    assert found.cells == (2.0, 0.0, 1.0, 0.0, None)


def test_values_without_a_column_can_be_the_most_frequent() -> None:
    """Three rows have a value that the category does not declare: it is 0 in all columns."""
    found = _usual([1.0] * 4, ["other", "other", "other", "x"], [5.0] * 4)
    assert found.cells[1:4] == (0.0, 0.0, 0.0)


def test_without_accepted_rows_nothing_is_usual() -> None:
    assert UsualValues.of(np.empty((0, 5), np.float32), ENCODER.places).cells == (None,) * 5


def test_a_row_is_changed_in_the_named_features_alone() -> None:
    usual = UsualValues((2.0, 0.0, 1.0, 0.0, None))
    row = np.array([[7.0, 1.0, 0.0, 0.0, 3.0]], np.float32)
    changed = usual.replaced(row, [("amount",), ("kind",), ("age",), ("amount", "kind")], ENCODER.places)
    assert changed.tolist() == [
        [2.0, 1.0, 0.0, 0.0, 3.0],
        [7.0, 0.0, 1.0, 0.0, 3.0],
        [7.0, 1.0, 0.0, 0.0, 3.0],
        [2.0, 0.0, 1.0, 0.0, 3.0],
    ]
    assert row.tolist() == [[7.0, 1.0, 0.0, 0.0, 3.0]]


def test_usual_values_and_recourse_come_back_from_the_files(tmp_path: Path) -> None:
    """To the last bit, and in the declared order of the columns; a bundle of before has neither file."""
    parts = explained_parts()
    write_bundle(parts, tmp_path / "new", KEY)
    back = load_bundle(tmp_path / "new", KEY, None).parts
    assert (back.usual, back.recourse) == (parts.usual, RECOURSE)
    assert list(back.recourse.columns) == list(RECOURSE.columns)
    write_bundle(sample_parts("1"), tmp_path / "before", KEY)
    before = load_bundle(tmp_path / "before", KEY, None).parts
    assert (before.usual, before.recourse) == (None, None)
    assert not {"usual.json", "recourse.json"} & {file.name for file in (tmp_path / "before").iterdir()}


def test_parts_that_do_not_belong_together_are_refused() -> None:
    parts = sample_parts("1")
    with pytest.raises(BundleError, match="2 usual values for 14 columns"):
        replace(parts, usual=UsualValues((1.0, 2.0)))
    with pytest.raises(ProductError, match="recourse lacks"):
        replace(parts, recourse=Recourse({"amount": Change("never")}))


@pytest.mark.parametrize("record", [{}, {"cells": 1}, {"cells": ["x"]}, {"cells": [], "more": 1}])
def test_another_record_is_refused(record: dict[str, object]) -> None:
    with pytest.raises(UsualError):
        UsualValues.from_dict(record)
