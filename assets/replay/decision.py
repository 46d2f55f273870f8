"""Replay of a recorded decision.

Belongs here: comparing arm, score and outcome with those computed again. Does not belong here: computing them from the
logged features (`assets.serving.earlier.recorded`), the features from the lake (`features.py`), finding the record
(`assets.serving.log.decision_log`), fetching the bundle (`resources.rollout_store`).
"""

from dataclasses import dataclass

from assets.bundle.bundle import Bundle
from assets.bundle.scorer import Scorer
from assets.rollout.assignment import CHAMPION, assigned
from assets.serving.decision import Decision
from assets.serving.earlier.recorded import judged_again
from assets.vocabulary.base import WHOLE


@dataclass(frozen=True)
class Difference:
    """A recorded value that differs from the recomputed one."""

    name: str
    recorded: object
    computed: object


def replay(record: Decision, bundle: Bundle, scorer: Scorer | None = None) -> tuple[Difference, ...]:
    """Recomputes arm, rules, score, exploration, outcome and reasons from the record; compares them to the last bit.

    Inputs and features are those of the record. A decision that fell back to the scorecard or to the policy is
    recomputed with the same fallback.

    Args:
        scorer: The bundle's scorer, to replay many decisions with; by default one is built for this call.

    Returns:
        The differences; empty when the decision is identical.

    Raises:
        CannotReplay: The bundle is not the one that decided, or the subject's data were erased.
    """
    explain = any(reason.rule is None for reason in record.reasons)
    computed = judged_again(record, bundle, scorer, explain=explain)
    compared = {
        "score": (record.score, computed.score),
        "outcome": (record.outcome, computed.outcome),
        "threshold": (record.threshold, bundle.policy.threshold),
        "refer_threshold": (record.refer_threshold, bundle.policy.refer_threshold),
        "rules": (record.rules, tuple(rule.id for rule in computed.fired.active)),
        "shadow_rules": (record.shadow_rules, tuple(rule.id for rule in computed.fired.shadow)),
        "exploration": (record.exploration, bundle.policy.exploration),
        "explored": (record.explored, computed.explored),
        "reasons": (record.reasons, computed.reasons),
        "fallback": (record.fallback, computed.fallback),
        **_assignment(record),
    }
    return tuple(Difference(name, old, new) for name, (old, new) in compared.items() if old != new)


def _assignment(record: Decision) -> dict[str, tuple[object, object]]:
    """The recorded assignment, and what follows from rollout, entity and shares; nothing where none was asked."""
    if not record.arms:
        return {}
    keys = {name: value for name, value in record.keys.items() if name != WHOLE}
    number, share = assigned(f"{record.product}/{record.rollout}", list(keys.values()) or [record.row_id], record.arms)
    role = "champion" if number == CHAMPION else "challenger"
    version = record.bundle if number == CHAMPION else record.arms[number].version
    return {"role": (record.role, role), "share": (record.share, share), "bundle": (record.bundle, version)}
