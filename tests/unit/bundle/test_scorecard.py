"""The scorecard: its checks and its JSON form."""

import json

import numpy as np
import pytest

from assets.bundle.scorecard import Scorecard, ScorecardError


@pytest.fixture
def card() -> Scorecard:
    """Six columns of five bins, with random edges and points."""
    random = np.random.default_rng(3)
    return Scorecard(
        columns=tuple(f"column_{number}" for number in range(6)),
        edges=tuple(tuple(np.sort(random.normal(size=4)).tolist()) for _ in range(6)),
        points=tuple(tuple(random.normal(size=6).tolist()) for _ in range(6)),
        centre=tuple(random.normal(size=6).tolist()),
        intercept=1 / 3,
    )


def test_the_scorecard_survives_json_exactly(card: Scorecard) -> None:
    matrix = np.random.default_rng(4).normal(size=(500, 6)).astype(np.float32)
    matrix[::7, 2] = np.nan
    read_back = Scorecard.from_dict(json.loads(json.dumps(card.to_dict())))
    assert read_back == card
    np.testing.assert_array_equal(read_back.apply(matrix), card.apply(matrix))


def test_a_scorecard_refuses_another_matrix(card: Scorecard) -> None:
    with pytest.raises(ScorecardError, match="has 6 columns"):
        card.apply(np.zeros((3, 5), dtype=np.float32))
    with pytest.raises(ScorecardError, match="no \\['intercept'\\]"):
        Scorecard.from_dict({name: value for name, value in card.to_dict().items() if name != "intercept"})
    with pytest.raises(ScorecardError, match="need 3 points"):
        Scorecard(("a",), ((1.0,),), ((0.1, 0.2),), (0.0,), 0.0)
