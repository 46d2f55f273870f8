"""The roles of the columns: which one identifies a row, an entity, the time of the decision, the label.

Belongs here: the roles that were given, and the guess for each that was not. Does not belong here: the facts of a
column (`columns.py`), asking a person (`pipelines.cli`), the draft (`draft.py`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from assets.product.target import TargetKind
from pipelines.drafting.columns import ColumnFacts, Oddity
from resources.errors import LooplineError

_ENTITY = re.compile(
    r"customer|client|user|account|card|member|device|patient|applicant|company|merchant|terminal|kunde|konto|karte"
)
_TIME = re.compile(r"event_time|timestamp|datetime|created|_at$|time|date")
_KNOWN = re.compile(r"known_at|recorded|loaded|ingested|arriv")
_LABEL = re.compile(r"label|target|fraud|default|churn|outcome|^y$|^class$|chargeback|is_bad|converted")
_YES = re.compile(
    r"(?i)y|yes|true|t|ja|j|wahr|oui|s[ií]|positive?|bad|default(ed)?|churn(ed)?|fraud(ulent)?|charged off"
)
_REMARKS: dict[Oddity, str] = {
    "nested": "holds nested values (JSON), and is no feature; deliver their parts as columns of their own",
    "decimal comma": "holds numbers with a decimal comma, which are text here; deliver them with a point",
    "times": "holds times that are text here; deliver them in ISO-8601, as 2026-03-01T14:03",
}
_PROTECTED = re.compile(
    r"^(sex|gender|age|race|ethnicity|marriage|marital_status|nationality|religion|disability"
    r"|geschlecht|alter|familienstand|nationalitaet|staatsangehoerigkeit|behinderung)$"
)


class RoleUnclear(LooplineError):
    """A role was not given and cannot be guessed; the message names the option and the candidates."""


@dataclass(frozen=True)
class Given:
    """The roles that the caller gave, by names in the sample or as proposed; empty where a role is to be guessed."""

    row_id: str = ""
    entities: tuple[str, ...] = ()
    time: str = ""
    known_at: str = ""
    label: str = ""
    positive: str = ""
    without: tuple[str, ...] = ()
    has_time: bool = True
    target: TargetKind = "binary"


@dataclass(frozen=True)
class Roles:
    """The columns with a role.

    Attributes:
        entities: Keys of the entities whose history is counted; empty where no value comes again.
        time: The time of the decision; `None` for a table without time.
        known_at: When a row became known; `None` where no column says so.
        label: The column that says how a row turned out; `None` where another table has it.
        protected: Columns that no decision may use.
        guessed: The roles that were guessed, in words.
    """

    row_id: ColumnFacts
    entities: tuple[ColumnFacts, ...]
    time: ColumnFacts | None
    known_at: ColumnFacts | None
    label: ColumnFacts | None
    protected: tuple[ColumnFacts, ...]
    guessed: tuple[str, ...]


def roles_of(facts: Sequence[ColumnFacts], given: Given, *, with_label: bool = True) -> Roles:
    """The roles of the columns of the table of decisions.

    Args:
        with_label: Whether the table holds the label itself.

    Raises:
        RoleUnclear: A column that was given does not exist, or a role that is needed cannot be guessed.
    """
    guessed: list[str] = []

    def given_column(name: str, option: str) -> ColumnFacts:
        for column in facts:
            if name in (column.name, column.original):
                return column
        parent = [c for c in facts if c.oddity == "nested" and name.startswith(f"{c.original}.")]
        why = f"{remark_on(parent[0])}" if parent else f"it has {_names(facts)}"
        raise RoleUnclear(f"{option} {name}: the sample has no such column; {why}")

    def guess(role: str, candidates: Sequence[ColumnFacts]) -> ColumnFacts | None:
        if candidates:
            guessed.append(f"{role}: {candidates[0].original}")
        return candidates[0] if candidates else None

    label = given_column(given.label, "--label") if given.label else None
    if label is None and with_label:
        label = guess("label", [c for c in facts if c.is_binary and _LABEL.search(c.name)])
        if label is None:
            binary = [c for c in facts if c.is_binary]
            raise RoleUnclear(
                "which column says how a row turned out? Write --label COLUMN (or SOURCE.COLUMN of another sample)"
                + (f"; candidates: {_names(binary)}" if binary else "; no column of the sample holds 0 and 1 alone")
            )
    time = None
    if given.has_time:
        time = given_column(given.time, "--time") if given.time else guess("time", _times(facts))
        if time is None:
            raise RoleUnclear(
                "when was each row decided? No column holds a time in every row; write --time COLUMN, or --template "
                f"table for a table without time. The sample has {_names(facts)}{_nearly_times(facts)}"
            )
    known_at = given_column(given.known_at, "--known-at") if given.known_at else None
    if known_at is None and time is not None:
        known_at = guess("known at", _arrivals(facts, time))
    row_id = given_column(given.row_id, "--row-id") if given.row_id else None
    if row_id is None:
        unique = [c for c in facts if c.is_unique and c.type in ("string", "integer") and c != label]
        row_id = guess("row id", [c for c in unique if re.search(r"(^|_)(id|no|number|key)$", c.name)] or unique)
    if row_id is None:
        raise RoleUnclear(f"which column identifies a row? None is unique; write --row-id COLUMN of {_names(facts)}")
    if given.entities:
        entities = tuple(given_column(name, "--entity") for name in given.entities)
    else:
        taken = (row_id, time, known_at, label)
        texts = [c for c in facts if c.type in ("string", "integer") and c.oddity is None]
        keys = [c for c in texts if c not in taken and c.required]
        coming_again = [c for c in _matching(keys, _ENTITY) if not c.is_unique and c.distinct > 2]
        first = guess("entity", coming_again) if given.has_time else None
        entities = () if first is None else (first,)
    return Roles(
        row_id=row_id,
        entities=entities,
        time=time,
        known_at=known_at,
        label=label,
        protected=tuple(c for c in facts if _PROTECTED.search(c.name) and c not in entities),
        guessed=tuple(guessed),
    )


def remark_on(column: ColumnFacts) -> str:
    """What a person should know of a column whose texts are no mere texts; empty for others."""
    return "" if column.oddity is None else f"{column.original} {_REMARKS[column.oddity]}"


def positive_text(label: ColumnFacts, given: str) -> str:
    """The text of a label that makes a row positive; empty where the label is a number.

    Args:
        given: The text that the caller named; empty where it is to be guessed.

    Raises:
        RoleUnclear: The label has no such text, no text says yes, or it holds times; the message says what to write.
    """
    if label.is_number and not given:
        return ""
    values = label.values if label.is_category else ()
    if given in values:
        return given
    if given:
        raise RoleUnclear(f"--positive {given}: {label.original} holds {', '.join(map(str, values)) or 'no such text'}")
    yes = [value for value in values if _YES.fullmatch(value)]
    if len(values) == 2 and len(yes) == 1:
        return str(yes[0])
    known = f", one of {', '.join(values)}" if values else ""
    raise RoleUnclear(
        f"--label {label.original}: it is a {label.type}; name the text of the rows that turned out so, --positive "
        f"TEXT{known}, or deliver 1 (or true) for these rows and 0 (or false) for the others"
    )


def times_of_events(facts: Sequence[ColumnFacts]) -> tuple[ColumnFacts, ColumnFacts | None]:
    """The time of an event, and the time at which it became known, if a column says so.

    Raises:
        RoleUnclear: No column holds a time in every row.
    """
    times = _times(facts)
    if not times:
        raise RoleUnclear(f"no column holds a time in every row, of {_names(facts)}; events need one")
    arrivals = _arrivals(facts, times[0])
    return times[0], arrivals[0] if arrivals else None


def _nearly_times(facts: Sequence[ColumnFacts]) -> str:
    """What is known of columns that hold times, and not in every row or not as times are written."""
    found = [
        f"{c.original} holds times, but not in every row, as where a total ends the table: remove the other rows, or "
        f"write --time '{c.original}', and they are quarantined"
        for c in facts
        if c.type == "timestamp" and not c.required
    ]
    found += [remark_on(c) for c in facts if c.oddity == "times"]
    return "".join(f". {one}" for one in found)


def _times(facts: Sequence[ColumnFacts]) -> list[ColumnFacts]:
    """The columns with a time in every row, those with the name of an event's time first."""
    times = [c for c in facts if c.type == "timestamp" and c.required]
    return _matching(times, _TIME) or times


def _arrivals(facts: Sequence[ColumnFacts], time: ColumnFacts) -> list[ColumnFacts]:
    return [c for c in _matching(facts, _KNOWN) if c.type == "timestamp" and c.required and c != time]


def _matching(columns: Sequence[ColumnFacts], pattern: re.Pattern[str]) -> list[ColumnFacts]:
    return [c for c in columns if pattern.search(c.name)]


def _names(columns: Sequence[ColumnFacts]) -> str:
    return ", ".join(c.original for c in columns)
