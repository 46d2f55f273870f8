"""The leakage audit: may a model learn from these rows?

Belongs here: what was found of each feature, which of it is a leak, and the pure verdict. Does not belong here: finding
it (`recompute.py`, `label_evidence.py`, `assets.metrics.ranking`), asset checks (`checks.py`).

Three questions, each a check of the training set. Do the features follow from what was known (`follows_from_the_past`)?
Does a feature tell when the outcome came (`label_timing`)? Does a feature alone tell the outcome (`label_proxy`)?
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from assets.product import GatePolicy, Verdict
from assets.training.recompute import ChangedValue

Check = Literal["follows_from_the_past", "label_timing", "label_proxy"]
AuditAction = Literal["train", "refuse"]

CHECKS: Mapping[Check, str] = {
    "follows_from_the_past": "Sampled rows, computed again without what became known later, are the same bits.",
    "label_timing": "No feature tells how long after the decision the outcome came.",
    "label_proxy": "No feature alone is, or nearly is, the label.",
}
_SUSPECT = "a leak of the label is suspected"


@dataclass(frozen=True)
class FeatureEvidence:
    """What was measured of one feature.

    Attributes:
        auc: Of the feature alone, at least 0.5; `None` is unknown, and refuses.
        information: Share of the label's entropy that it tells; `None` is unknown, and refuses.
        timing: Rank correlation with the days to the outcome; `None` where there is nothing to correlate.
        changed: Sampled rows in which it does not follow from what was known.
    """

    feature: str
    auc: float | None
    information: float | None
    timing: float | None
    changed: tuple[ChangedValue, ...] = ()


@dataclass(frozen=True)
class AuditEvidence:
    """What was measured of a training set.

    Attributes:
        product: For the remedy.
        rows: How many rows were computed again.
        wanted: How many should have been.
    """

    product: str
    rows: int
    wanted: int
    features: tuple[FeatureEvidence, ...]


@dataclass(frozen=True)
class Finding:
    """One reason not to train: which check, which feature, its value against the bar, and a sentence with a remedy."""

    check: Check
    feature: str
    value: float | None
    threshold: float
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


def audit_findings(evidence: AuditEvidence, policy: GatePolicy) -> tuple[Finding, ...]:
    """All leaks, by check and in the order of the features."""
    found = [_not_computed(evidence)] if evidence.rows < evidence.wanted or not evidence.rows else []
    for feature in evidence.features:
        found += _changed(feature, evidence)
    for feature in evidence.features:
        found += _timing(feature, policy)
    for feature in evidence.features:
        found += _proxy(feature, policy)
    return tuple(found)


def leakage_verdict(evidence: AuditEvidence, policy: GatePolicy) -> Verdict[AuditAction]:
    """Whether a model may be trained; refused by any finding."""
    found = audit_findings(evidence, policy)
    if found:
        return Verdict("refuse", tuple(finding.reason for finding in found))
    told = f"{evidence.rows} rows computed again are the same, and none of {len(evidence.features)} features is a proxy"
    return Verdict("train", (told,))


def _not_computed(evidence: AuditEvidence) -> Finding:
    reason = (
        f"only {evidence.rows} of {evidence.wanted} sampled rows could be computed again, since the others are no "
        f"longer among the valid rows of their source; make the features of these days again"
    )
    return Finding("follows_from_the_past", "", float(evidence.rows), float(evidence.wanted), reason)


def _changed(feature: FeatureEvidence, evidence: AuditEvidence) -> list[Finding]:
    if not feature.changed:
        return []
    told = [change for change in feature.changed if change.told_by]
    example = (told or list(feature.changed))[0]
    share = f"{len(feature.changed)} of {evidence.rows} rows"
    said = (
        f"'{feature.feature}' does not follow from what was known in {share}: row {example.row} has "
        f"{example.recorded}, what was known at {example.as_of.isoformat()} gives {example.recomputed}"
    )
    days = [change.as_of.date() for change in feature.changed]
    again = f"loopline backfill {evidence.product} --from {min(days)} --to {max(days)} --select features"
    if told:
        sources = " and ".join(example.told_by)
        why = (
            f"with events of {sources} that became known only afterwards it is the recorded value: {_SUSPECT}. "
            f"Give the contract of {sources} the known_at at which a row could first be read, then: {again}"
        )
    else:
        why = (
            f"no event explains it: something else than the kernel wrote it, or its day was made from other events. "
            f"{_SUSPECT.capitalize()}. Remove the column from its writer, or make the days again: {again}"
        )
    return [Finding("follows_from_the_past", feature.feature, float(len(feature.changed)), 0.0, f"{said}; {why}")]


def _timing(feature: FeatureEvidence, policy: GatePolicy) -> list[Finding]:
    if feature.timing is None or abs(feature.timing) <= policy.max_label_timing:
        return []
    reason = (
        f"'{feature.feature}' has a rank correlation of {feature.timing:.3f} with the days from the decision to the "
        f"outcome; at most ±{policy.max_label_timing:g} is allowed: it was filled in after the fact. Take it out of "
        f"the features, or read it from events with the known_at at which each value could first be read"
    )
    return [Finding("label_timing", feature.feature, feature.timing, policy.max_label_timing, reason)]


def _proxy(feature: FeatureEvidence, policy: GatePolicy) -> list[Finding]:
    measured = (
        ("ranks the label with an AUC of", feature.auc, policy.max_single_feature_auc),
        ("tells a share of the label's entropy of", feature.information, policy.max_label_information),
    )
    found = []
    for what, value, bar in measured:
        if value is not None and value <= bar:
            continue
        if value is None:
            reason = f"'{feature.feature}': what it tells of the label is unknown; what is unknown does not pass"
        else:
            reason = (
                f"'{feature.feature}' alone {what} {value:.3f}; at most {bar:g} is allowed: {_SUSPECT}. Find out when "
                f"its value is filled in; take it out of the features if that is after the decision, else raise the "
                f"bar in the product's gates and say why"
            )
        found.append(Finding("label_proxy", feature.feature, value, bar, reason))
    return found
