"""A recorded decision, judged again from what its record holds.

Belongs here: rules, score, outcome and reasons computed from the recorded inputs and features by the bundle that
decided. Does not belong here: comparing them with the record (`assets.replay.decision`), finding record and bundle
(`explainer.py`).
"""

from assets.bundle.bundle import Bundle
from assets.bundle.scorer import Scorer
from assets.features.kernel.rows import Value
from assets.serving.decision import CannotReplay, Decision
from assets.serving.judgement import Case, Judgement, judge, knocked_out, undecided
from assets.vocabulary import FeatureSet


def judged_again(record: Decision, bundle: Bundle, scorer: Scorer | None = None, *, explain: bool) -> Judgement:
    """Rules, score, outcome and reasons from the record, with the fallback of the record if it has one.

    Args:
        scorer: The bundle's scorer; by default one is built for this call.
        explain: Give the score's reasons for an accepted decision too.

    Raises:
        CannotReplay: The bundle is not the one that decided, the subject's data were erased, or the recorded features
            are not those of the bundle.
    """
    if record.digest != bundle.digest:
        raise CannotReplay(
            f"decision {record.id} was made by bundle {record.bundle} with digest {record.digest[:12]}, not by "
            f"{bundle.version} with {bundle.digest[:12]}; fetch the bundle that decided"
        )
    if record.erased:
        raise CannotReplay(f"decision {record.id} cannot be replayed: its subject's data were erased")
    case = Case(record.row_id, record.as_of, record.inputs, record.keys)
    knocked = knocked_out(bundle, case)
    if knocked is not None:
        return knocked
    if record.fallback == "policy":
        return undecided(bundle, case, record.features, record.problem or "")
    row = _feature_row(record, bundle.parts.kernel.features)
    return judge(scorer or Scorer(bundle), row, case, explain=explain, model_works=record.fallback is None)


def _feature_row(record: Decision, features: FeatureSet) -> dict[str, Value]:
    """The recorded features, as the kernel gives them."""
    if set(record.features) != set(features.names):
        differing = sorted(set(record.features) ^ set(features.names))
        raise CannotReplay(f"decision {record.id}: its features differ from the bundle's in {differing}")
    return {name: record.features[name] for name in features.names}
