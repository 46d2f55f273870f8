"""The frontier of profit against disparity, and the choice on it.

Belongs here: both figures of a model on the calibration rows, and the model that a policy chooses. Does not belong
here: making the models (`mitigate.py`), the picture (`picture.py`), the figures on test rows (`assets.evaluation`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assets.metrics.ranking import EvaluationError
from assets.metrics.review import OPEN, choose_answers
from assets.product import DecisionPolicy
from assets.product.policies.fairness import MitigatedMeasure
from assets.training.candidates import BoostedModel
from assets.training.rows.learning import TrainingRows


@dataclass(frozen=True)
class FrontierPoint:
    """One model.

    Attributes:
        method: How it was made; "none" for the candidate itself.
        strength: Of the method; for a reduction the number of its model in the grid.
        profit: At its best thresholds, on the calibration rows.
        disparity: The largest difference between groups at those thresholds.
        on_frontier: Whether no other model earns at least as much with less disparity.
        chosen: Whether it is the product's model.
    """

    method: str
    strength: float
    profit: float
    disparity: float
    on_frontier: bool = False
    chosen: bool = False


@dataclass(frozen=True)
class Frontier:
    """The models that were tried, the candidate itself first.

    Attributes:
        attribute: The protected attribute.
        measure: The disparity.
        bound: The largest that the policy allows.
        points: Every model.
    """

    attribute: str
    measure: MitigatedMeasure
    bound: float
    points: tuple[FrontierPoint, ...]

    @property
    def chosen(self) -> FrontierPoint:
        """The model that was taken."""
        return next(point for point in self.points if point.chosen)

    @property
    def profit_lost(self) -> float:
        """What the chosen model earns less than the candidate, on the calibration rows; negative if it earns more."""
        return self.points[0].profit - self.chosen.profit

    @property
    def words(self) -> str:
        """The choice in one sentence."""
        before, after = self.points[0], self.chosen
        within = "within" if after.disparity <= self.bound else "the least found, and not within"
        share = f" ({self.profit_lost / abs(before.profit):.1%})" if before.profit else ""
        return (
            f"{after.method} of strength {after.strength:.3g}: {self.measure.replace('_', ' ')} by {self.attribute} "
            f"{after.disparity:.4g} instead of {before.disparity:.4g}, {within} the bound of {self.bound:.4g}, for "
            f"{self.profit_lost:,.4g} less profit{share} on the calibration rows"
        )

    def to_dict(self) -> dict[str, object]:
        """Ready for JSON."""
        return {
            "attribute": self.attribute, "measure": self.measure, "bound": self.bound, "words": self.words,
            "profit_lost": self.profit_lost, "points": [asdict(point) for point in self.points],
        }  # fmt: skip

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Frontier":
        """The frontier of a record that `to_dict` made."""
        points = tuple(FrontierPoint(**point) for point in record["points"])
        return cls(record["attribute"], record["measure"], record["bound"], points)


def point_of(
    model: BoostedModel,
    rows: TrainingRows,
    member: NDArray[np.int64],
    decision: DecisionPolicy,
    measure: MitigatedMeasure,
    *,
    method: str,
    strength: float,
    min_group_rows: int,
) -> FrontierPoint:
    """Profit and disparity of a model on the calibration rows, at the thresholds that earn the most there.

    Raises:
        EvaluationError: Fewer than two groups have `min_group_rows` rows, so that there is no disparity to reduce.
    """
    scores = model.predict(rows.matrix)
    chosen = choose_answers(scores, rows.y, decision, rows.stake, ruled=rows.ruled, days=rows.span_days)
    accepted = (scores < chosen.refer_from) & (True if rows.ruled is None else rows.ruled == OPEN)
    counted = np.ones(len(rows), dtype=np.bool_)
    if measure != "selection_gap":
        counted = rows.y == (1 if measure == "true_positive_gap" else 0)
    sizes = np.bincount(member)
    groups = [np.flatnonzero(counted & (member == place)) for place in np.flatnonzero(sizes >= min_group_rows)]
    shares = [float(accepted[group].mean()) for group in groups if len(group)]
    if len(shares) < 2:
        raise EvaluationError(
            f"mitigation: {len(shares)} groups have {min_group_rows} calibration rows; two are needed to compare: give "
            "the training window more days, or lower GatePolicy.min_group_rows"
        )
    return FrontierPoint(method, strength, chosen.profit, max(shares) - min(shares))


def choose(points: Sequence[FrontierPoint], bound: float) -> tuple[FrontierPoint, ...]:
    """The points with their frontier marked, and the chosen one.

    The first point is the candidate itself, and is kept if it is within the bound: a mitigated model that earns more on
    the calibration rows does so by chance. Else the one within the bound that earns the most, of equals the first; with
    none within the bound the one with the least disparity.
    """
    within = [place for place, point in enumerate(points) if point.disparity <= bound]
    allowed = within[:1] if 0 in within else within
    best = max(allowed, key=lambda place: points[place].profit, default=_least(points))
    return tuple(
        FrontierPoint(
            **{
                **asdict(point),
                "on_frontier": not any(
                    other.profit >= point.profit and other.disparity < point.disparity for other in points
                ),
                "chosen": place == best,
            }
        )
        for place, point in enumerate(points)
    )


def _least(points: Sequence[FrontierPoint]) -> int:
    return min(range(len(points)), key=lambda place: (points[place].disparity, -points[place].profit))
