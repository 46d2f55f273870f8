"""The study of a candidate: what lies behind the figures that evaluation judges.

Belongs here: the composition of the parts into a frozen `Study`, its JSON form and its gate signals. Does not belong
here: a part (the modules beside this one), the figures themselves (`assets.evaluation.evaluate`), the page
(`assets.evaluation.report`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from assets.evaluation.gates import GateSignals
from assets.evaluation.study.ablation import GroupWorth, ablation
from assets.evaluation.study.ageing import Ageing, ageing
from assets.evaluation.study.parts import Floats, Studied
from assets.evaluation.study.representative import Representativeness, representativeness
from assets.evaluation.study.robustness import Robustness, robustness
from assets.evaluation.study.slices import Slice, worst_slices
from assets.evaluation.study.steadiness import Steadiness, steadiness
from assets.metrics.profit import curve_of, earned_of
from assets.metrics.ranking import Metrics
from assets.metrics.resampling import GRID, Band, Figure, Interval, Sorted, band_of, bands, entity_draws, intervals

SKEW_TOLERANCE = 1e-4
"""Two probabilities that differ by more are not the same: single precision differs by far less."""


@dataclass(frozen=True, eq=False)
class Study:
    """The study of a candidate on its test rows.

    Attributes:
        entities: How many entities the rows are of.
        figures: Every figure with its interval, by resampling entities.
        curves: `roc`, `precision`, `observed` (by calibration bin) and `profit` (by share refused), with
            intervals.
        expected: float64 [bins], the mean probability of each calibration bin.
        ageing: By the time since the training; `None` for rows without time.
        slices: Where the model is wrong.
        robustness: What disturbed features do.
        groups: What each group of features gives.
        steadiness: Whether explanations hold on other rows; `None` where there is too little to compare.
        representativeness: Whether the training rows stand for the test rows.
        overfit: AUC on the training rows less AUC on the test rows; `overfit_low` is the lower end of its 95% interval.
        serving_skew: The share of test rows whose probability, as the bundle serves it, is another than the model's.
    """

    entities: int
    figures: Mapping[Figure, Interval]
    curves: Mapping[str, Band]
    expected: Floats
    ageing: Ageing | None
    slices: tuple[Slice, ...]
    robustness: tuple[Robustness, ...]
    groups: tuple[GroupWorth, ...]
    steadiness: Steadiness | None
    representativeness: Representativeness
    overfit: float
    overfit_low: float
    serving_skew: float

    @property
    def noise_flips(self) -> float:
        """The share of decisions that the least noise changes."""
        return next(one.flipped for one in self.robustness if one.kind == "noise")

    def told_to(self, signals: GateSignals) -> GateSignals:
        """The signals of the gates with those of this study."""
        return replace(
            signals,
            overfit=self.overfit_low,
            explanation_agreement=None if self.steadiness is None else self.steadiness.agreement,
            noise_flips=self.noise_flips,
            unseen_share=self.representativeness.outside,
            serving_skew=self.serving_skew,
            few_features=self.steadiness is None,
        )

    def to_dict(self) -> dict[str, object]:
        """Every figure, ready for JSON; no rows, and no curves, which are for the page alone."""
        return {
            "entities": self.entities,
            "figures": {name: one.to_dict() for name, one in self.figures.items()},
            "ageing": None if self.ageing is None else self.ageing.to_dict(),
            "slices": [one.to_dict() for one in self.slices],
            "robustness": [one.to_dict() for one in self.robustness],
            "groups": [one.to_dict() for one in self.groups],
            "steadiness": None if self.steadiness is None else self.steadiness.to_dict(),
            "representativeness": self.representativeness.to_dict(),
            "overfit": {"auc": self.overfit, "low": self.overfit_low},
            "serving_skew": self.serving_skew,
        }


def study_of(
    studied: Studied,
    *,
    train: Metrics,
    test: Metrics,
    contributions: Floats,
    importance: tuple[str, ...],
    served: Floats,
    trained_until: np.datetime64 | None,
) -> Study:
    """The study of a model.

    Args:
        train, test: Its figures on either part.
        contributions: SHAP values of test rows, float64 [rows, features].
        importance: Features, the most important first.
        served: float64 [test rows], the probabilities as the bundle serves them.
        trained_until: When the last row was decided from which the model learned; `None` for rows without time.

    Raises:
        EvaluationError: A part of the rows has one class only.
    """
    scored = Sorted.of(studied.test.y, studied.scores)
    draws = entity_draws(studied.entity, studied.test.y, seed=studied.seed)
    gap = train.auc - test.auc
    # The interval of a difference of two independent figures from theirs (Zou and Donner, 2008).
    reach = math.hypot(train.auc - train.auc_low, test.auc_high - test.auc)
    return Study(
        entities=int(studied.entity.max()) + 1,
        figures=intervals(scored, draws),
        curves={**bands(scored, draws), "profit": _profit(studied, draws)},
        expected=_expected(scored),
        ageing=None if trained_until is None else ageing(studied, trained_until),
        slices=worst_slices(studied),
        robustness=robustness(studied, importance),
        groups=ablation(studied),
        steadiness=steadiness(contributions, studied.seed),
        representativeness=representativeness(studied),
        overfit=gap,
        overfit_low=gap - reach,
        serving_skew=float(np.mean(np.abs(served - studied.scores) > SKEW_TOLERANCE)),
    )


def _expected(scored: Sorted) -> Floats:
    rows = np.bincount(scored.member)
    sums = np.bincount(scored.member, weights=scored.score)
    return np.asarray(sums / np.maximum(rows, 1), dtype=np.float64)


def _profit(studied: Studied, draws: list[Floats]) -> Band:
    """The profit by the share of rows that the score refuses, in the product's currency."""
    earned = earned_of(studied.test.y, studied.decision.profit, studied.test.stake)
    curve = curve_of(studied.scores, earned)
    order = np.argsort(-studied.scores, kind="stable")

    def at_grid(weight: Floats) -> Floats:
        w, gains = weight[order], earned[order] * weight[order]
        refused = np.append(0.0, np.cumsum(w)) / w.sum()
        left = gains.sum() - np.append(0.0, np.cumsum(gains))
        # A resample has more or fewer rows: its profit is that of as many as there are.
        return np.asarray(np.interp(GRID, refused, left) * len(w) / w.sum(), dtype=np.float64)

    return band_of(np.interp(GRID, curve.refused_share, curve.profit), [at_grid(weight) for weight in draws])
