"""What a delivery is, and what may come of it.

Belongs here: rows, steps and cases, as values. Does not belong here: how they are made (`generator.py` and the modules
of kinds), how they are run and judged (`judge.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

ANY_COLUMN = frozenset({"*"})
"""A row may be quarantined for any of its columns."""

SETTLED = 86_400.0
"""Seconds since the last change of a file that is surely whole."""


@dataclass(frozen=True)
class Row:
    """One delivered row.

    Attributes:
        texts: Each column's text as delivered; `None` for no value.
        published: The values that may be published, alternatives; empty if the row must not be published.
        faulty: The columns for which it may be quarantined; empty if it must not be.
        withheld: Whether its subject has not consented: it is neither published nor quarantined.
        anything: Whether any values may be published, of a row whose end was cut off without a trace.
    """

    texts: Mapping[str, str | None]
    published: tuple[Mapping[str, Any], ...]
    faulty: frozenset[str] = frozenset()
    withheld: bool = False
    anything: bool = False

    def bad(self, *columns: str, **texts: str | None) -> "Row":
        """The same row with other texts, to be quarantined for one of these columns."""
        return replace(self, texts={**self.texts, **texts}, published=(), faulty=frozenset(columns))


@dataclass(frozen=True)
class Day:
    """What must be in the tables for one day.

    Attributes:
        rows: In the order of the delivery.
    """

    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Step:
    """Files that are put in place, one run, and what must come of it.

    Attributes:
        files: By path below the landing zone: the content, or `None` to delete the file.
        days: The first and the last day of the run.
        outcome: By day, what must be published; empty for a run that must be refused.
        refused: What the refusal must say, as a pattern; `None` where the run must not be refused.
        refused_day: The day that the refusal must name.
        may_refuse: Whether the run may be refused as well as published.
        age: Seconds since the files were changed.
        stale: Days that must be told as changed at their source before the run.
    """

    files: Mapping[str, bytes | None]
    days: tuple[date, date]
    outcome: Mapping[date, Day] = field(default_factory=dict)
    refused: str | None = None
    refused_day: date | None = None
    may_refuse: bool = False
    age: float = SETTLED
    stale: frozenset[date] = frozenset()


@dataclass(frozen=True)
class Case:
    """A delivery of one source, in one or more steps.

    Attributes:
        name: Kind and seed, from which the generator makes it again.
        source: The source of the campaign's product.
    """

    name: str
    source: str
    steps: tuple[Step, ...]


def published(files: Mapping[str, bytes | None], day: date, rows: tuple[Row, ...], **terms: Any) -> Step:
    """A step for one day that is published, but for the rows that are to be quarantined."""
    return Step(files, (day, day), outcome={day: Day(rows)}, **terms)


def refused(files: Mapping[str, bytes | None], day: date, pattern: str = "", **terms: Any) -> Step:
    """A step for one day that must be refused."""
    return Step(files, (day, day), refused=pattern, refused_day=day, **terms)
