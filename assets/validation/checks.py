"""Checks of validation, built from contracts.

Belongs here: the spec and the result of the check `contract` of each `validated_<source>`. Does not belong here:
running a contract (`audit.py`).
"""

import dagster as dg

from assets.product import Contract
from assets.validation.audit import Audit


def contract_check(key: dg.AssetKey, contract: Contract) -> dg.AssetCheckSpec:
    """The blocking check of a source's contract."""
    return dg.AssetCheckSpec(
        "contract",
        asset=key,
        blocking=True,
        description=f"At most {contract.max_quarantined:.0%} of a day's rows may break the contract {contract.file}.",
    )


def contract_result(contract: Contract, outcome: Audit) -> dg.AssetCheckResult:
    """The result of the check, from the audit of a run's days."""
    worst = max(outcome.days, key=lambda day: day.share)
    return dg.AssetCheckResult(
        check_name="contract",
        passed=not outcome.blocked,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"worst day {worst.day}: {worst.share:.2%} quarantined, allowed {worst.allowed_share:.2%}",
        metadata={
            "rows": sum(day.rows for day in outcome.days),
            "quarantined": sum(day.quarantined for day in outcome.days),
            "failed_by_rule": dg.MetadataValue.json(dict(outcome.failed_by_rule)),
            "blocked_days": dg.MetadataValue.json([str(day.day) for day in outcome.blocked]),
        },
    )
