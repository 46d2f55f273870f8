"""The interval around a predicted amount, as a bundle has it.

Belongs here: applying it to amounts, and its JSON form; NumPy only, because the decision process loads it. Does not
belong here: fitting it (`assets.training.amounts.interval`).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from assets.bundle.json_numbers import json_number
from resources.errors import LooplineError


class IntervalError(LooplineError):
    """An interval cannot be read; the message says why."""


@dataclass(frozen=True)
class Interval:
    """The ends of the interval around a predicted amount.

    Attributes:
        form: Whether the ends are amounts that are added (`identity`) or factors (`log`).
        low, high: The ends, relative to the prediction.
        coverage: The share of rows whose amount was to lie within it.
    """

    form: Literal["identity", "log"]
    low: float
    high: float
    coverage: float

    def __post_init__(self) -> None:
        if self.form not in ("identity", "log") or not self.low <= self.high or not 0.0 < self.coverage < 1.0:
            raise IntervalError(
                f"interval: form {self.form!r} from {self.low} to {self.high} with the coverage {self.coverage}; write "
                "'identity' or 'log', ends that rise, and a share between 0 and 1"
            )

    def around(self, amount: float) -> tuple[float, float]:
        """Both ends around an amount."""
        if self.form == "log":
            return amount * self.low, amount * self.high
        return amount + self.low, amount + self.high

    def to_dict(self) -> dict[str, object]:
        """A form that `json` writes and reads without loss."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> "Interval":
        """The interval that `to_dict` described.

        Raises:
            IntervalError: The data describe none.
        """
        try:
            low, high, coverage = (json_number(data[name], "interval", IntervalError) for name in _NUMBERS)
            form = data["form"]
        except KeyError as missing:
            raise IntervalError(f"interval has no {missing}: it was not written by Interval.to_dict") from None
        if form not in ("identity", "log"):
            raise IntervalError(f"interval: form {form!r}; write 'identity' or 'log'")
        return cls(form, low, high, coverage)


_NUMBERS = ("low", "high", "coverage")
