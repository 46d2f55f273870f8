"""Checks of training: the leakage audit, as blocking checks of the training set.

Belongs here: the specs and results of the checks. Does not belong here: the audit (`leakage`).
"""

from collections.abc import Sequence

import dagster as dg

from assets.product import GatePolicy
from assets.training.leakage.verdict import CHECKS, AuditEvidence, leakage_findings
from resources.errors import listed


def leakage_checks(key: dg.AssetKey) -> Sequence[dg.AssetCheckSpec]:
    """A blocking check for each question of the audit; no model is trained on rows that fail one."""
    return [
        dg.AssetCheckSpec(name, asset=key, blocking=True, description=description)
        for name, description in CHECKS.items()
    ]


def leakage_results(evidence: AuditEvidence, policy: GatePolicy) -> Sequence[dg.AssetCheckResult]:
    """The result of each check: features, values, remedies."""
    findings = leakage_findings(evidence, policy)
    results = []
    for name, description in CHECKS.items():
        of_check = [finding for finding in findings if finding.check == name]
        results.append(
            dg.AssetCheckResult(
                check_name=name,
                passed=not of_check,
                severity=dg.AssetCheckSeverity.ERROR,
                description=listed([finding.reason for finding in of_check], separator="; ") or description,
                metadata={
                    "rows_recomputed": evidence.rows,
                    "findings": dg.MetadataValue.json([finding.to_dict() for finding in of_check]),
                },
            )
        )
    return results
