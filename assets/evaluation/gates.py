"""The gates: may this model be promoted?

Belongs here: the pure decision from signals and the product's policy to a verdict with reasons. Does not belong here:
computing a signal (`evaluate.py`). A signal that is missing or not finite never passes.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from assets.product import GatePolicy, Verdict

Bound = Literal["at_least", "at_most"]
Action = Literal["promote", "refuse"]


@dataclass(frozen=True)
class GateSignals:
    """The signals of a model before its promotion; `None`, the default, is unknown and refuses.

    Attributes:
        auc: AUC on the test rows.
        calibration_error: Expected calibration error on the test rows.
        profit_gain: Relative gain in profit over accepting everybody, on the test rows.
        champion_loss: Upper end of the 95% interval of (champion AUC - challenger AUC).
        slice_auc: The lowest AUC of a judged group.
        selection_ratio: The lowest ratio of accepted shares, over all protected attributes.
        odds_gap: The largest equalised odds difference, over all protected attributes.
        score_psi: Stability index of the score, training against test.
        single_feature_auc: AUC of the feature that ranks best alone.
        future_features: How many features do not follow from the events known at the decision.
        latency_ms: 99th percentile of one decision's processor time.
        bundle_mb: Size of the bundle.
        overfit: Lower end of the 95% interval of (AUC on the training rows - AUC on the test rows).
        explanation_agreement: Rank correlation of importances between random halves of the test rows.
        noise_flips: Share of decisions that noise of 1% changes.
        unseen_share: Share of test rows such as hardly occur among the training rows.
        serving_skew: Share of test rows to which the bundle, as it is served, gives another probability.
        first_model: Whether there is no champion to compare with.
        no_protected: Whether the product declares no protected attribute.
        single_feature: The name of the feature that ranks best alone, for the reason.
        few_features: Whether there are too few features, or rows, to compare explanations.
    """

    auc: float | None = None
    calibration_error: float | None = None
    profit_gain: float | None = None
    champion_loss: float | None = None
    slice_auc: float | None = None
    selection_ratio: float | None = None
    odds_gap: float | None = None
    score_psi: float | None = None
    single_feature_auc: float | None = None
    future_features: float | None = None
    latency_ms: float | None = None
    bundle_mb: float | None = None
    overfit: float | None = None
    explanation_agreement: float | None = None
    noise_flips: float | None = None
    unseen_share: float | None = None
    serving_skew: float | None = None
    first_model: bool = False
    no_protected: bool = False
    single_feature: str = ""
    few_features: bool = False


@dataclass(frozen=True)
class GateResult:
    """The result of one gate.

    Attributes:
        value: `None` where the signal was missing or not finite, and where the gate was not asked.
        passed: `None` where the gate was not asked: there is nothing that it could judge.
    """

    name: str
    value: float | None
    threshold: float
    comparison: Bound
    passed: bool | None
    reason: str

    def to_dict(self) -> dict[str, object]:
        """Ready for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class GateVerdict(Verdict[Action]):
    """Whether a model may be promoted, which needs every gate that was asked.

    Attributes:
        reasons: The reasons of the gates that failed; if none failed, one sentence on those that passed and those that
            were not asked.
        results: Every gate's result.
    """

    results: tuple[GateResult, ...]

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {**super().to_dict(), "results": [result.to_dict() for result in self.results]}


@dataclass(frozen=True)
class _Gate:
    """One comparison of a signal with its threshold, and the words for both."""

    name: str
    signal: str
    value: float | None
    comparison: Bound
    threshold: float
    hint: str = ""


Gate = _Gate


def evaluate(signals: GateSignals, policy: GatePolicy, more: tuple[GateResult, ...] = ()) -> GateVerdict:
    """Judges every gate, in a fixed order, even after another gate failed; `more` are results of a product's own."""
    judged = (judge_gate(gate, nothing_to_judge(gate.name, signals)) for gate in gates_of(signals, policy))
    return verdict_of((*judged, *more))


def verdict_of(results: tuple[GateResult, ...]) -> GateVerdict:
    """The verdict that follows from the results of all gates."""
    failed = tuple(result.reason for result in results if result.passed is False)
    if failed:
        return GateVerdict("refuse", failed, results)
    not_asked = [result.name for result in results if result.passed is None]
    rest = f"; not asked: {', '.join(not_asked)}" if not_asked else ""
    return GateVerdict("promote", (f"all {len(results) - len(not_asked)} gates passed{rest}",), results)


