"""All figures of one candidate whose target is an amount.

Belongs here: the composition of the figures over one split into a frozen value, and its JSON form. Does not belong
here: a figure (`errors.py`, `assets.metrics.amounts`), the gates (`gates.py`), the page (`report.py`), the figures of a
binary target (`assets.evaluation.evaluate`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assets.bundle.interval import Interval as AmountInterval
from assets.bundle.scorecard import Scorecard
from assets.evaluation import lime
from assets.evaluation.amounts.errors import (
    GroupErrors,
    Predicted,
    WrongSlice,
    group_errors,
    interval_records,
    wrong_slices,
)
from assets.evaluation.explain import Explanation, explain
from assets.evaluation.stability import explanation_agreement, flipped_share, population_stability
from assets.evaluation.study.parts import Studied
from assets.evaluation.study.representative import Representativeness, representativeness
from assets.evaluation.study.steadiness import Steadiness, steadiness
from assets.metrics.amount_answers import at_amount, choose_amount
from assets.metrics.amounts import AmountMetrics, Deciles, decile_error, deciles, measure_amounts
from assets.metrics.profit import ThresholdChoice
from assets.metrics.ranking import SingleFeature, best_single_feature
from assets.metrics.resampling import Interval, entity_draws
from assets.product import Amount, Product
from assets.training.candidates import BoostedModel
from assets.training.rows.learning import TrainingRows
from assets.training.rows.split import Split

SKEW_TOLERANCE = 1e-4
"""Amounts that differ by more, as a share of those above 1, are not the same."""


@dataclass(frozen=True, eq=False)
class AmountEvaluation:
    """All figures of a model of an amount.

    Attributes:
        windows: The windows and row counts of the split.
        train, calibrate, test: Figures on each part; only those on the test rows are unbiased.
        scorecard: The baseline's figures on the test rows.
        chosen, tested: The threshold with its profit on the calibration rows, and on the test rows.
        intervals: The figures on the test rows with their intervals.
        deciles, decile_error: Mean amounts by prediction on the test rows, and the largest error of a tenth.
        groups: The errors of each group of each protected attribute.
        slices: Where predictions are wrong in the mean.
        explanation, second_opinion: SHAP values of a sample of the test rows, and how far LIME agrees.
        single_feature: The feature that alone best tells the larger half of the training amounts.
        score_psi, explanation_agreement, flipped_share: As of `Evaluation`.
        steadiness, representativeness: As of `Study`.
        comparison: (loss - champion's loss) / champion's loss; `None` for a first model.
        overfit, overfit_low: The skill on the training rows less that on the test rows, and its lower end.
        serving_skew: Share of test rows whose amount, as the bundle serves it, is another than the model's.
        coverage: Share of the test rows whose amount lies within the bundle's interval; `None` without one.
        actual, predicted: float64 [test rows], for pictures.
        entities: How many entities the test rows are of.
    """

    windows: Mapping[str, object]
    train: AmountMetrics
    calibrate: AmountMetrics
    test: AmountMetrics
    scorecard: AmountMetrics
    chosen: ThresholdChoice
    tested: ThresholdChoice
    intervals: Mapping[str, Interval]
    deciles: Deciles
    decile_error: float | None
    groups: tuple[GroupErrors, ...]
    slices: tuple[WrongSlice, ...]
    explanation: Explanation
    second_opinion: lime.LimeAgreement
    single_feature: SingleFeature
    score_psi: float
    explanation_agreement: float | None
    flipped_share: float
    steadiness: Steadiness | None
    representativeness: Representativeness
    comparison: Interval | None
    overfit: float | None
    overfit_low: float | None
    serving_skew: float
    coverage: float | None
    actual: NDArray[np.float64]
    predicted: NDArray[np.float64]
    entities: int

    def to_dict(self) -> dict[str, object]:
        """Every figure, ready for JSON; no rows."""
        parts = {"train": self.train, "calibrate": self.calibrate, "test": self.test, "scorecard_test": self.scorecard}
        return {
            "windows": dict(self.windows),
            "metrics": {name: one.to_dict() for name, one in parts.items()},
            "intervals": interval_records(self.intervals),
            "threshold": {"calibrate": self.chosen.to_dict(), "test": self.tested.to_dict()},
            "calibration": {"deciles": self.deciles.to_dict(), "decile_error": self.decile_error},
            "fairness": [report.to_dict() for report in self.groups],
            "slices": [one.to_dict() for one in self.slices],
            "importance": self.explanation.table().to_pylist(),
            "single_feature": {"feature": self.single_feature.feature, "auc": self.single_feature.auc},
            "stability": {
                "score_psi": self.score_psi,
                "explanation_agreement": self.explanation_agreement,
                "flipped_share": self.flipped_share,
                **self.second_opinion.to_dict(),
            },
            "representativeness": self.representativeness.to_dict(),
            "overfit": {"skill": self.overfit, "low": self.overfit_low},
            "serving_skew": self.serving_skew,
            "coverage": self.coverage,
            "comparison": None if self.comparison is None else {
                "loss_increase": self.comparison.value, "low": self.comparison.low, "high": self.comparison.high,
            },
        }  # fmt: skip


def evaluate_amounts(
    product: Product,
    target: Amount,
    rows: TrainingRows,
    split: Split,
    model: BoostedModel,
    scorecard: Scorecard,
    *,
    served: NDArray[np.float64],
    champion: NDArray[np.float64] | None,
    entity: NDArray[np.int64],
    interval: AmountInterval | None,
    groups: dict[str, str],
) -> AmountEvaluation:
    """Evaluates a model of an amount on the test rows, at the threshold chosen on the calibration rows.

    Args:
        rows: All labelled rows, with their amounts.
        served: float64 [test rows], the amounts as the bundle serves them.
        champion: float64 [test rows], the champion's; `None` for a first model.
        entity: int64 [test rows], whose row each is.
        interval: The bundle's interval around an amount.
        groups: For each feature the group with which it comes.

    Raises:
        EvaluationError: The objective has no loss for an amount, or a score is missing.
    """
    seed, decision = product.model.seed, product.decision
    train, calibrate, test = (rows.take(positions) for positions in (split.train, split.calibrate, split.test))
    of_train, of_calibrate, scores = (model.predict(part.matrix) for part in (train, calibrate, test))
    chosen = choose_amount(of_calibrate, calibrate.amounts, target, decision, calibrate.stake, calibrate.ruled)
    studied = Studied(
        train=train, test=test, train_scores=of_train, scores=scores, entity=entity, predict=model.predict,
        thresholds=(chosen.threshold,), groups=groups, decision=decision, seed=seed,
    )  # fmt: skip
    found = Predicted(target, test.amounts, scores, entity_draws(entity, test.y, seed=seed))
    explanation = explain(model.booster, test.matrix, test.columns, test.sources, seed=seed)
    figures, learned = found.figures(), measure_amounts(target, train.amounts, of_train)
    overfit = None if learned.skill is None else learned.skill - figures["skill"].value
    high = figures["skill"].high
    return AmountEvaluation(
        windows=split.to_dict(),
        train=learned,
        calibrate=measure_amounts(target, calibrate.amounts, of_calibrate),
        test=measure_amounts(target, test.amounts, scores),
        scorecard=measure_amounts(target, test.amounts, scorecard.apply(test.matrix)),
        chosen=chosen,
        tested=at_amount(chosen.threshold, scores, test.amounts, decision, test.stake, test.ruled),
        intervals=figures,
        deciles=deciles(test.amounts, scores),
        decile_error=decile_error(target, test.amounts, scores),
        groups=tuple(
            group_errors(found, one, test.protected[one.column], product.gates.min_group_rows)
            for one in product.protected
        ),
        slices=wrong_slices(test, scores, entity, max(20, product.gates.min_group_rows // 2)),
        explanation=explanation,
        second_opinion=lime.agreement(
            model.predict, test.matrix, explanation, test.sources, seed=seed, margin_of=margin_of(target)
        ),
        single_feature=best_single_feature(train.matrix, train.columns, train.sources, train.y),
        score_psi=population_stability(of_train, scores),
        explanation_agreement=explanation_agreement(explanation.contributions),
        flipped_share=flipped_share(model.predict, test.matrix, thresholds=(chosen.threshold,), seed=seed),
        steadiness=steadiness(explanation.contributions, seed),
        representativeness=representativeness(studied),
        comparison=None if champion is None else found.loss_increase(champion),
        overfit=overfit,
        overfit_low=None if overfit is None or high is None else overfit - (high - figures["skill"].value),
        serving_skew=_skew(served, scores),
        coverage=_covered(interval, test.amounts, scores),
        actual=test.amounts,
        predicted=scores,
        entities=int(entity.max()) + 1,
    )


def margin_of(target: Amount) -> lime.Margin:
    """From amounts to what the model adds up: the amount, or its logarithm."""

    def margin(amounts: NDArray[np.float64]) -> NDArray[np.float64]:
        if target.link == "identity":
            return amounts
        return np.asarray(np.log(np.maximum(amounts, np.finfo(np.float32).tiny)), dtype=np.float64)

    return margin


def _skew(served: NDArray[np.float64], scores: NDArray[np.float64]) -> float:
    return float(np.mean(np.abs(served - scores) / np.maximum(1.0, np.abs(scores)) > SKEW_TOLERANCE))


def _covered(
    interval: AmountInterval | None, actual: NDArray[np.float64], predicted: NDArray[np.float64]
) -> float | None:
    if interval is None:
        return None
    ends: Sequence[tuple[float, float]] = [interval.around(value) for value in predicted.tolist()]
    return float(np.mean([low <= value <= high for value, (low, high) in zip(actual.tolist(), ends, strict=True)]))
