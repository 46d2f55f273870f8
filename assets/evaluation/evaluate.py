"""All figures of one candidate.

Belongs here: the composition of the figures over one split into a frozen `Evaluation`, its JSON form, its gate signals
and its pictures. Does not belong here: computing a figure (the modules beside this one), reading tables.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assets.bundle.scorecard import Scorecard
from assets.evaluation import dependence_plot, importance_plot, lime, plots
from assets.evaluation.compare import Comparison, compare
from assets.evaluation.explain import Explanation, explain
from assets.evaluation.fairness.assessment import FairnessAssessment, assess_fairness
from assets.evaluation.fairness.figures import FairnessReport, assess
from assets.evaluation.fairness.pictures import intervals
from assets.evaluation.gates import GateSignals
from assets.evaluation.stability import explanation_agreement, flipped_share, population_stability
from assets.evaluation.study.study import Study
from assets.metrics.profit import ThresholdChoice, profit_curve
from assets.metrics.ranking import EvaluationError, Metrics, SingleFeature, best_single_feature, measure
from assets.metrics.review import OPEN, at_answers, choose_answers
from assets.product import DecisionPolicy, FairnessPolicy, GatePolicy, Profit, Protected
from assets.training.candidates import BoostedModel
from assets.training.rows.learning import TrainingRows
from assets.training.rows.split import Split
from resources.errors import listed


@dataclass(frozen=True, eq=False)
class Scored:
    """The arrays behind the figures; for pictures, not for JSON.

    Attributes:
        y, scores, scorecard_scores, stake: Arrays over the test rows, in the order of `Split.test`.
        training_scores: Scores of the training rows.
    """

    y: NDArray[np.int8]
    scores: NDArray[np.float64]
    scorecard_scores: NDArray[np.float64]
    stake: NDArray[np.float64] | None
    training_scores: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """All figures of the boosted model.

    Attributes:
        windows: The windows and row counts of the split.
        train, calibrate, test: Figures on each part; only those on the test rows are unbiased.
        scorecard: The baseline's figures on the test rows.
        chosen: The threshold with its profit on the calibration rows, where it was chosen.
        tested: The same threshold with its profit on the test rows, both with what rules answer of these rows.
        fairness: A report for each protected attribute, on the test rows at that threshold.
        explanation: SHAP values of a sample of the test rows.
        second_opinion: How far local surrogates (LIME) agree with the SHAP values.
        single_feature: The feature that alone ranks the training rows best.
        score_psi: Stability index of the score, training against test.
        explanation_agreement: Rank correlation of importances between halves of the test rows; `None` if undefined.
        flipped_share: Share of test decisions that noise of 1% changes.
        comparison: Comparison with the champion on the test rows; `None` for a first model.
        profit: The product's earnings and losses of a decision.
        scored: The arrays behind the figures.
        study: What lies behind them; `None` until it is made.
        assessment: Fairness by the product's policy, on the test rows; `None` for a product without one.
    """

    windows: Mapping[str, object]
    train: Metrics
    calibrate: Metrics
    test: Metrics
    scorecard: Metrics
    chosen: ThresholdChoice
    tested: ThresholdChoice
    fairness: tuple[FairnessReport, ...]
    explanation: Explanation
    second_opinion: lime.LimeAgreement
    single_feature: SingleFeature
    score_psi: float
    explanation_agreement: float | None
    flipped_share: float
    comparison: Comparison | None
    profit: Profit
    scored: Scored
    study: Study | None = None
    assessment: FairnessAssessment | None = None

    def to_dict(self) -> dict[str, object]:
        """Every figure, ready for JSON; no rows."""
        return {
            "windows": dict(self.windows),
            "metrics": {
                "train": self.train.to_dict(),
                "calibrate": self.calibrate.to_dict(),
                "test": self.test.to_dict(),
                "scorecard_test": self.scorecard.to_dict(),
            },
            "threshold": {"calibrate": self.chosen.to_dict(), "test": self.tested.to_dict()},
            "fairness": [report.to_dict() for report in self.fairness],
            "importance": self.explanation.table().to_pylist(),
            "single_feature": {"feature": self.single_feature.feature, "auc": self.single_feature.auc},
            "stability": {
                "score_psi": self.score_psi,
                "explanation_agreement": self.explanation_agreement,
                "flipped_share": self.flipped_share,
                **self.second_opinion.to_dict(),
            },
            "comparison": None if self.comparison is None else self.comparison.to_dict(),
            **({} if self.study is None else {"study": self.study.to_dict()}),
            **({} if self.assessment is None else {"fairness_policy": self.assessment.to_dict()}),
        }

    def signals(
        self,
        *,
        first_model: bool,
        future_features: float | None,
        latency_ms: float | None,
        bundle_mb: float | None,
    ) -> GateSignals:
        """The signals of the gates: those of the figures, and those that the caller gives.

        A model that is not the first and was not compared has no `champion_loss`, so its gate refuses the model; so do
        the gates of the study without one.
        """
        signals = GateSignals(
            auc=self.test.auc,
            calibration_error=self.test.calibration_error,
            profit_gain=self.tested.gain,
            champion_loss=None if self.comparison is None else self.comparison.high,
            slice_auc=_extreme([report.lowest_auc for report in self.fairness], largest=False),
            selection_ratio=_extreme([report.selection_ratio for report in self.fairness], largest=False),
            odds_gap=_extreme([report.odds_gap for report in self.fairness], largest=True),
            score_psi=self.score_psi,
            single_feature_auc=self.single_feature.auc,
            future_features=future_features,
            latency_ms=latency_ms,
            bundle_mb=bundle_mb,
            first_model=first_model,
            no_protected=not self.fairness,
            single_feature=self.single_feature.feature,
        )
        return signals if self.study is None else self.study.told_to(signals)


def evaluate_model(
    rows: TrainingRows,
    split: Split,
    model: BoostedModel,
    scorecard: Scorecard,
    *,
    decision: DecisionPolicy,
    protected: Sequence[Protected],
    gates: GatePolicy,
    seed: int,
    champion_scores: NDArray[np.float64] | None = None,
    fairness: FairnessPolicy | None = None,
    entities: NDArray[np.generic] | None = None,
) -> Evaluation:
    """Evaluates the boosted model on the test rows, at the thresholds chosen on the calibration rows.

    Profit and fairness are those of the answers: of score and rules together, and a referred row is not accepted. Every
    other figure is the model's, over all rows.

    Args:
        rows: All labelled rows.
        split: The split that the model was trained with.
        model: The model to evaluate.
        scorecard: Its baseline, with the same columns.
        decision: The policy whose `profit` and `max_refused` choose the threshold.
        protected: Attributes among `rows.protected`.
        gates: The policy whose `min_group_rows` decides which groups are judged.
        seed: Seed of every bootstrap and sample.
        champion_scores: float64 [test rows], the champion's scores in the order of `split.test`.
        fairness: The policy of fairness; `None` measures the groups alone.
        entities: Whose row each is [test rows]; `None` where each row is of another.

    Raises:
        EvaluationError: A protected attribute or a champion's score is missing, or a part has rows of one class only.
    """
    missing = [attribute.column for attribute in protected if attribute.column not in rows.protected]
    if missing:
        raise EvaluationError(
            f"protected {listed(missing)} are not among the rows' {listed(sorted(rows.protected))}; pass protected= to "
            "assemble"
        )
    train, calibrate, test = (rows.take(positions) for positions in (split.train, split.calibrate, split.test))
    train_scores, calibrate_scores, scores = (model.predict(sample.matrix) for sample in (train, calibrate, test))
    scorecard_scores = scorecard.apply(test.matrix)
    chosen = choose_answers(
        calibrate_scores, calibrate.y, decision, calibrate.stake, ruled=calibrate.ruled, days=calibrate.span_days
    )
    explanation = explain(model.booster, test.matrix, test.columns, test.sources, seed=seed)
    return Evaluation(
        windows=split.to_dict(),
        train=measure(train.y, train_scores, seed=seed),
        calibrate=measure(calibrate.y, calibrate_scores, seed=seed),
        test=measure(test.y, scores, seed=seed),
        scorecard=measure(test.y, scorecard_scores, seed=seed),
        chosen=chosen,
        tested=at_answers(chosen, scores, test.y, decision, test.stake, ruled=test.ruled),
        fairness=tuple(
            assess(
                attribute,
                test.protected[attribute.column],
                y=test.y,
                scores=scores,
                threshold=chosen.refer_from,
                ruled=None if test.ruled is None else test.ruled != OPEN,
                min_group_rows=gates.min_group_rows,
            )
            for attribute in protected
        ),
        explanation=explanation,
        second_opinion=lime.agreement(model.predict, test.matrix, explanation, test.sources, seed=seed),
        single_feature=best_single_feature(train.matrix, train.columns, train.sources, train.y),
        score_psi=population_stability(train_scores, scores),
        explanation_agreement=explanation_agreement(explanation.contributions),
        flipped_share=flipped_share(
            model.predict, test.matrix, thresholds=(chosen.refer_from, chosen.threshold), seed=seed
        ),
        comparison=_compared(test.y, champion_scores, scores, seed),
        profit=decision.profit,
        scored=Scored(test.y, scores, scorecard_scores, test.stake, train_scores),
        assessment=assess_fairness(
            fairness, protected, train, test, model,
            scores=scores, threshold=chosen.refer_from, min_group_rows=gates.min_group_rows, seed=seed,
            entities=entities,
        ),
    )  # fmt: skip


def draw(evaluation: Evaluation) -> dict[str, bytes]:
    """The pictures of an evaluation, PNG bytes by name; "fairness" only where there is a protected attribute."""
    scored = evaluation.scored
    curve = profit_curve(scored.scores, scored.y, evaluation.profit, scored.stake)
    pictures = {
        "ranking": plots.ranking(scored.y, scored.scores, scored.scorecard_scores),
        "calibration": plots.calibration(scored.y, scored.scores),
        "profit": plots.profit(curve, evaluation.tested),
        "importance": importance_plot.importance(evaluation.explanation),
        "dependence": dependence_plot.dependence(evaluation.explanation),
        "scores": plots.score_distribution(
            scored.y, scored.scores, scored.training_scores, evaluation.chosen.threshold, evaluation.score_psi
        ),
    }
    if evaluation.fairness:
        pictures["fairness"] = plots.fairness(evaluation.fairness)
    if evaluation.assessment is not None:
        pictures["fairness_intervals"] = intervals(evaluation.assessment)
    return pictures


def _compared(
    y: NDArray[np.int8], champion: NDArray[np.float64] | None, challenger: NDArray[np.float64], seed: int
) -> Comparison | None:
    if champion is None:
        return None
    return compare(y, champion=champion, challenger=challenger, seed=seed)


def _extreme(values: Sequence[float | None], *, largest: bool) -> float | None:
    """The largest or smallest value; unknown (`None`) if any value is unknown or there is no value."""
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return None
    return max(known) if largest else min(known)
