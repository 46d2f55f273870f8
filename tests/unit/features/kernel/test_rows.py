"""Whole rows as a table."""

import pyarrow as pa

from assets.features.kernel.kernel import compile_features
from assets.vocabulary import Category, FeatureSet, Number, Ratio
from tests.unit.features.one_person import request


def test_the_table_has_numbers_and_texts_in_order() -> None:
    features = FeatureSet(
        request=[Category("purpose", values=("car",)), Number("age"), Number("member")],
        derived=[Ratio("young", "age", "age")],
    )
    spine = request(purpose=["boat"], age=pa.array([30], pa.int16()), member=[True])
    found = compile_features(features, {}).compute({}, spine)
    assert found.schema == pa.schema(
        [("purpose", pa.string()), ("age", pa.float64()), ("member", pa.float64()), ("young", pa.float64())]
    )
    assert found.to_pylist() == [{"purpose": "boat", "age": 30.0, "member": 1.0, "young": 1.0}]
