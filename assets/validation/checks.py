"""Checks of validation, built from contracts.

Belongs here: the specs and the results of the checks `contract` and `balance` of each `validated_<source>`. Does not
belong here: running a contract (`audit.py`), counting rows (`balance.py`).
"""

from collections.abc import Sequence

import dagster as dg

from assets.product import Contract
from assets.validation.audit import Judgement
from assets.validation.balance import DayBalance

_LISTED = 10
"""The largest number of days that a result lists."""


def contract_check(key: dg.AssetKey, contract: Contract) -> dg.AssetCheckSpec:
    """The blocking check of a source's contract."""
    return dg.AssetCheckSpec(
        "contract",
        asset=key,
        blocking=True,
        description=f"At most {contract.max_quarantined:.0%} of a day's rows may break the contract {contract.file}.",
    )


def contract_result(contract: Contract, outcome: Judgement) -> dg.AssetCheckResult:
    """The result of the check, from the verdicts on a run's days."""
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


def balance_check(key: dg.AssetKey) -> dg.AssetCheckSpec:
    """The blocking check that no row is lost."""
    return dg.AssetCheckSpec(
        "balance",
        asset=key,
        blocking=True,
        description="The raw rows of each day are those published, quarantined or withheld without consent.",
    )


def balance_result(found: Sequence[DayBalance]) -> dg.AssetCheckResult:
    """The result of the check, from the balances of a run's days."""
    wrong = [day for day in found if day.missing]
    return dg.AssetCheckResult(
        check_name="balance",
        passed=not wrong,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{len(wrong)} of {len(found)} days do not balance" if wrong else f"{len(found)} days balance",
        metadata={
            **{name: sum(getattr(day, name) for day in found) for name in _FIGURES},
            "unbalanced_days": dg.MetadataValue.json(
                [{name: str(getattr(day, name)) for name in ("day", *_FIGURES, "missing")} for day in wrong[:_LISTED]]
            ),
        },
    )


_FIGURES = ("raw", "validated", "quarantined", "withheld")
