"""What the rules on days compare a day with, read from the lake.

Belongs here: the rows of the raw table's days, the last weeks of some columns, the values of other sources. Does not
belong here: judging (`day_rules.py`).
"""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import pyarrow as pa

from assets.product import Contract
from assets.product.names import validated_table
from assets.validation.rules.day_rules import Surroundings
from resources.lake import Lake
from resources.lake.partitioning import partition_columns
from resources.slots import Slot


def raw_rows(lake: Lake, raw: str, version: int) -> Counter[Slot]:
    """The rows of each day by the log of the raw table."""
    rows: Counter[Slot] = Counter()
    for file in lake.files(raw, version=version):
        if file.day is not None:
            rows[file.day] += file.rows
    return rows


def surroundings_of(
    contract: Contract, lake: Lake, product: str, raw: str, version: int, days: Sequence[Slot]
) -> Surroundings:
    """What the contract's rules on days need.

    Args:
        raw: The raw table, which is read at this version.

    Raises:
        LakeError: A table is missing or damaged.
    """
    rows, of_slots = raw_rows(lake, raw, version), partition_columns(days[0])
    earlier = None
    if contract.distribution is not None:
        first = days[0] - timedelta(weeks=contract.distribution.weeks)
        known = [day for day in rows if first <= day <= days[-1]]
        earlier = lake.read(raw, days=known, version=version, columns=[*contract.distribution.columns, *of_slots])
    references = {}
    for reference in contract.references:
        table = validated_table(product, reference.source)
        slot = of_slots[-1]
        there = lake.read(
            table, days=[day for day in lake.slots(table) if day <= days[-1]], columns=[reference.to, slot]
        )
        first_days = there.group_by(reference.to).aggregate([(slot, "min")])
        references[reference.column] = pa.table({"value": first_days[reference.to], "day": first_days[f"{slot}_min"]})
    return Surroundings(rows, earlier, references)
