"""Judging the raw days of a run: in this process, or in Spark tasks where it could not hold them.

Belongs here: reading what the contract needs, the choice between the two. Does not belong here: either of them
(`audit.py`, `large_days.py`), what is written (`publication.py`).
"""

from datetime import date

from assets.product import Product, Source
from assets.product.names import quarantine_name, raw_name, table_name, validated_name
from assets.validation.audit import audit
from assets.validation.large_days import audit_in_tasks
from assets.validation.publication import HeldRows, LargeRows, Publication, Tables
from assets.validation.surroundings import surroundings_of
from resources.lake import Lake
from resources.lake.blocks import blocks_of
from resources.spark.sessions import SparkSessions


def judged_days(
    product: Product,
    source: Source,
    lake: Lake,
    spark: SparkSessions,
    version: int,
    days: tuple[date, ...],
    run_id: str,
) -> Publication:
    """The days of a version of the source's raw table under its contract.

    Raises:
        LakeError: A table is missing or damaged.
        ContractCannotRun: An expectation could not be evaluated.
    """
    contract, calendar = product.contract(source.name), source.calendar
    raw = table_name(product.name, raw_name(source.name))
    surroundings = surroundings_of(contract, lake, product.name, raw, version, days)
    quarantine, validated = quarantine_name(source.name), validated_name(source.name)
    tables = Tables(
        lake, table_name(product.name, quarantine), table_name(product.name, validated), run_id, days, surroundings.rows
    )
    if spark.is_worth(lake.files(raw, days=days, version=version)):
        blocks = blocks_of(lake, raw, days=days, version=version)
        session = spark.session()
        found = audit_in_tasks(session, contract, blocks, days, surroundings, calendar)
        return LargeRows(contract, tables, found, blocks, session)
    arrived = lake.read(raw, days=days, version=version)
    return HeldRows(contract, tables, audit(contract, arrived, days, surroundings=surroundings, calendar=calendar))
