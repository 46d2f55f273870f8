"""The style of every picture: as wide as the place where it is shown, with its words inside."""

import io

import numpy as np
import pytest
from PIL import Image

from assets.evaluation.plots import ranking
from assets.metrics.plot_style import figure, png


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("L")).astype(int)


@pytest.mark.parametrize("length", [10, 80, 110])
def test_a_picture_fits_its_dialog_and_its_words_fit_the_picture(length: int) -> None:
    """800 pixels, with a margin on the right however long the title and the line below it are."""
    picture, _ = figure("m" * length, "n" * length)
    found = pixels(png(picture))
    assert found.shape[1] == 800
    assert (found[:60, 790:] == 255).all()
    assert (found[:60] < 128).any()


@pytest.mark.parametrize("share", [0.02, 0.125, 0.2])
def test_the_names_of_curves_stand_apart_from_the_line_of_chance(share: float) -> None:
    """Whatever the rate of bad rows is, nothing but its own words is written at the line of chance."""
    random = np.random.default_rng(0)
    y = (random.random(4000) < share).astype(np.int8)
    weak = y * 0.8 + random.normal(size=4000)
    picture = Image.open(io.BytesIO(ranking(y, weak, weak + random.normal(size=4000) * 0.2))).convert("RGB")
    band = np.asarray(picture).astype(int)[225:385, 480:600]
    brown = (abs(band - np.array([0xB0, 0x8D, 0x57])).sum(axis=2) < 30).sum(axis=1)
    assert brown.max() < 40, "a name in bold fills more of a line than a falling curve does"
