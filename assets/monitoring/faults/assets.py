"""Assets of data faults: `fingerprints` of each day's rows, and the `data_faults` that they tell of.

Belongs here: reading and writing the two tables. Does not belong here: the counting (`fingerprint.py`), the
recognition (`recognition.py`), alerts (`pipelines`).

A day is judged by fingerprints alone, never by the rows of the days before: its cost does not grow with the history.
Of a product by the hour, fingerprints are of the day so far, and a day is judged once its last hour is there.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import dagster as dg

from assets.materialising import asset_key, begun, daily_asset_of, permanent
from assets.monitoring.faults.attribution import attributed, lineage_of
from assets.monitoring.faults.checks import faults_check, faults_result
from assets.monitoring.faults.finding import FAULT_SCHEMA, Finding, fault_table, findings_of
from assets.monitoring.faults.fingerprint import Fingerprint
from assets.monitoring.faults.recognition import (
    DAYS_BEFORE,
    MONTHS_BEFORE,
    DayFaults,
    faults_of_day,
    same_days,
)
from assets.monitoring.faults.row_sets import counted_tables, fingerprints_by_day, judged_sets
from assets.monitoring.faults.storage import FINGERPRINT_SCHEMA, fingerprint_table, fingerprints_of
from assets.product import Partitions, Product
from assets.product.names import DATA_FAULTS, FEATURES, FINGERPRINTS, table_name, validated_name
from resources.lake import Lake, LakeError
from resources.lake.origins import Reading, made_from
from resources.slots import Hour, Slot, days_of, last_hour

_BEFORE = timedelta(days=DAYS_BEFORE)
_MONTHS = timedelta(days=MONTHS_BEFORE)


def fingerprints_asset(product: Product, partitions: Partitions) -> dg.AssetsDefinition:
    """`fingerprints`: exact counts of each column of the day's rows, of each source and of the features."""
    name, counted = FINGERPRINTS, counted_tables(product)

    @daily_asset_of(
        product,
        name,
        partitions,
        deps=[asset_key(product, one) for one in (*(validated_name(s.name) for s in product.sources), FEATURES)],
        group_name="monitoring",
        description="Exact counts of each column of the day's rows; no row and no key is kept.",
        kinds={"deltalake"},
    )
    def fingerprints(context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]) -> dg.MaterializeResult[Any]:
        watch, slots = begun(context, name, partitions)
        days = days_of(slots)
        found: dict[date, dict[str, Fingerprint]] = {day: {} for day in days}
        readings: dict[str, Reading] = {}
        with permanent(LakeError):
            for one in counted:
                version = lake.version(one.table)
                readings[one.table] = Reading(version)
                for day, of_day in fingerprints_by_day(lake, one, days, version):
                    found[day][one.rows.name] = of_day
        record = {"run_id": context.run.run_id, **made_from(readings)}
        table = fingerprint_table(found)
        commit = lake.replace(table_name(product.name, name), table, days=days, metadata=record)
        return watch.table(rows=commit.rows, version=commit.version, days=len(days), schema=FINGERPRINT_SCHEMA)

    return fingerprints


def data_faults_asset(product: Product, partitions: Partitions) -> dg.AssetsDefinition:
    """`data_faults`: what is wrong with the data of a day, by name, root causes first."""
    name = DATA_FAULTS

    @daily_asset_of(
        product,
        name,
        partitions,
        deps=[asset_key(product, FINGERPRINTS)],
        group_name="monitoring",
        description=f"Data faults of the day by its fingerprints and those of {DAYS_BEFORE} days before; for people.",
        kinds={"deltalake"},
        check_specs=[faults_check(asset_key(product, name))],
    )
    def data_faults(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        watch, slots = begun(context, name, partitions)
        days, whole = days_of(slots), _whole_days(slots)
        source, table = table_name(product.name, FINGERPRINTS), table_name(product.name, name)
        with permanent(LakeError):
            version = lake.version(source)
            found, findings = _judged(product, lake, (source, version), table, whole)
        faults = fault_table(findings)
        record = {"run_id": context.run.run_id, **made_from({source: Reading(version, MONTHS_BEFORE)})}
        commit = lake.replace(table, faults, days=days, metadata=record)
        result = faults_result(found, findings, product.name, days[-1])
        roots = [one.sentence for one in findings if not one.follows_from]
        yield watch.table(
            rows=commit.rows,
            version=commit.version,
            schema=FAULT_SCHEMA,
            faults=roots,
            days=len(found),
            checks=[result],
        )

    return data_faults


def _judged(
    product: Product, lake: Lake, source: tuple[str, int], table: str, days: Sequence[date]
) -> tuple[list[DayFaults], list[Finding]]:
    """The days in their order, each with the findings of those before it."""
    if not days:
        return [], []
    every = [day for day in lake.days(*source) if days[0] - _MONTHS <= day <= days[-1]]
    wanted = {one for day in days for one in same_days(day, every)}
    known = [day for day in every if day >= days[0] - _BEFORE or day in wanted]
    prints = fingerprints_of(lake.read(source[0], days=known, version=source[1]))
    earlier = [day for day in known if day < days[0]]
    before = lake.read(table, days=earlier) if earlier and lake.exists(table) else FAULT_SCHEMA.empty_table()
    findings = list(findings_of(before))
    lineage, sets = lineage_of(product), judged_sets(product, lake)
    found: list[DayFaults] = []
    own: list[Finding] = []
    for day in days:
        recent = [one for one in findings if one.day >= day - _MONTHS]
        of_day = faults_of_day(day, sets, prints, recent)
        found.append(of_day)
        told = attributed(of_day, lineage)
        findings += told
        own += told
    return found, own


def _whole_days(slots: Sequence[Slot]) -> tuple[date, ...]:
    """The days that are over once these slots are."""
    hours = {slot for slot in slots if isinstance(slot, Hour)}
    return tuple(day for day in days_of(slots) if not hours or last_hour(day) in hours)
