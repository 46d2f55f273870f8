"""The leakage audit: may a model learn from these rows?

Belongs here: the evidence of each feature, the findings that follow from it, and the pure verdict. Does not belong
here: measuring (`recompute.py`, `label_evidence.py`, `assets.metrics.ranking`), asset checks (`checks.py`).

Three questions are the three checks of the training set: do the features follow from the events known at the time
(`follows_from_the_past`), does a feature reveal when the outcome came (`label_timing`), does a feature alone reveal the
outcome (`label_proxy`)?
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from assets.product import GatePolicy, Verdict
from assets.training.leakage.recompute import ChangedValue

LeakageCheck = Literal["follows_from_the_past", "label_timing", "label_proxy"]
AuditAction = Literal["train", "refuse"]

CHECKS: Mapping[LeakageCheck, str] = {
    "follows_from_the_past": "Sampled rows, recomputed from the events known at the time, are equal bit for bit.",
    "label_timing": "No feature reveals how long after the decision the outcome came.",
    "label_proxy": "No feature alone is, or nearly is, the label.",
}
_SUSPECT = "a leak of the label is suspected"


@dataclass(frozen=True)
class FeatureEvidence:
    """The measurements of one feature.

    Attributes:
        auc: AUC of the feature alone, at least 0.5; `None` is unknown, and refuses.
        information: Share of the label's entropy that it explains; `None` is unknown, and refuses.
        timing: Rank correlation with the days to the outcome; `None` where it cannot be computed.
        changed: Its values in sampled rows that do not follow from the events known at the time.
    """

    feature: str
    auc: float | None
    information: float | None
    timing: float | None
    changed: tuple[ChangedValue, ...] = ()


@dataclass(frozen=True)
class AuditEvidence:
    """The measurements of a training set.

    Attributes:
        product: Its name, for the remedy.
        rows: How many rows were recomputed.
        wanted: How many rows were sampled.
    """

    product: str
    rows: int
    wanted: int
    features: tuple[FeatureEvidence, ...]


@dataclass(frozen=True)
class LeakageFinding:
    """One reason not to train: the check, the feature, its value and limit, and a sentence with the remedy."""

    check: LeakageCheck
    feature: str
    value: float | None
    threshold: float
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


def leakage_findings(evidence: AuditEvidence, policy: GatePolicy) -> tuple[LeakageFinding, ...]:
    """All reasons not to train, ordered by check, then by feature."""
    if not evidence.wanted:
        return (_unlabelled("no row has a known label yet", evidence),)
    if all(feature.auc is None and feature.information is None for feature in evidence.features):
        # One reason, not one for each feature; what does not depend on labels is judged once there are some.
        return (_unlabelled("every row with a known label has the same one", evidence),)
    findings = [_not_recomputed(evidence)] if evidence.rows < evidence.wanted or not evidence.rows else []
    for feature in evidence.features:
        findings += _changed(feature, evidence)
    for feature in evidence.features:
        findings += _timing(feature, policy)
    for feature in evidence.features:
        findings += _proxy(feature, policy)
    return tuple(findings)


def leakage_verdict(evidence: AuditEvidence, policy: GatePolicy) -> Verdict[AuditAction]:
    """Whether a model may be trained; any finding refuses."""
    findings = leakage_findings(evidence, policy)
    if findings:
        return Verdict("refuse", tuple(finding.reason for finding in findings))
    passed = f"{evidence.rows} recomputed rows are equal, and none of {len(evidence.features)} features is a proxy"
    return Verdict("train", (passed,))


def _unlabelled(why: str, evidence: AuditEvidence) -> LeakageFinding:
    reason = (
        f"{why}: no feature can be measured against it. Train once labels have matured, on more days: loopline run "
        f"{evidence.product} --from DAY --to DAY"
    )
    return LeakageFinding("label_proxy", "", None, 0.0, reason)


def _not_recomputed(evidence: AuditEvidence) -> LeakageFinding:
    reason = (
        f"only {evidence.rows} of {evidence.wanted} sampled rows could be recomputed: the others are no longer among "
        f"the valid rows of their source; rematerialise the features of their days"
    )
    return LeakageFinding("follows_from_the_past", "", float(evidence.rows), float(evidence.wanted), reason)


def _changed(feature: FeatureEvidence, evidence: AuditEvidence) -> list[LeakageFinding]:
    if not feature.changed:
        return []
    explained = [change for change in feature.changed if change.explained_by]
    example = (explained or list(feature.changed))[0]
    difference = (
        f"'{feature.feature}' does not follow from the events known at the time in {len(feature.changed)} of "
        f"{evidence.rows} rows: row {example.row} has {example.recorded}, the events known at "
        f"{example.as_of.isoformat()} give {example.recomputed}"
    )
    days = [change.as_of.date() for change in feature.changed]
    backfill = f"loopline backfill {evidence.product} --from {min(days)} --to {max(days)} --select features"
    if explained:
        sources = " and ".join(example.explained_by)
        cause = (
            f"events of {sources} that became known only afterwards explain the recorded value: {_SUSPECT}. In the "
            f"contract of {sources}, make known_at the time at which a row could first be read, then: {backfill}"
        )
    else:
        cause = (
            f"no event explains it: the kernel did not write it, or its day was computed from other events. "
            f"{_SUSPECT.capitalize()}. Stop writing the column, or rematerialise the days: {backfill}"
        )
    value = float(len(feature.changed))
    return [LeakageFinding("follows_from_the_past", feature.feature, value, 0.0, f"{difference}; {cause}")]


def _timing(feature: FeatureEvidence, policy: GatePolicy) -> list[LeakageFinding]:
    if feature.timing is None or abs(feature.timing) <= policy.max_label_timing:
        return []
    reason = (
        f"'{feature.feature}' has a rank correlation of {feature.timing:.3f} with the days from the decision to the "
        f"outcome; at most ±{policy.max_label_timing:g} is allowed: it was filled in after the outcome. Remove it from "
        f"the features, or read it from events whose known_at is the time at which the value could first be read"
    )
    return [LeakageFinding("label_timing", feature.feature, feature.timing, policy.max_label_timing, reason)]


def _proxy(feature: FeatureEvidence, policy: GatePolicy) -> list[LeakageFinding]:
    measured = (
        ("ranks the label with an AUC of", feature.auc, policy.max_single_feature_auc),
        ("explains a share of the label's entropy of", feature.information, policy.max_label_information),
    )
    findings = []
    for effect, value, bar in measured:
        if value is not None and value <= bar:
            continue
        if value is None:
            reason = f"'{feature.feature}': its relation to the label is unknown; an unknown value does not pass"
        else:
            reason = (
                f"'{feature.feature}' alone {effect} {value:.3f}; at most {bar:g} is allowed: {_SUSPECT}. Find out "
                f"when its value is filled in; remove it from the features if that is after the decision, else raise "
                f"the bar in the product's gates and document why"
            )
        findings.append(LeakageFinding("label_proxy", feature.feature, value, bar, reason))
    return findings
