"""Rewards of decisions whose target is an amount, and the range within which they lie."""

import numpy as np
import pyarrow as pa

from assets.product import Profit
from assets.product.names import LABEL_AMOUNT
from assets.rollout.outcomes.cohorts import Terms, rewards
from assets.rollout.outcomes.results import terms_of
from tests.claims.product import PRODUCT

ROWS = pa.table(
    {
        "outcome": ["settle", "settle", "inspect", "settle"], "label": pa.array([0, 1, None, None], pa.int8()),
        LABEL_AMOUNT: pa.array([100.0, 2_000.0, None, None]),
    }
)  # fmt: skip


def test_an_accepted_row_earns_what_is_left_of_its_amount() -> None:
    found = rewards(ROWS, terms_of(PRODUCT, ROWS), "profit")
    assert found[:3].tolist() == [1_100.0, -800.0, 0.0]
    assert np.isnan(found[3]), "nobody knows the amount yet"


def test_without_amounts_rewards_are_those_of_labels() -> None:
    plain = ROWS.drop_columns([LABEL_AMOUNT])
    found = rewards(plain, Terms("settle", Profit(good=1.0, bad=5.0)), "profit")
    assert found[:3].tolist() == [1.0, -5.0, 0.0]
    assert terms_of(PRODUCT, plain).amounts is None


def test_the_range_of_rewards_is_that_of_the_amounts() -> None:
    assert terms_of(PRODUCT, ROWS).amounts == (100.0, 2_000.0)
