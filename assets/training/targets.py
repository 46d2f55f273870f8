"""What a kind of target means for training: the one place where training tells kinds apart.

Belongs here: for each kind the training of candidates and the choice of thresholds. Does not belong here: how it is
done (`candidates.py`, `amounts`), what a kind means for evaluation (`assets.evaluation.targets`).
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assets.metrics.amount_answers import choose_amount
from assets.metrics.profit import ThresholdChoice
from assets.metrics.review import choose_answers
from assets.product import Amount, DecisionPolicy, ModelSpec, Product
from assets.training.amounts.candidates import train_amounts
from assets.training.candidates import Candidates, train_candidates
from assets.training.large.fits import LargeFits
from assets.training.rows.learning import TrainingRows
from assets.training.rows.split import Split


def train_model(
    rows: TrainingRows,
    split: Split,
    spec: ModelSpec,
    *,
    journal: Path | None = None,
    large: LargeFits | None = None,
) -> Candidates:
    """The candidates of the product's kind of target; arguments and errors as for `train_candidates`."""
    if isinstance(spec.target, Amount):
        return train_amounts(rows, split, spec, spec.target, journal=journal, large=large)
    return train_candidates(rows, split, spec, journal=journal, large=large)


def choose_thresholds(
    spec: ModelSpec, decision: DecisionPolicy, scores: NDArray[np.float64], rows: TrainingRows
) -> ThresholdChoice:
    """The thresholds of the product's kind of target, on rows with these scores.

    Raises:
        EvaluationError: As for `choose_answers`.
    """
    if isinstance(spec.target, Amount):
        return choose_amount(scores, rows.amounts, spec.target, decision, rows.stake, rows.ruled)
    return choose_answers(scores, rows.y, decision, rows.stake, ruled=rows.ruled, days=rows.span_days)


def scale_of(product: Product) -> str:
    """The meaning of the score, for people: as declared, or by the unit of the amount."""
    target, declared = product.model.target, product.decision.scale
    if isinstance(target, Amount) and declared == DecisionPolicy.scale:
        return target.scale
    return declared
