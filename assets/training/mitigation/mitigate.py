"""A model with less disparity, by the policy of a product.

Belongs here: making a model for each strength of a method, and taking the one that the frontier chooses. Does not
belong here: the fits (`fit.py`), the figures and the choice (`frontier.py`), reading or recording anything.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from assets.metrics.groups import group_members
from assets.product import DecisionPolicy, Mitigation, ModelSpec, Product, Protected
from assets.product.policies.fairness import MitigationMethod
from assets.training.candidates import BoostedModel
from assets.training.mitigation.fit import Fitter
from assets.training.mitigation.frontier import Frontier, choose, point_of
from assets.training.mitigation.picture import frontier_picture
from assets.training.mitigation.pulls import CovariancePenalty, reweighing
from assets.training.mitigation.reduction import reduced_models
from assets.training.rows.learning import TrainingRows
from assets.training.rows.split import Split

# The strength of a penalty that weighs a covariance about as much as the log loss, and its factor from one to the next.
_FIRST_PENALTY = 0.05
_PENALTY_FACTOR = 3.0
_STRONGEST_REWEIGHING = 2.0


@dataclass(frozen=True, eq=False)
class Mitigated:
    """The model that training makes, and the frontier on which it was chosen; `None` where none was asked for."""

    model: BoostedModel
    frontier: Frontier | None

    @property
    def record(self) -> dict[str, object]:
        """The frontier with its choice under "mitigation", ready for JSON; empty without one."""
        return {} if self.frontier is None else {"mitigation": self.frontier.to_dict()}

    @property
    def pictures(self) -> dict[str, bytes]:
        """The picture of the frontier, PNG bytes by name; empty without one."""
        return {} if self.frontier is None else {"fairness_frontier": frontier_picture(self.frontier)}

    @property
    def shown(self) -> dict[str, Any]:
        """The record and the picture, for the metadata of an asset."""
        return {**self.record, **self.pictures}


def mitigated(product: Product, rows: TrainingRows, split: Split, candidate: BoostedModel) -> Mitigated:
    """The model that the product's policy of fairness asks for in place of a candidate; the candidate if it asks none.

    Raises:
        EvaluationError: As for `mitigate`.
    """
    mitigation = None if product.fairness is None else product.fairness.mitigation
    if mitigation is None:
        return Mitigated(candidate, None)
    protected = next(one for one in product.protected if one.column == mitigation.attribute)
    return mitigate(
        mitigation, protected, rows, split, candidate,
        spec=product.model, decision=product.decision, min_group_rows=product.gates.min_group_rows,
    )  # fmt: skip


def mitigate(
    mitigation: Mitigation,
    protected: Protected,
    rows: TrainingRows,
    split: Split,
    candidate: BoostedModel,
    *,
    spec: ModelSpec,
    decision: DecisionPolicy,
    min_group_rows: int,
) -> Mitigated:
    """Trains under the method, strength by strength, and takes the model that the policy chooses.

    The attribute is used in training alone. The test rows are not touched.

    Args:
        mitigation: The method, the disparity and its bound.
        protected: The attribute, among `rows.protected`.
        rows, split: Those of the candidate.
        candidate: The model without mitigation; its settings are used for each fit.
        spec, decision: Those of the product.
        min_group_rows: Groups with fewer calibration rows take no part in the disparity.

    Raises:
        EvaluationError: The attribute has bands and values that are not numbers, or there is no disparity to reduce.
    """
    train, calibrate = rows.take(split.train), rows.take(split.calibrate)
    _, learned = group_members(protected, train.protected[protected.column])
    _, judged = group_members(protected, calibrate.protected[protected.column])
    fitter = Fitter(train, calibrate, spec, candidate.settings)
    models, points = [], []
    for method, strength, model in ((("none", 0.0, candidate)), *_models(mitigation, fitter, learned)):
        models.append(model)
        points.append(
            point_of(
                model, calibrate, judged, decision, mitigation.measure,
                method=method, strength=strength, min_group_rows=min_group_rows,
            )
        )  # fmt: skip
    marked = choose(points, mitigation.bound)
    chosen = next(place for place, point in enumerate(marked) if point.chosen)
    frontier = Frontier(protected.column, mitigation.measure, mitigation.bound, marked)
    return Mitigated(models[chosen], frontier)


def tried_frontier(
    product: Product, protected: Protected, rows: TrainingRows, split: Split, candidate: BoostedModel, bound: float
) -> Frontier:
    """What every method would do to the difference in accepted share: the points of all of them on one frontier.

    Raises:
        EvaluationError: As for `mitigate`.
    """
    found = [
        mitigate(
            Mitigation(method, protected.column, bound), protected, rows, split, candidate,
            spec=product.model, decision=product.decision, min_group_rows=product.gates.min_group_rows,
        ).frontier
        for method in get_args(MitigationMethod)
    ]  # fmt: skip
    points = [point for one in found if one is not None for point in one.points]
    unlike = [point for place, point in enumerate(points) if place == 0 or point.method != "none"]
    return Frontier(protected.column, "selection_gap", bound, choose(unlike, bound))


def _models(
    mitigation: Mitigation, fitter: Fitter, member: NDArray[np.int64]
) -> Iterator[tuple[str, float, BoostedModel]]:
    """Method, strength and model, from the weakest pull to the strongest."""
    method, count = mitigation.method, mitigation.strengths
    if method == "reduction":
        for number, model in enumerate(reduced_models(fitter, member, mitigation.measure, count), start=1):
            yield method, float(number), model
        return
    y = fitter.train.y
    for step in range(1, count + 1):
        if method == "reweighing":
            strength = _STRONGEST_REWEIGHING * step / count
            yield method, strength, fitter.fit(weights=reweighing(member, y, strength))
        else:
            strength = _FIRST_PENALTY * _PENALTY_FACTOR ** (step - 1)
            yield method, strength, fitter.fit(loss=CovariancePenalty.of(member, y, mitigation.measure, strength))