def gates_of(signals: GateSignals, policy: GatePolicy) -> tuple[_Gate, ...]:
    """The gates of a binary target; some mean the same for an amount (`assets.evaluation.amounts.gates.SHARED`)."""
    alone = f" ('{signals.single_feature}')" if signals.single_feature else ""
    leak = "a leak of the label is suspected"
    return (
        _Gate("auc", "AUC on the test rows", signals.auc, "at_least", policy.min_auc),
        _Gate("auc_not_too_good", "AUC on the test rows", signals.auc, "at_most", policy.max_auc, leak),
        _Gate(
            "calibration_error",
            "expected calibration error",
            signals.calibration_error,
            "at_most",
            policy.max_calibration_error,
        ),
        _Gate(
            "profit_gain",
            "relative gain in profit over accepting everybody",
            signals.profit_gain,
            "at_least",
            policy.min_profit_gain,
        ),
        _Gate(
            "champion_comparison",
            "AUC lost against the champion (upper end of the 95% interval)",
            signals.champion_loss,
            "at_most",
            policy.max_champion_loss,
        ),
        _Gate("slice_auc", "lowest AUC of a group", signals.slice_auc, "at_least", policy.min_slice_auc),
        _Gate(
            "selection_ratio",
            "lowest acceptance rate of a group over the highest",
            signals.selection_ratio,
            "at_least",
            policy.min_selection_ratio,
        ),
        _Gate(
            "odds_gap",
            "largest gap between groups in true or false positive rate",
            signals.odds_gap,
            "at_most",
            policy.max_odds_gap,
        ),
        _Gate(
            "score_stability",
            "stability index of the score, training against test",
            signals.score_psi,
            "at_most",
            policy.max_score_psi,
        ),
        _Gate(
            "single_feature_auc",
            f"AUC of the best feature alone{alone}",
            signals.single_feature_auc,
            "at_most",
            policy.max_single_feature_auc,
            leak,
        ),
        _Gate(
            "future_features",
            "features that do not follow from the events known at the decision",
            signals.future_features,
            "at_most",
            0.0,
            leak,
        ),
        _Gate(
            "latency_ms",
            "99th percentile of one decision's processor time, in ms,",
            signals.latency_ms,
            "at_most",
            policy.max_latency_ms,
        ),
        _Gate("bundle_mb", "size of the bundle, MB", signals.bundle_mb, "at_most", policy.max_bundle_mb),
        *_of_study(signals, policy),
    )


def _of_study(signals: GateSignals, policy: GatePolicy) -> tuple[_Gate, ...]:
    return (
        _Gate(
            "overfit",
            "AUC on the training rows above that on the test rows (lower end of the 95% interval)",
            signals.overfit,
            "at_most",
            policy.max_overfit,
            "the model has learned rows by heart",
        ),
        _Gate(
            "explanation_stability",
            "rank correlation of importances between halves of the test rows",
            signals.explanation_agreement,
            "at_least",
            policy.min_explanation_agreement,
        ),
        _Gate(
            "noise_flips",
            "share of decisions that noise of 1% changes",
            signals.noise_flips,
            "at_most",
            policy.max_noise_flips,
        ),
        _Gate(
            "unseen_rows",
            "share of test rows such as hardly occur among the training rows",
            signals.unseen_share,
            "at_most",
            policy.max_unseen_share,
        ),
        _Gate(
            "serving_skew",
            "share of test rows to which the served bundle gives another probability than the trained model",
            signals.serving_skew,
            "at_most",
            policy.max_serving_skew,
        ),
    )


_OF_GROUPS = ("slice_auc", "selection_ratio", "odds_gap")
"""The gates that compare groups of a protected attribute."""


def judge_gate(gate: _Gate, nothing: str) -> GateResult:
    """The result of a gate.

    Args:
        nothing: Why it is not asked; empty if it is.
    """
    if nothing:
        return GateResult(gate.name, None, gate.threshold, gate.comparison, None, f"{gate.name}: not asked: {nothing}")
    if gate.value is None or not math.isfinite(gate.value):
        reason = f"{gate.name}: {gate.signal} is unknown ({gate.value}); an unknown value does not pass"
        return GateResult(gate.name, None, gate.threshold, gate.comparison, False, reason)
    passed = gate.value >= gate.threshold if gate.comparison == "at_least" else gate.value <= gate.threshold
    bar = f"{'at least' if gate.comparison == 'at_least' else 'at most'} {gate.threshold:.4g}"
    reason = f"{gate.name}: {gate.signal} is {gate.value:.4g}; {bar} is {'met' if passed else 'required'}"
    if not passed and gate.hint:
        reason = f"{reason}: {gate.hint}"
    return GateResult(gate.name, gate.value, gate.threshold, gate.comparison, passed, reason)


def nothing_to_judge(name: str, signals: GateSignals) -> str:
    """Why a gate is not asked; empty if it is."""
    if name == "champion_comparison" and signals.first_model:
        return "this is the first model, so there is no champion to compare with"
    if name in _OF_GROUPS and signals.no_protected:
        return "no protected attribute is declared, so there are no groups to compare"
    if name == "explanation_stability" and signals.few_features:
        return "there are fewer than three features, or twenty rows, whose importance could be compared"
    return ""
