"""The dependence of the score on values: a picture for numbers, for missing values and for categories."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from assets.evaluation.dependence_plot import dependence
from assets.evaluation.explain import Explanation


def _picture(values: NDArray[np.float64], contributions: NDArray[np.float64]) -> NDArray[np.int64]:
    names = tuple(f"feature_{number}" for number in range(values.shape[1]))
    made = dependence(Explanation(names, contributions, values, 0.0, np.arange(len(values))))
    return np.asarray(Image.open(io.BytesIO(made)).convert("RGB")).astype(np.int64)


def _near(picture: NDArray[np.int64], colour: tuple[int, int, int]) -> NDArray[np.bool_]:
    return np.asarray(np.abs(picture - np.array(colour)).sum(axis=2) < 30)


def test_a_rising_dependence_is_drawn_rising() -> None:
    """The line of means of the one panel goes from the lower left to the upper right."""
    values = np.linspace(0, 100, 400)[:, None]
    line = _near(_picture(values, values / 50 - 1), (0x2B, 0x6C, 0x8F))[60:]
    rows, columns = np.nonzero(line)
    assert rows[columns < np.quantile(columns, 0.1)].mean() > rows[columns > np.quantile(columns, 0.9)].mean() + 30


def test_missing_values_have_a_place_of_their_own_and_categories_no_panel() -> None:
    random = np.random.default_rng(1)
    values = random.normal(size=(300, 3))
    contributions = values.copy()
    without = _picture(values, contributions)
    values[:60, 0] = np.nan
    values[:, 2] = np.nan
    brown = _near(_picture(values, contributions), (0xB0, 0x8D, 0x57)).sum()
    assert brown > 20
    assert _near(without, (0xB0, 0x8D, 0x57)).sum() == 0


def test_without_numbers_it_says_so() -> None:
    assert _picture(np.full((10, 2), np.nan), np.zeros((10, 2))).shape[2] == 3


def test_a_number_that_is_always_the_same_is_drawn() -> None:
    assert _picture(np.ones((10, 1)), np.zeros((10, 1))).shape[2] == 3
