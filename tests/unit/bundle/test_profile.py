import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.bundle.profile import ProfileError, ReferenceProfile, build_profile


def one(values: object, kind: pa.DataType | None = None) -> ReferenceProfile:
    table = pa.table({"x": pa.array(values, kind)})
    return build_profile(table, np.full(table.num_rows, 0.5), ["x"], [], positive_rate=0.1, auc=0.7)


def test_a_profile_survives_json_exactly(profile: ReferenceProfile) -> None:
    text = json.dumps(profile.to_dict(), allow_nan=False)
    assert ReferenceProfile.from_dict(json.loads(text)) == profile


def test_a_profile_is_small_enough_for_a_bundle(profile: ReferenceProfile) -> None:
    assert len(json.dumps(profile.to_dict())) < 10_000 * (len(profile.numeric) + 1)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(st.none(), st.integers(-3, 3), st.floats(-1e6, 1e6, allow_subnormal=False)), min_size=1, max_size=60
    )
)
def test_every_row_is_in_one_bin(values: list[float | None]) -> None:
    profile = one(values, pa.float64()).numeric["x"]
    array = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    cells = profile.assign(array)
    assert np.bincount(cells, minlength=profile.cells).tolist() == profile.expected.tolist()
    assert profile.missing == sum(value is None for value in values)
    assert np.isin(profile.sample, array).all()
    assert list(profile.sample) == sorted(profile.sample)


def test_continuous_values_fill_ten_equal_bins() -> None:
    assert one(np.arange(1000.0)).numeric["x"].counts == (100,) * 10


def test_a_value_that_is_nearly_always_there_has_a_bin_of_its_own() -> None:
    values = np.r_[np.ones(970), np.linspace(0, 0.9, 30)]
    profile = one(values).numeric["x"]
    here, below, above = profile.assign(np.array([1.0, 0.999, 1.001]))
    assert len({here, below, above}) == 3
    assert profile.counts[here] == 970


@pytest.mark.parametrize("value", [0.0, -1.0, 7.0])
def test_a_constant_has_an_edge_on_both_sides(value: float) -> None:
    profile = one([value] * 20).numeric["x"]
    assert len(set(profile.assign(np.array([value, value - 0.1, value + 0.1])))) == 3


def test_of_many_values_the_most_frequent_are_kept() -> None:
    """The most frequent values have a cell each; all others share one, seen in the reference rows or not."""
    texts = [f"shop {number:03d}" for number in range(200) for _ in range(1 + (number < 50))]
    table = pa.table({"c": texts})
    profile = build_profile(table, np.zeros(len(texts)), [], ["c"], positive_rate=0.1, auc=0.7)
    kept = profile.categories["c"]
    assert kept.values == tuple(f"shop {number:03d}" for number in range(50))
    assert (kept.other, sum(kept.counts), kept.missing) == (150, 100, 0)
    assert np.bincount(kept.assign(table["c"]), minlength=kept.cells).tolist() == kept.expected.tolist()
    assert kept.assign(pa.array(["a new one"])).tolist() == [50]
    assert ReferenceProfile.from_dict(json.loads(json.dumps(profile.to_dict()))) == profile


def test_the_sample_follows_the_distribution() -> None:
    values = np.random.default_rng(3).normal(size=20_000)
    profile = one(values).numeric["x"]
    share = np.searchsorted(np.sort(values), profile.sample, side="right") / len(values)
    expected = (np.arange(len(profile.sample)) + 0.5) / len(profile.sample)
    assert np.abs(share - expected).max() < 1e-4


def test_categories_keep_unseen_and_missing_apart() -> None:
    table = pa.table({"c": pa.array(["b", "a", None, "b"]).dictionary_encode()})
    profile = build_profile(table, np.zeros(4), [], ["c"], positive_rate=0.1, auc=0.7).categories["c"]
    assert (profile.values, profile.counts, profile.missing) == (("a", "b"), (1, 2), 1)
    assert profile.assign(pa.array(["a", "new", None])).tolist() == [0, 2, 3]


def test_all_missing_is_a_profile_too() -> None:
    profile = one([None, None], pa.float64()).numeric["x"]
    assert (profile.counts, profile.missing, profile.sample) == ((0,), 2, ())


@pytest.mark.parametrize(
    ("table", "numeric", "categories", "message"),
    [
        (pa.table({"x": [1.0]}), ["y"], [], "no column 'y'"),
        (pa.table({"x": ["a"]}), ["x"], [], "numeric feature holds numbers"),
        (pa.table({"x": [1.0]}), [], ["x"], "holds strings"),
        (pa.table({"x": [np.inf]}), ["x"], [], "infinite"),
        (pa.table({"x": pa.array([], pa.float64())}), ["x"], [], "0 rows"),
    ],
)
def test_wrong_rows_are_refused(table: pa.Table, numeric: list[str], categories: list[str], message: str) -> None:
    with pytest.raises(ProfileError, match=message):
        build_profile(table, np.zeros(table.num_rows), numeric, categories, positive_rate=0.1, auc=0.7)


def test_an_unmeasured_auc_is_refused() -> None:
    with pytest.raises(ProfileError, match="measured"):
        build_profile(pa.table({"x": [1.0]}), np.zeros(1), ["x"], [], positive_rate=0.1, auc=float("nan"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "format 2"),
        ({"score": {}}, "a field is missing"),
        ({"numeric": {"x": {"edges": [2, 1], "counts": [1, 1, 1], "missing": 0, "sample": []}}}, "ascend"),
        ({"numeric": {"x": {"edges": [], "counts": [-1], "missing": 0, "sample": []}}}, "negative"),
        ({"numeric": {"x": {"edges": [], "counts": [1], "missing": 0, "sample": [2, 1]}}}, "sorted"),
        ({"categories": {"c": {"values": ["a"], "counts": [], "missing": 0}}}, "1 values and 0 counts"),
    ],
)
def test_a_damaged_profile_is_refused(profile: ReferenceProfile, change: dict[str, object], message: str) -> None:
    with pytest.raises(ProfileError, match=message):
        ReferenceProfile.from_dict({**profile.to_dict(), **change})
