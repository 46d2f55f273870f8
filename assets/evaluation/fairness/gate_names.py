"""The names and bounds of the gates that a policy of fairness adds.

Belongs here: what is known of them before any row is. Does not belong here: their verdicts (`limits.py`); every process
that lists the checks of a product reads this module, so it imports no library that takes seconds to load.
"""

from typing import NamedTuple

from assets.evaluation.gates import Bound
from assets.product import FairnessPolicy, Limit

PROXIES = "proxies"


class GateName(NamedTuple):
    """One gate: its name, and the bound that it holds a value to."""

    name: str
    comparison: Bound
    threshold: float


def gate_name(jurisdiction: str, limit: Limit) -> GateName:
    """The gate of a jurisdiction's limit."""
    bar: Bound = "at_least" if limit.measure == "selection_ratio" else "at_most"
    return GateName(f"{jurisdiction}_{limit.measure}", bar, limit.bound)


def fairness_gate_names(policy: FairnessPolicy | None) -> tuple[GateName, ...]:
    """The gates of a policy, in the order in which `limits.fairness_gates` judges them; none without a policy."""
    if policy is None:
        return ()
    limits = tuple(gate_name(place.name, limit) for place in policy.jurisdictions for limit in place.limits)
    return limits if policy.proxies is None else (*limits, GateName(PROXIES, "at_most", policy.proxies.max_gap))
