"""Replay of a recorded decision.

Belongs here: recomputing score and outcome from the logged features with the bundle that decided, and comparing. Does
not belong here: recomputing the features from the lake (`features.py`), finding the record
(`assets.serving.decision_log`), fetching the bundle (`resources.rollout_store`).
"""

from dataclasses import dataclass

from assets.bundle.bundle import Bundle
from assets.bundle.scorer import Scorer
from assets.features.kernel.rows import Value
from assets.serving.decision import Decision
from assets.serving.judgement import Case, Judgement, judge, knocked_out, undecided
from assets.vocabulary import FeatureSet
from resources.errors import LooplineError


class CannotReplay(LooplineError):
    """The record lacks a field that the replay needs, or is of another bundle; the message says which."""


@dataclass(frozen=True)
class Difference:
    """A recorded value that differs from the recomputed one."""

    name: str
    recorded: object
    computed: object


def replay(record: Decision, bundle: Bundle, scorer: Scorer | None = None) -> tuple[Difference, ...]:
    """Recomputes rules, score, exploration, outcome and reasons from the record and compares them to the last bit.

    Inputs and features are those of the record. A decision that fell back to the scorecard or to the policy is
    recomputed with the same fallback.

    Args:
        scorer: The bundle's scorer, to replay many decisions with; by default one is built for this call.

    Returns:
        The differences; empty when the decision is identical.

    Raises:
        CannotReplay: The bundle is not the one that decided, or the subject's data were erased.
    """
    if record.digest != bundle.digest:
        raise CannotReplay(
            f"decision {record.id} was made by bundle {record.bundle} with digest {record.digest[:12]}, not by "
            f"{bundle.version} with {bundle.digest[:12]}; fetch the bundle that decided"
        )
    if record.erased:
        raise CannotReplay(f"decision {record.id} cannot be replayed: its subject's data were erased")
    computed = _recomputed(record, bundle, scorer)
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
    }
    return tuple(Difference(name, old, new) for name, (old, new) in compared.items() if old != new)


def _recomputed(record: Decision, bundle: Bundle, scorer: Scorer | None) -> Judgement:
    case = Case(record.row_id, record.as_of, record.inputs)
    knocked = knocked_out(bundle, case)
    if knocked is not None:
        return knocked
    if record.fallback == "policy":
        return undecided(bundle, case, record.features, record.problem or "")
    row = _feature_row(record, bundle.parts.kernel.features)
    explain = any(reason.rule is None for reason in record.reasons)
    return judge(scorer or Scorer(bundle), row, case, explain=explain, model_works=record.fallback is None)


def _feature_row(record: Decision, features: FeatureSet) -> dict[str, Value]:
    """The recorded features, as the kernel gives them.

    Raises:
        CannotReplay: The recorded features are not those of the bundle.
    """
    if set(record.features) != set(features.names):
        differing = sorted(set(record.features) ^ set(features.names))
        raise CannotReplay(f"decision {record.id}: its features differ from the bundle's in {differing}")
    return {name: record.features[name] for name in features.names}
