"""Whether every raw row of a day is accounted for: published, quarantined or withheld.

Belongs here: the counts of a day and their sum. Does not belong here: counting (`assets.py`), the asset check
(`checks.py`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from resources.naming import is_day


@dataclass(frozen=True)
class DayBalance:
    """The rows of one day of a source.

    Attributes:
        raw: Rows that arrived, by the log of the raw table.
        validated: Rows to be published.
        quarantined: Rows that break the contract; a row that breaks several rules counts once.
        withheld: Rows without the consent that the contract asks for.
    """

    day: date
    raw: int
    validated: int
    quarantined: int
    withheld: int

    @property
    def missing(self) -> int:
        """Raw rows that are nowhere; negative if there are more rows than arrived."""
        return self.raw - self.validated - self.quarantined - self.withheld


def balances(
    days: Sequence[date], *, raw: Mapping[date, int], validated: pa.Table, quarantine: pa.Table, withheld: pa.Table
) -> tuple[DayBalance, ...]:
    """The balance of each day.

    Args:
        raw: Rows of each day in the raw table.
        validated, withheld: With a column `day`.
        quarantine: As `assets.validation.quarantine.QUARANTINE_SCHEMA`; entries of whole days are no rows.
    """
    references = set(zip(quarantine["day"].to_pylist(), quarantine["row_ref"].to_pylist(), strict=True))
    quarantined = Counter(day for day, reference in references if not is_day(reference))
    published, refused = _by_day(validated), _by_day(withheld)
    return tuple(DayBalance(day, raw.get(day, 0), published[day], quarantined[day], refused[day]) for day in days)


def _by_day(rows: pa.Table) -> Counter[date]:
    counted = rows["day"].value_counts() if rows.num_rows else pa.array([], pa.int64())
    return Counter({entry["values"]: entry["counts"] for entry in counted.to_pylist()})
