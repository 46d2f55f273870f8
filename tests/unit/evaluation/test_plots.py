"""Pictures of an evaluation: the words on them stay readable."""

import io

import numpy as np
import pytest
from PIL import Image

from assets.evaluation.plots import ranking


@pytest.mark.parametrize("share", [0.02, 0.125, 0.2])
def test_the_names_of_curves_stand_apart_from_the_line_of_chance(share: float) -> None:
    """For any rate of bad rows, the line of chance crosses no name of a curve."""
    random = np.random.default_rng(0)
    y = (random.random(4000) < share).astype(np.int8)
    weak = y * 0.8 + random.normal(size=4000)
    picture = Image.open(io.BytesIO(ranking(y, weak, weak + random.normal(size=4000) * 0.2))).convert("RGB")
    band = np.asarray(picture).astype(int)[225:385, 480:600]
    brown = (abs(band - np.array([0xB0, 0x8D, 0x57])).sum(axis=2) < 30).sum(axis=1)
    assert brown.max() < 40, "a name in bold fills more of a line than a falling curve does"
