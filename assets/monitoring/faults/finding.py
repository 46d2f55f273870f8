"""A data fault as a frozen value: its kind, where and since when, its figures, and the sentence that people are told.

Belongs here: the kinds, the words of each, the table `data_faults`. Does not belong here: recognising a fault
(`recognition.py`), which fault is the cause of which (`attribution.py`), what a fault holds back (`holding.py`).
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, get_args

import pyarrow as pa

from resources.errors import listed
from resources.lake import DAY

FaultKind = Literal[
    "all_null",
    "missing_more",
    "constant",
    "scaled",
    "sign_flipped",
    "category_renamed",
    "new_category",
    "flag_moved",
    "rounded",
    "feed_missing",
    "duplicated",
    "clock_shifted",
]
FAULT_KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
Figures = Mapping[str, float | int | str]

FAULT_SCHEMA = pa.schema(
    [
        pa.field(DAY, pa.date32(), nullable=False),
        pa.field("rows_of", pa.string(), nullable=False),
        pa.field("column", pa.string()),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("since", pa.date32(), nullable=False),
        pa.field("follows_from", pa.string()),
        pa.field("moved", pa.string()),
        pa.field("owner", pa.string()),
        pa.field("figures", pa.string()),
        pa.field("sentence", pa.string()),
    ]
)
"""`column` is null for a fault of whole rows, `follows_from` for a root cause; `moved` and `figures` are JSON."""


@dataclass(frozen=True)
class Recognised:
    """A kind of fault in the figures of a day.

    Attributes:
        column: The column; empty for the rows as a whole.
        figures: The evidence, by name.
    """

    column: str
    kind: FaultKind
    figures: Figures = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """A data fault of a day.

    Attributes:
        rows_of: The source, or the name of the feature table.
        column: The column; empty for the rows as a whole.
        since: The first day of the fault.
        figures: The evidence, by name.
        owner: Who is asked: the owner of the source, or of the feature.
        follows_from: The fault of which this is a consequence (`Finding.place`); empty for a root cause.
        moved: Of a root cause in a source, the features that moved with it.
    """

    day: date
    rows_of: str
    column: str
    kind: FaultKind
    since: date
    figures: Figures = field(hash=False)
    owner: str = ""
    follows_from: str = ""
    moved: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Where the fault is: `card_transactions.amount`, or `card_transactions`."""
        return f"{self.rows_of}.{self.column}" if self.column else self.rows_of

    @property
    def key(self) -> str:
        """The same for the same fault on each of its days."""
        return f"{self.place}/{self.kind}/{self.since.isoformat()}"

    @property
    def sentence(self) -> str:
        """Kind, place, figures and first day, in plain words."""
        since = f" since {self.since}" if self.since != self.day else ""
        moved = f"; moved with it: {listed(list(self.moved))}" if self.moved else ""
        return f"{self.kind}: {self.place} {_WORDS[self.kind](self.figures)} on {self.day}{since}{moved}"

    def remedy(self, product: str) -> str:
        """Who is asked, and the commands once the source is mended: the second one judges the days again."""
        again = f"loopline backfill {product} --from {self.since} --to {self.day}"
        return f"ask {self.owner} to mend {self.place}, then: {again}, and: loopline run {product}"


def fault_table(findings: Iterable[Finding]) -> pa.Table:
    """The findings as a table of FAULT_SCHEMA, in the order given."""
    rows = [
        {
            DAY: one.day, "rows_of": one.rows_of, "column": one.column or None, "kind": one.kind, "since": one.since,
            "follows_from": one.follows_from or None, "moved": json.dumps(one.moved), "owner": one.owner,
            "figures": json.dumps(dict(one.figures)), "sentence": one.sentence,
        }
        for one in findings
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=FAULT_SCHEMA)


def findings_of(table: pa.Table) -> tuple[Finding, ...]:
    """The findings in a table of FAULT_SCHEMA, in its order."""
    return tuple(
        Finding(
            day=row[DAY], rows_of=row["rows_of"], column=row["column"] or "", kind=row["kind"], since=row["since"],
            figures=json.loads(row["figures"]), owner=row["owner"] or "", follows_from=row["follows_from"] or "",
            moved=tuple(json.loads(row["moved"])),
        )
        for row in table.to_pylist()
    )  # fmt: skip


def _scaled(figures: Figures) -> str:
    return (
        f"is {_number(figures['factor'])} times the usual: the middle value is {_number(figures['middle'])}, "
        f"{_number(figures['usual'])} before; its unit or its decimals changed"
    )


def _flipped(figures: Figures) -> str:
    size = abs(float(figures["factor"]))
    times = "" if size == 1 else f" and {_number(size)} times the size"
    return (
        f"has the opposite sign{times}: the middle value is {_number(figures['middle'])}, "
        f"{_number(figures['usual'])} before"
    )


def _missing_feed(figures: Figures) -> str:
    if "never" in figures:
        return f"lacks the day {figures['day']}, which was never made: seen"
    return f"has {figures['rows']:,} rows; at least {figures['usual']:,} are usual"


def _clock(figures: Figures) -> str:
    hours = float(figures["hours"])
    way = "later" if hours > 0 else "earlier"
    return f"lies {_number(abs(hours))} hours {way} in the day than usual: a time zone or a clock changed"


_WORDS: Mapping[FaultKind, Callable[[Figures], str]] = {
    "all_null": lambda of: f"has no value in any of {of['rows']:,} rows; {float(of['usual']):.1%} at most before",
    "missing_more": lambda of: (
        f"has no value in {float(of['share']):.1%} of the rows; {float(of['usual']):.1%} at most before"
    ),
    "constant": lambda of: f"has one value, {of['value']}, in all {of['rows']:,} rows with a value",
    "scaled": _scaled,
    "sign_flipped": _flipped,
    "category_renamed": lambda of: (
        f"has '{of['new']}' in place of '{of['old']}' ({of['rows']:,} rows): a category was renamed"
    ),
    "new_category": lambda of: f"has a new category, '{of['new']}', in {of['rows']:,} rows ({float(of['share']):.1%})",
    "flag_moved": lambda of: (
        f"has its rarer value in {float(of['share']):.1%} of {of['rows']:,} rows; "
        f"{float(of['usual']):.1%} at most before"
    ),
    "rounded": lambda of: (
        f"is rounded to multiples of {_number(of['step'])}; {float(of['usual']):.0%} were finer before"
    ),
    "feed_missing": _missing_feed,
    "duplicated": lambda of: (
        f"repeats {of['repeated']:,} of {of['rows']:,} rows; {float(of['usual']):.1%} at most before"
    ),
    "clock_shifted": _clock,
}


def _number(value: float | int | str) -> str:
    return value if isinstance(value, str) else f"{value:,.4g}"
