"""Assets of validation: `validated_<source>`, the rows that keep their contract, without personal data.

Belongs here: running the audit, writing the quarantine, publishing the valid rows of a run only if none of its days is
blocked. Does not belong here: the rules (`audit.py`), tokens and consent (`assets.privacy`).
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
import pyarrow as pa

from assets.materialising import Stopwatch, asset_key, daily_asset_of, days_of, permanent
from assets.privacy.consent import ConsentResult, apply_consent
from assets.privacy.tokens import without_personal_data
from assets.product import Product, Source
from assets.product.names import quarantine_name, raw_name, table_name, validated_name, validated_table
from assets.validation.audit import Audit, audit
from assets.validation.checks import contract_check, contract_result
from assets.validation.expectations import ContractCannotRun
from resources.keys import Keys
from resources.lake import Lake, LakeError
from resources.lake.origins import made_from


def validated_asset(product: Product, source: Source, partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """`validated_<source>`, with its blocking check `contract` and, beside it, the table `quarantine_<source>`."""
    contract = product.contract(source.name)
    name = validated_name(source.name)
    key = asset_key(product, name)
    deps = [asset_key(product, raw_name(source.name))]
    if contract.consent:
        deps.append(asset_key(product, validated_name(contract.consent.source)))

    @daily_asset_of(
        product,
        name,
        partitions,
        owner=contract.owner,
        deps=deps,
        group_name="validation",
        description=f"{contract.description} Rows that keep the contract; personal data replaced by tokens.",
        kinds={"great_expectations", "deltalake"},
        check_specs=[contract_check(key, contract)],
    )
    def validated(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], keys: dg.ResourceParam[Keys]
    ) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[Any]]:
        watch, days = Stopwatch(name), days_of(context)
        raw = table_name(product.name, raw_name(source.name))
        with permanent(LakeError, ContractCannotRun):
            version = lake.version(raw)
            outcome = audit(contract, lake.read(raw, days=days, version=version), days)
        record = {"run_id": context.run.run_id, **made_from({raw: version})}
        quarantine = table_name(product.name, quarantine_name(source.name))
        lake.replace(quarantine, outcome.quarantine, days=days, metadata={"run_id": context.run.run_id})
        check = contract_result(contract, outcome)
        if outcome.blocked:
            yield check
            raise dg.Failure(description=_blocked(product, source, outcome), allow_retries=False)
        rows = without_personal_data(contract, outcome.valid, keys.tokenisation)
        allowed = _with_consent(product, source, lake, rows, days[-1])
        commit = lake.replace(table_name(product.name, name), allowed.kept, days=days, metadata=record)
        yield watch.result(
            rows=commit.rows,
            checks=[check],
            version=commit.version,
            days=len(days),
            quarantined=sum(day.quarantined for day in outcome.days),
            withheld_without_consent=allowed.withheld,
        )

    return validated


def _with_consent(product: Product, source: Source, lake: Lake, rows: pa.Table, last_day: date) -> ConsentResult:
    """The rows that the consents of days up to the last day allow."""
    consent = product.contract(source.name).consent
    if consent is None:
        return ConsentResult(rows, 0)
    table = validated_table(product.name, consent.source)
    with permanent(LakeError):
        known = [day for day in lake.days(table) if day <= last_day]
        return apply_consent(consent, rows, lake.read(table, days=known))


def _blocked(product: Product, source: Source, outcome: Audit) -> str:
    worst = max(outcome.blocked, key=lambda day: (day.share > day.allowed_share, day.share))
    others = f" (and {len(outcome.blocked) - 1} more days)" if len(outcome.blocked) > 1 else ""
    rules = ", ".join(
        f"{rule}: {count}" for rule, count in sorted(outcome.failed_by_rule.items(), key=lambda r: -r[1])[:4]
    )
    if worst.failures:
        failure = worst.failures[0]
        rules = f"{failure.rule} observed {failure.observed}; {rules}"
    return (
        f"source {source.name}, day {worst.day}{others}: {worst.quarantined} of {worst.rows} rows break the contract "
        f"({worst.share:.1%}, allowed {worst.allowed_share:.1%}); {rules}. Nothing was published. See the table "
        f"{quarantine_name(source.name)}, have the source fixed or the contract changed, then: "
        f"loopline backfill {product.name} --from {worst.day} --to {worst.day}"
    )
