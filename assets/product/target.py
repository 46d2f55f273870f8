"""The kind of target that a model learns: whether a row turns out bad, or an amount.

Belongs here: the kinds as frozen values, and what is wrong with one. Does not belong here: what a kind means for
training (`assets.training.targets`), evaluation (`assets.evaluation.targets`) and monitoring
(`assets.monitoring.performance.amounts`), how it agrees with the rest of a product (`agreement/target.py`), its gates
(`policies/amount_gates.py`).
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

TargetKind = Literal["binary", "amount"]
Objective = Literal["squared_error", "gamma", "tweedie", "pinball"]
Link = Literal["identity", "log"]


@dataclass(frozen=True)
class Binary:
    """Whether a row turns out bad: the score is the calibrated probability of it."""

    kind: ClassVar[TargetKind] = "binary"


@dataclass(frozen=True)
class Amount:
    """A number that a row turns out to have (a loss, a claim, a time): the score is that number, in its unit.

    The label's column holds it, and `Label.at_least` says from which amount on a row counts as bad where rows are
    counted and not added up: in vintages and bad rates. An accepted row earns `Profit.good` and loses `Profit.bad`
    times its amount; a refused row earns nothing.

    Attributes:
        unit: Of the amount, as "EUR" or "days"; it is given with every decision.
        objective: What the model is fitted for. `squared_error`: the mean, of any numbers. `gamma`: the mean of amounts
            above zero whose spread grows with them. `tweedie`: the mean of amounts of which many are zero. `pinball`: a
            quantile, of any numbers.
        power: Of `tweedie`, between 1 (counts) and 2 (gamma).
        quantile: Of `pinball`.
        threshold: The least amount that is refused. `None` for the threshold that earns the most on the calibration
            rows; `float("inf")` for a product that states amounts and refuses nobody by them.
        coverage: The share of rows whose amount is to lie within the interval that is given with it.
    """

    unit: str
    objective: Objective = "squared_error"
    power: float = 1.5
    quantile: float = 0.5
    threshold: float | None = None
    coverage: float = 0.9

    kind: ClassVar[TargetKind] = "amount"

    @property
    def link(self) -> Link:
        """What the model adds up: the amount, or its logarithm."""
        return "log" if self.objective in ("gamma", "tweedie") else "identity"

    @property
    def scale(self) -> str:
        """The meaning of the score, for people."""
        what = f"quantile {self.quantile:g} of the amount" if self.objective == "pinball" else "expected amount"
        return f"{what}, {self.unit}"


Target = Binary | Amount
BINARY = Binary()


def of_binary_alone(target: Target, what: str, instead: str) -> str | None:
    """The sentence that refuses what only a binary target has; `None` where the target is one.

    Args:
        what: What was asked for, as the beginning of a sentence.
        instead: Where the same is found of an amount.
    """
    if isinstance(target, Binary):
        return None
    return f"{what} is of a binary target, whose score is a probability; this product's score is an amount: {instead}"


def target_fault(target: Target) -> str | None:
    """What is wrong with a target, and what to write instead; `None` where nothing is."""
    if isinstance(target, Binary):
        return None
    if not target.unit:
        return "target unit is empty; write the unit of the amount, as 'EUR'"
    if target.objective not in get_args(Objective):
        return f"target objective is {target.objective!r}; write one of {get_args(Objective)}"
    if not 1.0 < target.power < 2.0:
        return f"target power is {target.power!r}; write a number between 1 and 2, or the objective 'gamma' for 2"
    if not 0.0 < target.quantile < 1.0 or not 0.0 < target.coverage < 1.0:
        return f"target quantile is {target.quantile!r} and coverage {target.coverage!r}; write shares between 0 and 1"
    if target.threshold is not None and not target.threshold > float("-inf"):
        return f"target threshold is {target.threshold!r}; write an amount, or None"
    return None
