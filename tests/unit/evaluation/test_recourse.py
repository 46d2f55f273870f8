"""The recourse of declined test rows: counted as each decision's explanation gives it, and by group."""

from dataclasses import replace
from datetime import UTC

import numpy as np
import pyarrow as pa
import pytest

from assets.evaluation.recourse import recourse_figures
from assets.governance.recourse_words import recourse_words
from assets.product import Change, Protected, Recourse
from assets.serving.engine import Engine
from resources.online_store.event_blocks import TIMESTAMP
from tests.support.models.evaluated_bundle import PRODUCT
from tests.support.models.explained import explained_parts
from tests.support.models.serving_samples import NOW, bundle_of, sample_features

ROWS = 300
POLICY = Recourse({"amount": Change("fall", by=0.1), "income_monthly": Change("never"), "purpose": Change("either")})
"""So little may change that some people have no recourse."""


@pytest.fixture(scope="module")
def past() -> pa.Table:
    """Rows as the training set has them: features, spine columns and protected attributes."""
    features = sample_features(ROWS)
    as_of = pa.array([NOW.astimezone(UTC)] * ROWS, TIMESTAMP)
    columns = {
        "application_id": pa.array(np.arange(ROWS)),
        "customer_id": pa.array([f"C{number % 50}" for number in range(ROWS)]),
        "as_of": as_of,
        "sex": pa.array(["female", "male", None] * (ROWS // 3)),
    }
    for name, column in columns.items():
        features = features.append_column(name, column)
    return features


def test_rows_without_recourse_are_counted_by_group(past: pa.Table) -> None:
    product = replace(PRODUCT, protected=(Protected("sex"),))
    engine = Engine(bundle_of(explained_parts()), None)
    codes = engine.score_table(past).answers.codes
    found = recourse_figures(product, POLICY, engine, past, most_rows=ROWS)
    assert found.declined == int((codes > 0).sum())
    assert 0 < found.without < found.declined
    assert found.share is not None
    assert 0 < found.share < 1
    assert [(group.attribute, group.group) for group in found.groups] == [
        ("sex", "female"), ("sex", "male"), ("sex", "missing"),
    ]  # fmt: skip
    assert sum(group.declined for group in found.groups) == found.declined
    assert sum(group.without for group in found.groups) == found.without
    some = recourse_figures(product, POLICY, engine, past, most_rows=20)
    assert some.declined == 20
    assert some == recourse_figures(product, POLICY, engine, past, most_rows=20)


def test_the_card_tells_it_in_a_sentence_for_each_attribute() -> None:
    groups = [
        {"attribute": "sex", "group": "female", "declined": 5, "without": 2},
        {"attribute": "sex", "group": "male", "declined": 4, "without": 0},
    ]
    found = {"recourse": {"declined": 9, "without": 2, "share": 0.1, "groups": groups}}
    (words,) = recourse_words(found)
    assert words == "Of 9 declined test rows 2 have no recourse. By sex: female 2 of 5, male 0 of 4."
    assert recourse_words({}) == (), "a product without a policy of recourse, and a model of before"
