"""The gates of a model of an amount: may it be promoted?

Belongs here: the gates in the metrics of an amount. Does not belong here: those that mean the same for every kind of
target, and how a gate is judged (`assets.evaluation.gates`), computing a signal (`judged.py`).
"""

from dataclasses import dataclass, field, replace

from assets.evaluation.gates import Gate, GateSignals, GateVerdict, gates_of, judge_gate, nothing_to_judge, verdict_of
from assets.product.policies.amount_gates import AmountGates

SHARED = (
    "profit_gain", "score_stability", "single_feature_auc", "future_features", "latency_ms", "bundle_mb",
    "explanation_stability", "noise_flips", "unseen_rows", "serving_skew",
)  # fmt: skip
"""The gates that mean the same whatever the target is."""
_WORDS = {
    "serving_skew": "share of test rows to which the served bundle gives another amount than the trained model",
    "single_feature_auc": "AUC with which the best feature alone tells the larger half of the amounts",
}
_LEAK = "a leak of the label is suspected"


@dataclass(frozen=True)
class AmountSignals:
    """The signals of a model of an amount; `None`, the default, is unknown and refuses.

    Attributes:
        skill: Share of the loss of the best constant that the model saves.
        skill_low: The lower end of its interval.
        mean_error, decile_error: See `AmountGates`.
        loss_increase: Upper end of the interval of the loss above the champion's.
        overfit: Lower end of the interval of the skill lost from training to test rows.
        group_error: The largest certain error of a judged group.
        shared: The signals of the gates in `SHARED`.
    """

    skill: float | None = None
    skill_low: float | None = None
    mean_error: float | None = None
    decile_error: float | None = None
    loss_increase: float | None = None
    overfit: float | None = None
    group_error: float | None = None
    shared: GateSignals = field(default_factory=GateSignals)


def evaluate_amount_gates(signals: AmountSignals, policy: AmountGates) -> GateVerdict:
    """Judges every gate, in a fixed order, even after another gate failed."""
    own = (judge_gate(gate, _nothing(gate.name, signals.shared)) for gate in _gates(signals, policy))
    shared = [_worded(gate) for gate in gates_of(signals.shared, policy) if gate.name in SHARED]
    return verdict_of((*own, *(judge_gate(gate, nothing_to_judge(gate.name, signals.shared)) for gate in shared)))


def _worded(gate: Gate) -> Gate:
    """A shared gate in the words of an amount, where those of a probability would not be true."""
    return replace(gate, signal=_WORDS.get(gate.name, gate.signal))


def _nothing(name: str, shared: GateSignals) -> str:
    """Why a gate is not asked; empty if it is."""
    if name == "group_error" and shared.no_protected:
        return "no protected attribute is declared, so there are no groups to compare"
    return nothing_to_judge(name, shared)


def _gates(signals: AmountSignals, policy: AmountGates) -> tuple[Gate, ...]:
    return (
        Gate("skill", "share of the loss of the best constant that is saved", signals.skill, "at_least",
             policy.min_skill),
        Gate("better_than_constant", "the same share (lower end of the 95% interval)", signals.skill_low, "at_least",
             0.0),
        Gate("skill_not_too_good", "share of the loss of the best constant that is saved", signals.skill, "at_most",
             policy.max_skill, _LEAK),
        Gate("mean_calibration", "error of the predictions in the mean, as a share,", signals.mean_error, "at_most",
             policy.max_mean_error),
        Gate("decile_calibration", "mean error of the worst tenth by prediction, as a share of the mean amount,",
             signals.decile_error, "at_most", policy.max_decile_error),
        Gate("champion_comparison", "loss above the champion's, as a share (upper end of the 95% interval),",
             signals.loss_increase, "at_most", policy.max_loss_increase),
        Gate("overfit", "skill on the training rows above that on the test rows (lower end of the 95% interval)",
             signals.overfit, "at_most", policy.max_overfit_loss, "the model has learned rows by heart"),
        Gate("group_error", "mean error of a protected group beyond chance, as a share,", signals.group_error,
             "at_most", policy.max_group_error),
    )  # fmt: skip
