"""The calibration map: exact in JSON, and closed to what is no map and no score."""

import json

import numpy as np
import pytest

from assets.bundle.calibration import Calibration, CalibrationError


@pytest.mark.parametrize(
    "found",
    [Calibration(slope=1.25, intercept=-0.3), Calibration("piecewise", knots=((0, 0.01), (0.4, 0.2), (1, 0.9)))],
)
def test_json_round_trip_is_exact(found: Calibration) -> None:
    again = Calibration.from_dict(json.loads(json.dumps(found.to_dict())))
    raw = np.linspace(0, 1, 101)
    np.testing.assert_array_equal(again.apply(raw), found.apply(raw))


def test_identity_leaves_scores_as_they_are() -> None:
    raw = np.linspace(0.001, 0.999, 50)
    assert Calibration().apply(raw) == pytest.approx(raw, abs=1e-15)


def test_wrong_calibrations_and_scores_are_refused() -> None:
    with pytest.raises(CalibrationError, match="slope"):
        Calibration(slope=-1.0)
    with pytest.raises(CalibrationError, match="rise strictly"):
        Calibration("piecewise", knots=((0, 0.2), (0.5, 0.1), (1, 0.9)))
    with pytest.raises(CalibrationError, match="raw score nan"):
        Calibration().apply(np.array([0.1, np.nan]))
    with pytest.raises(CalibrationError, match=r"raw score 1.5"):
        Calibration().apply(np.array([1.5]))
    with pytest.raises(CalibrationError, match="slope"):
        Calibration.from_dict({"method": "platt", "intercept": 0.0})
    with pytest.raises(CalibrationError, match="'isotonic' is unknown"):
        Calibration.from_dict({"method": "isotonic"})
