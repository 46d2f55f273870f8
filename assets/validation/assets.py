"""Assets of validation: `validated_<source>`, the rows that keep their contract, without personal data.

Belongs here: the order of a run: judge, write the quarantine, publish the valid rows if no day is blocked
and every row is accounted for. Does not belong here: judging (`judging.py`), what is written (`publication.py`).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
import pyarrow as pa

from assets.materialising import asset_key, begun, daily_asset_of, failure, permanent, same_columns
from assets.product import Partitions, Product, Source
from assets.product.names import quarantine_name, raw_name, table_name, validated_name, validated_table
from assets.validation.audit import Judgement
from assets.validation.balance import DayBalance
from assets.validation.checks import balance_check, balance_result, contract_check, contract_result
from assets.validation.data_docs import docs_folder
from assets.validation.judging import judged_days
from assets.validation.publication import Terms
from assets.validation.retyped import retyped_text
from assets.validation.rules.expectations import ContractCannotRun
from assets.validation.rules.reasons import reason_of
from resources.environments import Environment
from resources.keys import Keys
from resources.lake import DAY, HOUR, Lake, LakeError
from resources.lake.origins import Reading, made_from
from resources.lake.partitioning import partition_columns
from resources.slots import Slot, day_of, named
from resources.spark.sessions import SparkSessions


def validated_asset(product: Product, source: Source, partitions: Partitions) -> dg.AssetsDefinition:
    """`validated_<source>`, with its blocking check `contract` and, beside it, the table `quarantine_<source>`."""
    contract = product.contract(source.name)
    name = validated_name(source.name)
    key = asset_key(product, name)
    deps = [asset_key(product, raw_name(source.name))]
    if contract.consent:
        deps.append(asset_key(product, validated_name(contract.consent.source)))
    referred = dict.fromkeys(asset_key(product, validated_name(one.source)) for one in contract.references)
    deps += [key for key in referred if key not in deps]

    @daily_asset_of(
        product,
        name,
        partitions,
        owner=contract.owner,
        deps=deps,
        group_name="validation",
        description=f"{contract.description} Rows that keep the contract; personal data replaced by tokens.",
        kinds={"great_expectations", "deltalake"},
        metadata={
            "purpose": contract.purpose or "not documented in the contract",
            "personal_data": dg.MetadataValue.json(
                {c.name: {"class": c.pii, "handling": c.personal} for c in contract.columns if c.pii or c.personal}
            ),
        },
        check_specs=[contract_check(key, contract), balance_check(key)],
    )
    def validated(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        keys: dg.ResourceParam[Keys],
        environment: dg.ResourceParam[Environment],
        spark: dg.ResourceParam[SparkSessions],
    ) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[Any]]:
        watch, days = begun(context, name, partitions)
        raw = table_name(product.name, raw_name(source.name))
        with permanent(LakeError, ContractCannotRun):
            version = lake.version(raw)
            entries, consents = _consents(product, source, lake, days[-1])
            terms = Terms(contract, keys.tokenisation, entries)
            judged = judged_days(product, source, lake, spark, version, days, terms, context.run.run_id)
            judged.quarantine({"run_id": context.run.run_id})
        outcome, checks = judged.outcome, [contract_result(contract, judged.outcome)]
        if outcome.blocked:
            judged.discard()
            yield checks[0]
            raise failure(_blocked(product, source, outcome, lake), [day.day for day in outcome.blocked])
        with permanent(LakeError):
            allowed = judged.allow()
        # What the log of the raw table names is held against what the run read and judged.
        checks.append(balance_result(allowed.balances))
        if not checks[-1].passed:
            allowed.discard()
            yield from checks
            wrong = [day.day for day in allowed.balances if day.missing]
            raise failure(_unbalanced(product, source, allowed.balances), wrong)
        commit = allowed.publish({"run_id": context.run.run_id, **made_from({raw: Reading(version), **consents})})
        yield watch.table(
            rows=commit.rows,
            checks=checks,
            version=commit.version,
            days=len(days),
            schema=allowed.schema,
            # Built when someone asks: loopline contracts PRODUCT --docs.
            data_docs=dg.MetadataValue.path(docs_folder(environment.home, product.name) / "index.html"),
            lineage=same_columns(deps[0], [*contract.names, DAY, HOUR])
            | {"event_time": [(deps[0], contract.event_time)], "known_at": [(deps[0], contract.known_at)]},
            quarantined=sum(day.quarantined for day in outcome.days),
            withheld_without_consent=allowed.withheld,
        )

    return validated


def _consents(
    product: Product, source: Source, lake: Lake, last: Slot
) -> tuple[pa.Table | None, Mapping[str, Reading]]:
    """The consents of days up to the last day (None: none are needed), and what was read for them.

    Consents that became known after a row say nothing about it: each day reads the days before it, and not those after.
    """
    consent = product.contract(source.name).consent
    if consent is None:
        return None, {}
    table = validated_table(product.name, consent.source)
    version = lake.version(table)
    known = [day for day in lake.days(table, version) if day <= day_of(last)]
    entries = [consent.subject, "purpose", "granted", "known_at"]
    found = lake.read(table, days=known, version=version, columns=entries)
    return found, {table: Reading(version, before=None)}


def _unbalanced(product: Product, source: Source, found: Sequence[DayBalance]) -> str:
    wrong = [day for day in found if day.missing]
    day = max(wrong, key=lambda balance: abs(balance.missing))
    others = f" (and {len(wrong) - 1} more days)" if len(wrong) > 1 else ""
    return (
        f"source {source.name}, {named(day.day)}{others}: {day.raw} rows arrived, but {day.validated} are valid, "
        f"{day.quarantined} quarantined and {day.withheld} withheld without consent: {abs(day.missing)} rows "
        f"{'are nowhere' if day.missing > 0 else 'too many'}. Nothing was published; fetch the day again: "
        f"loopline backfill {product.name} --from {day.day} --to {day.day}"
    )


def _blocked(product: Product, source: Source, outcome: Judgement, lake: Lake) -> str:
    worst = max(outcome.blocked, key=lambda day: (day.share > day.allowed_share, day.share))
    others = f" (and {len(outcome.blocked) - 1} more days)" if len(outcome.blocked) > 1 else ""
    if worst.share > worst.allowed_share:
        rules = ", ".join(
            f"{rule}: {count}" for rule, count in sorted(outcome.failed_by_rule.items(), key=lambda r: -r[1])[:4]
        )
        broken = (
            f"{worst.quarantined} of {worst.rows} rows break the contract ({worst.share:.1%}, allowed "
            f"{worst.allowed_share:.1%}); {rules}"
        )
    else:
        contract = product.contract(source.name)
        broken = "the day as a whole breaks the contract: " + "; ".join(
            f"{f.rule} observed {f.observed} ({reason_of(contract, f.rule, f.column)})" for f in worst.failures
        )
    table = table_name(product.name, quarantine_name(source.name))
    quarantine = lake.read(table, days=[worst.day], columns=["rule", "column", *partition_columns(worst.day)])
    retyped = retyped_text(product.contract(source.name), quarantine, worst)
    return (
        f"source {source.name}, {named(worst.day)}{others}: {broken}. Nothing was published. See the rows: loopline "
        f"quarantine {product.name} {source.name}. Have the source fixed or the contract changed, then: "
        f"loopline backfill {product.name} --from {worst.day} --to {worst.day}"
        + (f"\nThe schema changed:\n{retyped}" if retyped else "")
    )
