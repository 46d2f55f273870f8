"""The contract of a source, as a frozen value.

Belongs here: the parts of a contract (columns, types, personal data, consent, expectations, the share of rows that may
fail). Does not belong here: reading its file (`file.py`), running it (`assets.validation.audit`), tokens and
consent (`assets.privacy`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal

from resources.errors import LooplineError

ColumnType = Literal["string", "integer", "number", "boolean", "timestamp"]
Personal = Literal["token", "drop"]
NewColumns = Literal["leave_out", "refuse"]
PersonalClass = Literal["identity", "contact", "location", "financial", "health", "protected"]
EARLIEST, LATEST = datetime(1970, 1, 2, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""The bounds of a row's two times where its contract has none: the default dates of other systems, such as 0001-01-01,
1970-01-01 and 9999-12-31, lie beyond them.
"""
RESERVED = ("day", "utc_hour", "row_number", "_malformed", "_message")
"""Columns that the lake's tables and the stream add to those of a contract."""


class ContractError(LooplineError):
    """A contract file is missing or wrong; the message names the file, the part and what to write."""


@dataclass(frozen=True)
class Column:
    """One column of a source.

    Attributes:
        name: Its name in tables, features and requests.
        description: Its meaning, for people.
        type: How its text is read; `timestamp` is ISO-8601 in UTC.
        unit: Unit of a number (`EUR`, `days`, `share`, `EUR/day`); empty where none is declared.
        personal: `token` replaces the value by a keyed hash, `drop` removes it; `None` where it is not personal.
        pii: The class of personal data, for people and for reports; `None` for none.
        resolution: The smallest step of an exact number (cents: 0.01); `None` for measurements.
        required: A row without a value is quarantined.
        original: The column's name at the source, where it is another one.
        earliest, latest: Bounds of a timestamp, both allowed; a row beyond them is quarantined. `None`: for the two
            times of a row `EARLIEST` and `LATEST`, for another timestamp no bound.
        since: The first day on which the source has the column; before it the column may be absent, and `required`
            does not hold. `None` for one that was always there.
    """

    name: str
    type: ColumnType
    description: str
    unit: str = ""
    personal: Personal | None = None
    pii: PersonalClass | None = None
    resolution: float | None = None
    required: bool = True
    original: str = ""
    earliest: datetime | None = None
    latest: datetime | None = None
    since: date | None = None

    def expected_on(self, day: date) -> bool:
        """Whether the source has the column on a day."""
        return self.since is None or day >= self.since


@dataclass(frozen=True)
class Consent:
    """Rows may be used only for subjects who consented to the purpose when the row became known.

    Attributes:
        source: The source of the consents, with the subject, `purpose`, `granted` (boolean) and the two times; the
            last known consent counts.
        subject: The column that names the subject, in this source and in that of the consents.
        purpose: The purpose for which the rows are used.
    """

    source: str
    subject: str
    purpose: str


@dataclass(frozen=True)
class Volume:
    """How many rows a day may have; a day beyond it is not published.

    Attributes:
        min_rows, max_rows: Bounds of every day; `None` for no bound.
        max_change: The largest difference from the median of the last weeks, as a share of it; `None` for any. It is
            not judged before seven of their days are known. By the hour an hour is a day here, and is compared with
            the same hour of earlier days.
        weeks: How many weeks before the day count.
    """

    min_rows: int | None = None
    max_rows: int | None = None
    max_change: float | None = None
    weeks: int = 4


@dataclass(frozen=True)
class NewestEvent:
    """How old the newest event of a day may be; a day beyond it is not published.

    Attributes:
        max_age_hours: The most hours from the newest event to the day's end.
    """

    max_age_hours: float


@dataclass(frozen=True)
class Reference:
    """The values of a column exist in another source, by the day of the row; a row without is quarantined.

    A missing value refers to nothing and is allowed; `required` forbids it.

    Attributes:
        column: The column whose values refer to the other source.
        source: The other source of the product.
        to: The column of the other source.
    """

    column: str
    source: str
    to: str


@dataclass(frozen=True)
class Distribution:
    """How far a day's values may move from those of the last weeks; a day beyond it is not published.

    Attributes:
        columns: Numbers, integers, booleans or texts.
        max_psi: The largest population stability index; by custom 0.25 is a shift.
        weeks: How many weeks before the day count.
    """

    columns: tuple[str, ...]
    max_psi: float
    weeks: int = 4


EARLIER_DAYS = 7
"""A rule that compares with the last weeks needs so many of their days."""


@dataclass(frozen=True)
class Contract:
    """The promise of a source.

    Attributes:
        source: The name of the source; the file is `<source>.yaml`.
        description: What a row is, for people.
        owner: The address of the people who deliver the source.
        columns: By name, `{type: …, description: …, …}`.
        consent: Rows may be used only for subjects who consented; `None` where none is needed.
        key: Columns that identify a row; a second row of the same key within a day is quarantined.
        event_time: The column of the time at which an event happened.
        known_at: The column of the time at which the event could first be known. A row whose `known_at` lies before its
            event time, or on another UTC day than its arrival (by the hour, in another hour), is quarantined:
            `known_at` and the days that have arrived determine which rows a decision could use.
        max_quarantined: The share of a day's rows that may fail before the whole day is refused.
        expectations: Great Expectations configurations (`type`, `kwargs`), evaluated on the typed rows.
        corrections: A later row of the same key is a revision: it replaces the earlier row from its own `known_at` on;
            only a second row with the same `known_at` is quarantined. The key must be one column, and features must
            declare it as `Events(record_key=...)`.
        purpose: What the rows may be used for, for people; empty where it is not documented.
        volume: How many rows a day may have.
        freshness: How old the newest event of a day may be.
        references: Columns whose values exist in another source.
        distribution: How far a day's values may move.
        new_columns: What happens to a column of the source that the contract does not have: it is left out, and named
            with its type in the day's metadata until its line is written; or it stops the source.
        entity_keys: Untokenised columns whose values are entity keys in the online store. A row whose key the store
            refuses is quarantined. Not in the contract's file: derived from the product's features.
    """

    source: str
    description: str
    owner: str
    key: tuple[str, ...]
    event_time: str
    known_at: str
    columns: tuple[Column, ...]
    expectations: tuple[Mapping[str, Any], ...]
    max_quarantined: float
    consent: Consent | None = None
    corrections: bool = False
    purpose: str = ""
    volume: Volume | None = None
    freshness: NewestEvent | None = None
    references: tuple[Reference, ...] = ()
    distribution: Distribution | None = None
    new_columns: NewColumns = "leave_out"
    entity_keys: tuple[str, ...] = ()
    file: str = field(default="", compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in the contract's order."""
        return tuple(column.name for column in self.columns)

    @property
    def at_source(self) -> dict[str, str]:
        """For each column, in the contract's order, its name at the source."""
        return {column.name: column.original or column.name for column in self.columns}

    @property
    def resolutions(self) -> dict[str, float]:
        """The resolution of each exact numeric column."""
        return {c.name: c.resolution for c in self.columns if c.resolution is not None}

    @property
    def units(self) -> dict[str, str]:
        """The unit of each column that has one."""
        return {c.name: c.unit for c in self.columns if c.unit}

    def column(self, name: str) -> Column:
        """The column of that name, which the contract must have."""
        return next(column for column in self.columns if column.name == name)

    def bounds(self, column: Column) -> tuple[datetime | None, datetime | None]:
        """The earliest and the latest time that a timestamp may hold; `None` where there is no bound."""
        if column.name in (self.event_time, self.known_at):
            return column.earliest or EARLIEST, column.latest or LATEST
        return column.earliest, column.latest
