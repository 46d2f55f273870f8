"""The style of every picture: as wide as the place where it is shown, with its words inside."""

import io

import numpy as np
import pytest
from PIL import Image

from assets.metrics.plot_style import figure, png


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("L")).astype(int)


@pytest.mark.parametrize("length", [10, 80, 110])
def test_a_picture_fits_its_dialog_and_its_words_fit_the_picture(length: int) -> None:
    """800 pixels, with a margin on the right however long the title and the line below it are."""
    picture, _ = figure("m" * length, "n" * length)
    image = pixels(png(picture))
    assert image.shape[1] == 800
    assert (image[:60, 790:] == 255).all()
    assert (image[:60] < 128).any()
