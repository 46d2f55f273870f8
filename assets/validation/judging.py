"""Judging the raw days of a run: in this process, or in Spark tasks where it could not hold them.

Belongs here: reading what the contract needs, the choice between the two. Does not belong here: either of them
(`audit.py`, `large_days.py`), what is written (`publication.py`).
"""

from collections import Counter
from collections.abc import Sequence
from functools import partial

from assets.product import Product, Source
from assets.product.names import quarantine_name, raw_name, table_name, validated_name
from assets.validation.audit import Audit, audit
from assets.validation.large_days import audit_in_tasks
from assets.validation.publication import LargeRows, Publication, Tables, Terms, held_rows
from assets.validation.rules.surroundings import surroundings_of
from resources.lake import DataFile, Lake
from resources.lake.blocks import blocks_of
from resources.slots import Slot
from resources.spark.sessions import SparkSessions

PORTION_BYTES = 4 * 2**20
"""Size of the raw files of days that are judged at once: memory does not grow with the number of days."""


def judged_days(
    product: Product,
    source: Source,
    lake: Lake,
    spark: SparkSessions,
    version: int,
    days: tuple[Slot, ...],
    terms: Terms,
    run_id: str,
) -> Publication:
    """The days of a version of the source's raw table under its contract.

    Raises:
        LakeError: A table is missing or damaged.
        ContractCannotRun: An expectation could not be evaluated.
    """
    contract, calendar = terms.contract, source.calendar
    raw = table_name(product.name, raw_name(source.name))
    surroundings = surroundings_of(contract, lake, product.name, raw, version, days)
    quarantine, validated = quarantine_name(source.name), validated_name(source.name)
    tables = Tables(
        lake, table_name(product.name, quarantine), table_name(product.name, validated), run_id, days, surroundings.rows
    )
    files = lake.files(raw, days=days, version=version)
    if spark.is_worth(files):
        blocks, session = blocks_of(lake, raw, days=days, version=version), spark.session()
        found = audit_in_tasks(session, contract, blocks, days, surroundings, calendar)
        return LargeRows(terms, tables, found, blocks, session)

    def judge(some: Sequence[Slot]) -> Audit:
        arrived = lake.read(raw, days=some, version=version)
        return audit(contract, arrived, some, surroundings=surroundings, calendar=calendar)

    return held_rows(terms, tables, ((some, partial(judge, some)) for some in portions_of(days, files, PORTION_BYTES)))


def portions_of(days: Sequence[Slot], files: Sequence[DataFile], most_bytes: int) -> list[list[Slot]]:
    """The days in their order, in portions of at most so many bytes of files; a larger day is one by itself."""
    size: Counter[Slot | None] = Counter()
    for file in files:
        size[file.day] += file.bytes
    portions: list[list[Slot]] = []
    held = 0
    for day in days:
        held += size[day]
        if not portions or held > most_bytes:
            portions.append([])
            held = size[day]
        portions[-1].append(day)
    return portions
