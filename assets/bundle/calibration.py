"""The map from a model's raw score to a probability; of an amount there is none, and the raw score is the score.

Belongs here: the map, its checks and its JSON form; NumPy only, because the decision process loads it. Does not belong
here: fitting it (`assets.training.calibrate`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assets.bundle.json_numbers import json_number
from resources.errors import LooplineError

Method = Literal["platt", "beta", "piecewise", "none"]

# Raw scores are kept this far from 0 and 1, so that their log odds are finite (about ±16).
_EDGE = 1e-7
_KNOWN = "write 'platt', 'beta', 'piecewise' or 'none'"


class CalibrationError(LooplineError):
    """A calibration cannot be fitted, read or applied; the message says why."""


def log_odds(raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """ln(p / (1 - p)) of raw scores, which are first clipped to [1e-7, 1 - 1e-7]."""
    bounded = np.clip(raw, _EDGE, 1.0 - _EDGE)
    return np.asarray(np.log(bounded) - np.log1p(-bounded), dtype=np.float64)


def log_sides(raw: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """ln(p) and ln(1 - p) of raw scores, which are first clipped as for `log_odds`."""
    bounded = np.clip(raw, _EDGE, 1.0 - _EDGE)
    return np.asarray(np.log(bounded), dtype=np.float64), np.asarray(np.log1p(-bounded), dtype=np.float64)


def sigmoid(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / (1 + exp(-z)), without overflow for large negative z."""
    shrunk = np.exp(-np.abs(z))
    return np.asarray(np.where(z >= 0, 1.0, shrunk) / (1.0 + shrunk), dtype=np.float64)


@dataclass(frozen=True)
class Calibration:
    """A strictly increasing map from raw score to probability, so that two rows keep their order.

    Attributes:
        method: "platt" is `sigmoid(slope * log_odds(raw) + intercept)` (Platt 1999); "beta" is
            `sigmoid(slope * ln(raw) - fall * ln(1 - raw) + intercept)` (Kull et al. 2017), which bends each end of the
            scores by itself; "piecewise" joins `knots`; "none" is of an amount, which is the score as it is.
        slope, intercept: For "platt" and "beta"; 1 and 0 (and a fall of 1) leave the raw score unchanged.
        fall: For "beta".
        knots: For "piecewise": (raw, probability) pairs, both strictly increasing; the first raw is 0, the last is 1.
    """

    method: Method = "platt"
    slope: float = 1.0
    intercept: float = 0.0
    knots: tuple[tuple[float, float], ...] = ()
    fall: float = 1.0

    def __post_init__(self) -> None:
        if self.method == "none":
            return
        if self.method == "platt":
            if not (np.isfinite(self.slope) and np.isfinite(self.intercept) and self.slope > 0):
                raise CalibrationError(
                    f"calibration: slope {self.slope} and intercept {self.intercept} must be finite, the slope above 0"
                )
            return
        if self.method == "beta":
            if not (np.all(np.isfinite((self.slope, self.fall, self.intercept))) and min(self.slope, self.fall) > 0):
                raise CalibrationError(
                    f"calibration: slope {self.slope}, fall {self.fall} and intercept {self.intercept} must be finite, "
                    "slope and fall above 0"
                )
            return
        if self.method != "piecewise":
            raise CalibrationError(f"calibration method {self.method!r} is unknown: {_KNOWN}")
        knots = np.asarray(self.knots, dtype=np.float64).reshape(-1, 2)
        rising = len(knots) >= 2 and bool(np.all(np.diff(knots, axis=0) > 0))
        if not rising or knots[0, 0] != 0.0 or knots[-1, 0] != 1.0 or knots[0, 1] < 0.0 or knots[-1, 1] > 1.0:
            raise CalibrationError(
                f"calibration: {len(knots)} knots must rise strictly in both numbers, from raw 0 to raw 1"
            )

    def apply(self, raw: ArrayLike) -> NDArray[np.float64]:
        """The probabilities of raw scores (any shape, within [0, 1]), as float64 of that shape; amounts as they are.

        Raises:
            CalibrationError: A raw score is missing or outside [0, 1]; an amount is not finite.
        """
        scores = np.asarray(raw, dtype=np.float64)
        if self.method == "none":
            if not np.all(np.isfinite(scores)):
                raise CalibrationError(f"amount {scores[~np.isfinite(scores)].ravel()[0]}: a model must give a number")
            return scores
        if not np.all((scores >= 0.0) & (scores <= 1.0)):
            invalid = scores[~((scores >= 0.0) & (scores <= 1.0))].ravel()[0]
            raise CalibrationError(f"raw score {invalid}: an output of the model must be between 0 and 1")
        if self.method == "platt":
            return sigmoid(self.slope * log_odds(scores) + self.intercept)
        if self.method == "beta":
            rise, fall = log_sides(scores)
            return sigmoid(self.slope * rise - self.fall * fall + self.intercept)
        knots = np.asarray(self.knots, dtype=np.float64)
        return np.asarray(np.interp(scores, knots[:, 0], knots[:, 1]), dtype=np.float64)

    def to_dict(self) -> dict[str, object]:
        """A form that `json` writes and reads without loss."""
        if self.method == "none":
            return {"method": "none"}
        if self.method == "platt":
            return {"method": "platt", "slope": self.slope, "intercept": self.intercept}
        if self.method == "beta":
            return {"method": "beta", "slope": self.slope, "fall": self.fall, "intercept": self.intercept}
        return {"method": "piecewise", "knots": [list(knot) for knot in self.knots]}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> "Calibration":
        """The calibration that `to_dict` described.

        Raises:
            CalibrationError: The data describe no calibration.
        """
        try:
            if data["method"] == "none":
                return cls(method="none")
            if data["method"] == "platt":
                return cls(slope=_number(data["slope"]), intercept=_number(data["intercept"]))
            if data["method"] == "beta":
                slope, fall = _number(data["slope"]), _number(data["fall"])
                return cls(method="beta", slope=slope, fall=fall, intercept=_number(data["intercept"]))
            if data["method"] == "piecewise":
                return cls(method="piecewise", knots=_pairs(data["knots"]))
        except KeyError as missing:
            raise CalibrationError(f"calibration has no {missing}: it was not written by Calibration.to_dict") from None
        raise CalibrationError(f"calibration method {data['method']!r} is unknown: {_KNOWN}")


def _number(value: object) -> float:
    return json_number(value, "calibration", CalibrationError)


def _pairs(value: object) -> tuple[tuple[float, float], ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(p, list | tuple) and len(p) == 2 for p in value):
        raise CalibrationError("calibration: knots must be a list of [raw, probability] pairs")
    return tuple((_number(raw), _number(probability)) for raw, probability in value)
