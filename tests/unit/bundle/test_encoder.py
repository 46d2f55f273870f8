"""The matrix: its columns, what is missing in it, and its way to JSON and back."""

import json

import numpy as np
import pyarrow as pa
import pytest

from assets.bundle.encoder import Encoder
from assets.vocabulary import (
    Category,
    Events,
    FeatureError,
    FeatureSet,
    HashedCategory,
    LearnedCategory,
    Log1p,
    Number,
)

FEATURES = FeatureSet(
    request=[Number("amount"), Category("purpose", values=("car", "home")), Number("age")],
    derived=[Log1p("size", of="amount")],
)
ENCODER = Encoder.from_features(FEATURES)


def _table(**columns: pa.Array) -> pa.Table:
    rows = len(columns["purpose"])
    numbers = {name: pa.array([1.0] * rows) for name in FEATURES.numeric}
    return pa.table({**numbers, **columns, "age_band": pa.array(["carried along"] * rows)})


def test_columns_follow_the_features_and_name_their_source() -> None:
    assert ENCODER.columns == ("amount", "purpose=car", "purpose=home", "age", "size")
    assert ENCODER.sources == ("amount", "purpose", "purpose", "age", "size")


def test_missing_is_nan_and_an_unnamed_value_is_none_of_the_named() -> None:
    purposes = pa.array(["home", None, "boat", "car"])
    matrix = ENCODER.encode(_table(purpose=purposes, amount=pa.array([2.5, None, float("nan"), -1.0])))
    nan = np.nan
    expected = [[2.5, 0, 1, 1, 1], [nan, nan, nan, 1, 1], [nan, 0, 0, 1, 1], [-1.0, 1, 0, 1, 1]]
    assert matrix.dtype == np.float32
    assert matrix.flags.c_contiguous
    np.testing.assert_array_equal(matrix, np.array(expected, np.float32))


