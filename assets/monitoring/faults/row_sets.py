"""The sets of rows of a product whose days get fingerprints: each validated source, and the feature table.

Belongs here: which columns are counted, which identify a row, whose values are never kept; reading days. Does not
belong here: the counting (`fingerprint.py`).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from assets.monitoring.faults.attribution import lineage_of
from assets.monitoring.faults.fingerprint import Fingerprint, fingerprint
from assets.monitoring.faults.recognition import RowSet
from assets.product import Product, Source
from assets.product.names import FEATURES, table_name, validated_table
from resources.lake import DAY, HOUR, Lake
from resources.slots import day_of

_ROWS_AT_ONCE = 500_000


@dataclass(frozen=True)
class CountedTable:
    """A table whose days get fingerprints.

    Attributes:
        rows: The set of rows that it holds.
        table: Its name in the lake.
        key: The columns that identify a row.
        plain: Columns whose values are not kept: keys of entities and personal ones.
    """

    rows: RowSet
    table: str
    key: tuple[str, ...]
    plain: frozenset[str]


def judged_sets(product: Product, lake: Lake) -> tuple[RowSet, ...]:
    """The sets of rows of a product, with the changes that were accepted, also in the features that read the columns.

    Raises:
        LakeError: A table is damaged.
    """
    lineage = lineage_of(product)
    accepted: dict[str, dict[str, date]] = {}
    for change in product.monitoring.accepted:
        source, _, column = change.column.partition(".")
        accepted.setdefault(source, {})[column] = change.since
        for feature in lineage.readers(change.column):
            accepted.setdefault(FEATURES, {})[feature] = change.since
    return tuple(
        replace(one.rows, accepted=accepted.get(one.rows.name, {}), made=frozenset(lake.days(one.table)))
        for one in counted_tables(product)
    )


def counted_tables(product: Product) -> tuple[CountedTable, ...]:
    """The tables of a product, its sources first."""
    features = CountedTable(
        RowSet(FEATURES, times=("as_of",), due=product.source(product.spine.source).calendar.delivers),
        table_name(product.name, FEATURES),
        key=(product.spine.row_id,),
        plain=frozenset({product.spine.row_id, *product.features.key_columns}),
    )
    return (*(_source(product, source) for source in product.sources), features)


def fingerprints_by_day(
    lake: Lake, counted: CountedTable, days: Sequence[date], version: int
) -> Iterator[tuple[date, Fingerprint]]:
    """The fingerprint of each day, in order; some days are read at a time.

    Raises:
        LakeError: The table is damaged.
    """
    # A table of days; of hours a day stands for all of its hours.
    names = [name for name in lake.schema(counted.table, version).names if name not in (DAY, HOUR)]
    for part in _parts(lake, counted.table, days, version):
        read = lake.read(counted.table, days=part, version=version, columns=[*names, DAY])
        for day in part:
            rows = read.filter(pc.equal(read[DAY], pa.scalar(day, pa.date32()))) if len(part) > 1 else read
            yield day, fingerprint(rows.select(names), names, counted.key, plain=tuple(counted.plain))


def _parts(lake: Lake, table: str, days: Sequence[date], version: int) -> Iterator[list[date]]:
    """The days in parts of a bounded number of rows, a day at least."""
    counts = Counter[date]()
    for file in lake.files(table, days=days, version=version):
        counts.update({day_of(file.day): file.rows} if file.day else {})
    part: list[date] = []
    held = 0
    for day in days:
        rows = counts[day]
        if part and held + rows > _ROWS_AT_ONCE:
            yield part
            part, held = [], 0
        part.append(day)
        held += rows
    if part:
        yield part


def _source(product: Product, source: Source) -> CountedTable:
    contract = product.contract(source.name)
    revisions = ("known_at",) if contract.corrections else ()
    personal = {column.name for column in contract.columns if column.personal}
    return CountedTable(
        RowSet(source.name, times=("event_time",), due=source.calendar.delivers),
        validated_table(product.name, source.name),
        key=(*contract.key, *revisions),
        plain=frozenset({*contract.key, *product.features.key_columns, *personal}),
    )
