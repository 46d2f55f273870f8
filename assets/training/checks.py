"""Checks of training: the leakage audit, as blocking checks of the training set.

Belongs here: specs and results in Dagster's words. Does not belong here: the audit (`leakage.py`).
"""

from collections.abc import Sequence

import dagster as dg

from assets.product import GatePolicy
from assets.training.leakage import CHECKS, AuditEvidence, audit_findings


def leakage_checks(key: dg.AssetKey) -> Sequence[dg.AssetCheckSpec]:
    """A blocking check a question; no model is trained on rows that fail one."""
    return [
        dg.AssetCheckSpec(name, asset=key, blocking=True, description=description)
        for name, description in CHECKS.items()
    ]


def leakage_results(evidence: AuditEvidence, policy: GatePolicy) -> Sequence[dg.AssetCheckResult]:
    """What each question was answered with: features, values, remedies."""
    findings = audit_findings(evidence, policy)
    return [
        dg.AssetCheckResult(
            check_name=name,
            passed=not (mine := [finding for finding in findings if finding.check == name]),
            severity=dg.AssetCheckSeverity.ERROR,
            description="; ".join(finding.reason for finding in mine) or description,
            metadata={
                "rows_computed_again": evidence.rows,
                "findings": dg.MetadataValue.json([finding.to_dict() for finding in mine]),
            },
        )
        for name, description in CHECKS.items()
    ]
