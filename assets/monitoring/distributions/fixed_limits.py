"""The limits of figures where too little quiet history is known.

Belongs here: the policy's fixed distances and coarse shares. Does not belong here: limits from history (`limits.py`).
"""

import math

import numpy as np
from numpy.typing import NDArray

from assets.monitoring.distributions.cells import Layout
from assets.product import MonitoringPolicy

Values = NDArray[np.float64]


def fixed_bounds(
    layout: Layout, values: Values, rows: NDArray[np.int64], policy: MonitoringPolicy
) -> tuple[Values, Values]:
    """The limits without enough history: the policy's fixed distances, where they are beyond chance; coarse shares.

    They are wide on purpose: a feature that is all missing, constant or a hundred times too large passes them, a
    gradual drift does not before the policy's distances.
    """
    high = np.full(values.shape, np.nan)
    n = np.maximum(rows, 1)[:, None]
    bins = np.array([len(subject.expected) for subject in layout.subjects])
    reference = np.array([max(subject.reference_rows, 1) for subject in layout.subjects])
    noise = 1 / n + 1 / reference
    high[:, :-1, 0] = np.maximum(policy.max_psi, noise * (bins + 8 * np.sqrt(2 * bins)))
    high[:, :-1, 1] = np.maximum(policy.max_ks, 3.0 * np.sqrt(noise))
    chance = 5 / np.sqrt(n)
    high[:, :-1, 3] = np.array([s.share_expected("missing") for s in layout.subjects]) + np.maximum(0.2, chance)
    high[:, :-1, 4] = np.array([s.share_expected("unseen") for s in layout.subjects]) + np.maximum(0.1, chance)
    high[:, :-1, 5] = np.maximum(0.2, chance)
    outcome = layout.subjects[-1]
    refused = outcome.expected[2] / max(outcome.reference_rows, 1)
    high[:, :-1, 6] = refused + np.maximum(0.2, chance)
    usual = (rows + 1) / np.exp(np.nan_to_num(values[:, -1, 7]))
    high[:, -1, 7] = np.maximum(math.log(3), 3 / np.sqrt(usual))
    high = np.where(np.isnan(values), np.nan, high)
    low = np.full(values.shape, -np.inf)
    low[:, :-1, 6] = refused - np.maximum(0.2, chance)
    low[:, -1, 7] = -high[:, -1, 7]
    return np.where(np.isnan(values), np.nan, low), high
