"""Scores and labels that the tests of this folder share."""

import numpy as np
from numpy.typing import NDArray


def scored(count: int = 3000, seed: int = 0) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Labels drawn from their own probabilities: perfectly calibrated."""
    generator = np.random.default_rng(seed)
    probability = generator.beta(1, 6, count)
    return (generator.random(count) < probability).astype(np.int8), probability
