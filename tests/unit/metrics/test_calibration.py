"""The calibration error and its bins against plain arithmetic."""

import numpy as np
import pytest

from assets.metrics.calibration import calibration_error, reliability
from tests.unit.metrics.conftest import scored


def test_calibration_error_is_small_for_honest_and_right_for_shifted_probabilities() -> None:
    y, probability = scored(50_000)
    assert calibration_error(y, probability) < 0.01
    assert calibration_error(y, np.full(len(y), 0.5)) == pytest.approx(0.5 - y.mean())
    lifted = np.minimum(probability + 0.1, 1.0)
    assert calibration_error(y, lifted) == pytest.approx(0.1, abs=0.01)


def test_bins_have_equal_counts_and_equal_scores_share_one() -> None:
    y, probability = scored(1000)
    assert reliability(y, probability).rows.tolist() == [100] * 10
    few = reliability(np.array([0, 1, 0, 1], dtype=np.int8), np.array([0.2, 0.2, 0.2, 0.7]))
    assert few.rows.tolist() == [3, 1]
    assert few.observed.tolist() == [pytest.approx(1 / 3), 1.0]
