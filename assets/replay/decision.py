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
from assets.serving.engine import Judgement, judge, undecided
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
    """Recomputes score, outcome and reasons from the recorded features and compares them to the last bit.

    A decision that fell back to the scorecard or to the policy is recomputed with the same fallback.

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
        "reasons": (record.reasons, computed.reasons),
        "fallback": (record.fallback, computed.fallback),
    }
    return tuple(Difference(name, old, new) for name, (old, new) in compared.items() if old != new)


def _recomputed(record: Decision, bundle: Bundle, scorer: Scorer | None) -> Judgement:
    if record.fallback == "policy":
        return undecided(bundle, record.problem or "")
    row = _feature_row(record, bundle.parts.kernel.features)
    explain = bool(record.reasons)
    return judge(scorer or Scorer(bundle), row, explain=explain, model_works=record.fallback is None)


def _feature_row(record: Decision, features: FeatureSet) -> dict[str, Value]:
    """The recorded features, as the kernel gives them.

    Raises:
        CannotReplay: The recorded features are not those of the bundle.
    """
    if set(record.features) != set(features.names):
        differing = sorted(set(record.features) ^ set(features.names))
        raise CannotReplay(f"decision {record.id}: its features differ from the bundle's in {differing}")
    return {name: record.features[name] for name in features.names}
