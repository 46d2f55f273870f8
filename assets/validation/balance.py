"""Whether every raw row of a day is accounted for: published, quarantined or withheld.

Belongs here: the counts of a day and their sum. Does not belong here: counting (`assets.py`), the asset check
(`checks.py`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from resources.lake.partitioning import slot_column
from resources.slots import Slot, is_slot


@dataclass(frozen=True)
class DayBalance:
    """The rows of one day, or hour, of a source.

    Attributes:
        raw: Rows that arrived, by the log of the raw table.
        validated: Rows to be published.
        quarantined: Rows that break the contract; a row that breaks several rules counts once.
        withheld: Rows without the consent that the contract asks for.
    """

    day: Slot
    raw: int
    validated: int
    quarantined: int
    withheld: int

    @property
    def missing(self) -> int:
        """Raw rows that are nowhere; negative if there are more rows than arrived."""
        return self.raw - self.validated - self.quarantined - self.withheld


def balances(
    days: Sequence[Slot], *, raw: Mapping[Slot, int], validated: pa.Table, quarantine: pa.Table, withheld: pa.Table
) -> tuple[DayBalance, ...]:
    """The balance of each day.

    Args:
        raw: Rows of each day in the raw table.
        validated, withheld: With the partition columns.
        quarantine: As `assets.validation.quarantine.QUARANTINE_SCHEMA`; entries of whole days are no rows.
    """
    of_entries = quarantine[slot_column(quarantine.column_names)].to_pylist()
    references = set(zip(of_entries, quarantine["row_ref"].to_pylist(), strict=True))
    quarantined = Counter(day for day, reference in references if not is_slot(reference))
    published, refused = _by_day(validated), _by_day(withheld)
    return tuple(DayBalance(day, raw.get(day, 0), published[day], quarantined[day], refused[day]) for day in days)


def _by_day(rows: pa.Table) -> Counter[Slot]:
    counted = rows[slot_column(rows.column_names)].value_counts() if rows.num_rows else pa.array([], pa.int64())
    return Counter({entry["values"]: entry["counts"] for entry in counted.to_pylist()})
