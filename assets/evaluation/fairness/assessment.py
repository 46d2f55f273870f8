"""The whole assessment of fairness by a product's policy.

Belongs here: the composition of standings, proxies and gates into one frozen value and its JSON form. Does not belong
here: computing any of them (the modules beside this one), what a product without a policy shows (`figures.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assets.evaluation.fairness.limits import fairness_gates
from assets.evaluation.fairness.proxies import ProxyReport, proxies_of
from assets.evaluation.fairness.standing import Answered, AttributeStanding, standings
from assets.evaluation.gates import GateResult
from assets.metrics.review import OPEN
from assets.product import FairnessPolicy, Protected, ProxyLimit
from assets.training.candidates import BoostedModel
from assets.training.rows.learning import TrainingRows


@dataclass(frozen=True)
class FairnessAssessment:
    """How the decisions on the test rows treat groups of people.

    Attributes:
        policy: The policy by which they are judged.
        standings: The groups of each attribute and of each crossing.
        proxies: What tells the groups of each attribute.
        gates: The result of each limit.
    """

    policy: FairnessPolicy
    standings: tuple[AttributeStanding, ...]
    proxies: tuple[ProxyReport, ...]
    gates: tuple[GateResult, ...]

    def to_dict(self) -> dict[str, object]:
        """Ready for JSON; no rows."""
        return {
            "confidence": self.policy.confidence,
            "jurisdictions": [
                {"name": place.name, "legal_basis": place.legal_basis, "limits": [one.measure for one in place.limits]}
                for place in self.policy.jurisdictions
            ],
            "attributes": [standing.to_dict() for standing in self.standings],
            "proxies": [report.to_dict() for report in self.proxies],
            "gates": [gate.to_dict() for gate in self.gates],
        }


def assess_fairness(
    policy: FairnessPolicy | None,
    protected: Sequence[Protected],
    train: TrainingRows,
    test: TrainingRows,
    model: BoostedModel,
    *,
    scores: NDArray[np.float64],
    threshold: float,
    min_group_rows: int,
    seed: int,
    entities: NDArray[np.generic] | None = None,
) -> FairnessAssessment | None:
    """The assessment of the test rows by a policy; `None` without one.

    Args:
        protected: Attributes among `test.protected`.
        train, test: The rows; the training rows only teach how well features tell a group.
        model: The model behind the scores.
        scores: float64 [test rows].
        threshold: A score at or above it is not accepted.
        min_group_rows: Groups with fewer rows are pooled.
        seed: Seeds the samples of rows.
        entities: Whose row each is [test rows]; `None` where each row is of another.

    Raises:
        EvaluationError: An attribute has bands and values that are not numbers.
    """
    if policy is None:
        return None
    ruled = np.zeros(len(test), dtype=np.bool_) if test.ruled is None else test.ruled != OPEN
    answered = Answered(test.y, scores, (scores < threshold) & ~ruled, entities)
    found = standings(
        protected, test.protected, answered,
        crossed=policy.crossed, min_group_rows=min_group_rows, confidence=policy.confidence,
    )  # fmt: skip
    tells = (policy.proxies or ProxyLimit()).tells
    proxies = tuple(
        proxies_of(
            attribute, standing, train, test, model,
            threshold=threshold, tells=tells, min_group_rows=min_group_rows, seed=seed,
        )
        for attribute, standing in zip(protected, found, strict=False)
    )  # fmt: skip
    return FairnessAssessment(policy, found, proxies, fairness_gates(policy, found, proxies))