@pytest.mark.parametrize("kind", [pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_text_may_be_encoded_in_any_way(kind: pa.DataType) -> None:
    matrix = ENCODER.encode(_table(purpose=pa.array(["home", None]).cast(kind)))
    np.testing.assert_array_equal(matrix[:, 1:3], np.array([[0, 1], [np.nan, np.nan]], np.float32))


def test_pieces_give_the_same_matrix_as_the_whole() -> None:
    table = _table(purpose=pa.array(["home", None, "car", "car", "home"]))
    pieces = pa.concat_tables([table.slice(0, 2), table.slice(2, 0), table.slice(2)])
    np.testing.assert_array_equal(ENCODER.encode(pieces), ENCODER.encode(table))


def test_a_number_too_large_for_float32_is_its_largest() -> None:
    matrix = ENCODER.encode(_table(purpose=pa.array(["car", "car"]), amount=pa.array([1e300, -1e300])))
    assert matrix[:, 0].tolist() == [np.finfo(np.float32).max, np.finfo(np.float32).min]


def test_no_rows_make_an_empty_matrix() -> None:
    assert ENCODER.encode(_table(purpose=pa.array([], pa.string()))).shape == (0, 5)


def test_a_missing_or_wrong_column_is_named() -> None:
    with pytest.raises(FeatureError, match="features: there is no column 'size'"):
        ENCODER.encode(_table(purpose=pa.array(["car"])).drop_columns("size"))
    with pytest.raises(FeatureError, match="features.purpose is int64, but is compared with text"):
        ENCODER.encode(_table(purpose=pa.array([3])))
    with pytest.raises(FeatureError, match="features.amount is string, but is used as a number"):
        ENCODER.encode(_table(purpose=pa.array(["car"]), amount=pa.array(["3"])))


SHOPS = FeatureSet(
    request=[LearnedCategory("shop", top=2), HashedCategory("bank", buckets=3)],
    history=[Events("tx", key="who").mode("kind", values=("a", "b"), name="habit")],
)


def _shops(*shops: str | None) -> pa.Table:
    texts = pa.array(shops, pa.string())
    return pa.table({"shop": texts, "bank": texts, "habit": texts})


def test_a_learned_category_keeps_the_most_frequent_values_and_one_for_the_rest() -> None:
    """Of equally frequent values the smaller texts are kept; other values are `(other)`, missing ones stay missing."""
    encoder = Encoder.from_features(SHOPS, _shops("z", "z", "b", "a", None, None, None, "c"))
    assert encoder.columns[:3] == ("shop=z", "shop=a", "shop=(other)")
    assert encoder.sources == ("shop",) * 3 + ("bank",) * 3 + ("habit",) * 2
    matrix = encoder.encode(_shops("a", "b", None, "z", "new"))
    nan = np.nan
    np.testing.assert_array_equal(matrix[:, :3], [[0, 1, 0], [0, 0, 1], [nan, nan, nan], [1, 0, 0], [0, 0, 1]])
    np.testing.assert_array_equal(matrix[:, 6:], [[1, 0], [0, 1], [nan, nan], [0, 0], [0, 0]])


def test_a_value_must_be_in_enough_rows_to_be_learned() -> None:
    """`at_least` counts training rows; with no value left everything is other."""
    features = FeatureSet(request=[LearnedCategory("shop", at_least=2)])
    assert Encoder.from_features(features, _shops("z", "z", "b")).categories == {"shop": ("z",)}
    assert Encoder.from_features(features, _shops("z", "b")).columns == ("shop=(other)",)
    with pytest.raises(FeatureError, match="training rows: there is no column 'shop'"):
        Encoder.from_features(features, pa.table({"bank": ["b"]}))


def test_a_hashed_category_has_one_bucket_a_value() -> None:
    """Each present value is in exactly one bucket, alone and among others; a missing one is in none."""
    encoder = Encoder.from_features(SHOPS, _shops("a"))
    matrix = encoder.encode(_shops("a", None, "b", "a"))[:, 2:5]
    assert np.isnan(matrix[1]).all()
    assert matrix[[0, 2, 3]].sum(axis=1).tolist() == [1.0, 1.0, 1.0]
    np.testing.assert_array_equal(matrix[3:], encoder.encode(_shops("a"))[:, 2:5])


@pytest.mark.parametrize("shop", ["a", "z", "new", None])
def test_a_row_alone_is_the_row_of_its_table(shop: str | None) -> None:
    """Declared, learned and hashed categories, numbers beyond float32, both zeros, and missing ones."""
    encoder = Encoder.from_features(SHOPS, _shops("z", "z", "a", "b"))
    np.testing.assert_array_equal(
        encoder.encode_row({"shop": shop, "bank": shop, "habit": shop}), encoder.encode(_shops(shop))
    )
    for amount in (2.5, 1e300, -1e300, -0.0, 0.1, None):
        row = {"amount": amount, "purpose": "home", "age": None, "size": 1.0}
        table = pa.table({name: pa.array([value], None if value else pa.float64()) for name, value in row.items()})
        found = ENCODER.encode_row(row)
        assert (found.dtype, found.tobytes()) == (np.float32, ENCODER.encode(table).tobytes())


def test_an_invalid_row_is_refused() -> None:
    """Each message names the feature."""
    row = {"amount": 1.0, "purpose": "home", "age": 2.0, "size": 3.0}
    for wrong, message in (
        ({"size": np.inf}, "features.size is infinite"),
        ({"age": "old"}, "features.age is a text"),
        ({"purpose": 1.0}, "features.purpose is a float"),
    ):
        with pytest.raises(FeatureError, match=message):
            ENCODER.encode_row(row | wrong)
    with pytest.raises(FeatureError, match="there is no 'purpose'"):
        ENCODER.encode_row({"amount": 1.0})


def test_a_record_without_new_fields_is_unchanged() -> None:
    """Older code reads encoders of declared categories, and refuses the others by their new fields."""
    assert ENCODER.to_dict() == {
        "features": ["amount", "purpose", "age", "size"], "categories": {"purpose": ["car", "home"]},
    }  # fmt: skip
    encoder = Encoder.from_features(SHOPS, _shops("a"))
    assert set(encoder.to_dict()) == {"features", "categories", "learned", "hashed"}
    assert Encoder.from_dict(json.loads(json.dumps(encoder.to_dict()))) == encoder
    with pytest.raises(FeatureError, match="an encoder has features and categories"):
        Encoder.from_dict(encoder.to_dict() | {"embedded": ["shop"]})
    with pytest.raises(FeatureError, match="an encoder has features and categories"):
        Encoder.from_dict(encoder.to_dict() | {"learned": ["bank"]})


def test_an_encoder_survives_json() -> None:
    assert Encoder.from_dict(json.loads(json.dumps(ENCODER.to_dict()))) == ENCODER
    with pytest.raises(FeatureError, match="an encoder has features and categories"):
        Encoder.from_dict({"features": ["a"], "categories": {"b": ["x"]}})
