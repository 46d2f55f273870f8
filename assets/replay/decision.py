"""Making a recorded decision again.

Belongs here: the comparison of a record with what its bundle says today of the features that were logged. Does not
belong here: computing these features again from the lake (`features.py`), finding the record
(`assets.serving.decision_log`) and fetching the bundle (`resources.rollout_store`).
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
    """The record does not hold what a replay needs, or is another bundle's; the message says which."""


@dataclass(frozen=True)
class Difference:
    """A part of the decision that came out otherwise."""

    name: str
    recorded: object
    computed: object


@dataclass(frozen=True)
class ReplayResult:
    """Whether the decision came out the same, to the last bit.

    Attributes:
        differences: Empty when it did.
    """

    decision_id: str
    differences: tuple[Difference, ...]


def replay(record: Decision, bundle: Bundle, scorer: Scorer | None = None) -> ReplayResult:
    """Computes score, outcome and reasons again from the recorded features and compares exactly.

    A decision that fell back to the scorecard is compared with the scorecard, one that fell back to the policy with it.

    Args:
        scorer: The bundle's, where many decisions are replayed; one is made for the call without it.

    Raises:
        CannotReplay: The bundle is not the one that decided, or the subject's data were erased.
    """
    if record.digest != bundle.digest:
        raise CannotReplay(
            f"decision {record.id} was made by bundle {record.bundle} with digest {record.digest[:12]}, not by "
            f"{bundle.version} with {bundle.digest[:12]}; fetch the one that decided"
        )
    if record.erased:
        raise CannotReplay(f"decision {record.id} cannot be replayed: its subject's data were erased")
    computed = _judged(record, bundle, scorer)
    compared = {
        "score": (record.score, computed.score),
        "outcome": (record.outcome, computed.outcome),
        "threshold": (record.threshold, bundle.policy.threshold),
        "reasons": (record.reasons, computed.reasons),
        "fallback": (record.fallback, computed.fallback),
    }
    differences = tuple(Difference(name, old, new) for name, (old, new) in compared.items() if old != new)
    return ReplayResult(decision_id=record.id, differences=differences)


def _judged(record: Decision, bundle: Bundle, scorer: Scorer | None) -> Judgement:
    if record.fallback == "policy":
        return undecided(bundle, record.problem or "")
    row = _feature_row(record, bundle.parts.kernel.features)
    explain = bool(record.reasons)
    return judge(scorer or Scorer(bundle), row, explain=explain, model_works=record.fallback is None)


def _feature_row(record: Decision, features: FeatureSet) -> dict[str, Value]:
    """The recorded features, as the kernel gives them.

    Raises:
        CannotReplay: The record lacks a feature or has one more.
    """
    if set(record.features) != set(features.names):
        strange = sorted(set(record.features) ^ set(features.names))
        raise CannotReplay(f"decision {record.id}: its features differ from the bundle's in {strange}")
    return {name: record.features[name] for name in features.names}
