"""The gates of a product before anything was measured.

Belongs here: their names and thresholds by the kind of target, from modules that load at once. Does not belong here:
measuring (`targets.py`), judging (`gates.py`, `amounts.gates`).
"""

from assets.evaluation.amounts.gates import AmountSignals, evaluate_amount_gates
from assets.evaluation.gates import GateResult, GateSignals, evaluate
from assets.product import AmountGates, GatePolicy


def known_gates(policy: GatePolicy) -> tuple[GateResult, ...]:
    """The gates that a policy asks for, with their thresholds, before anything was measured."""
    if isinstance(policy, AmountGates):
        return evaluate_amount_gates(AmountSignals(), policy).results
    return evaluate(GateSignals(), policy).results
