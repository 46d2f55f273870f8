"""Checks of evaluation: each gate, as a blocking check.

Belongs here: the specs and results of the checks. Does not belong here: the gates (`gates.py`).
"""

from collections.abc import Sequence

import dagster as dg

from assets.evaluation.fairness.gate_names import fairness_gate_names
from assets.evaluation.gates import GateResult, GateVerdict
from assets.product import FairnessPolicy


def gate_checks(
    key: dg.AssetKey, gates: Sequence[GateResult], fairness: FairnessPolicy | None = None
) -> Sequence[dg.AssetCheckSpec]:
    """A blocking check for each gate that is known; a model that fails one goes no further."""
    known = [(gate.name, gate.comparison, gate.threshold) for gate in gates]
    return [
        dg.AssetCheckSpec(name, asset=key, blocking=True, description=f"{comparison.replace('_', ' ')} {threshold:g}")
        for name, comparison, threshold in (*known, *fairness_gate_names(fairness))
    ]


def gate_results(verdict: GateVerdict) -> Sequence[dg.AssetCheckResult]:
    """The result of each gate, with value and threshold. A gate that was not asked stops nothing, and says so."""
    return [
        dg.AssetCheckResult(
            check_name=gate.name,
            passed=gate.passed is not False,
            severity=dg.AssetCheckSeverity.ERROR,
            description=gate.reason,
            metadata={
                "threshold": gate.threshold,
                "comparison": gate.comparison,
                **({} if gate.value is None else {"value": gate.value}),
                **({"not_asked": True} if gate.passed is None else {}),
            },
        )
        for gate in verdict.results
    ]
