"""Running a contract over rows: which are valid, which are quarantined and why, which days may be published.

Belongs here: the order of the rules (malformed, unreadable, missing, mistimed, not exact, key that cannot be stored,
reference, repeated key, expectations, rules on days), the quarantine table, the verdict on each day. Does not belong
here: evaluating expectations (`expectations.py`), rules on days (`day_rules.py`) and on single values (`values.py`),
reading contracts, personal data, the lake.

The verdict on a day depends on that day alone: it is the same within a range.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.ingestion.landing import MALFORMED, ROW_NUMBER
from assets.product import Contract
from assets.product.expectations import columns_of, scope_of
from assets.validation.day_rules import DayFailure, Surroundings, broken_references, day_failures
from assets.validation.entity_keys import refused_keys
from assets.validation.expectations import ContractCannotRun, Judge
from assets.validation.typing import typed
from assets.validation.values import between_steps, default_dates, out_of_bounds, too_large
from resources.sources.calendars import EVERY_DAY, DeliveryCalendar

QUARANTINE_SCHEMA = pa.schema(
    [
        ("row_ref", pa.string()),
        ("rule", pa.string()),
        ("column", pa.string()),
        ("value", pa.string()),
        ("row", pa.string()),
        ("day", pa.date32()),
    ]
)
_HIDDEN = "(personal)"


@dataclass(frozen=True)
class Failure:
    """The rows, by position, that break one rule on one column."""

    rule: str
    column: str
    rows: np.ndarray


@dataclass(frozen=True)
class DayVerdict:
    """Whether a day may be published: its share of quarantined rows is within the limit, and it fails no expectation.

    Not a `Verdict`: the reason is written for a whole run, from its worst day and the rules that all its days broke.
    """

    day: date
    rows: int
    quarantined: int
    allowed_share: float
    failures: tuple[DayFailure, ...] = ()

    @property
    def share(self) -> float:
        """Quarantined rows over rows; 0 for an empty day."""
        return self.quarantined / self.rows if self.rows else 0.0

    @property
    def blocked(self) -> bool:
        """Whether too many rows failed, or the day as a whole; then no row of the day is published."""
        return self.share > self.allowed_share or bool(self.failures)


@dataclass(frozen=True)
class Audit:
    """The result of a contract over raw rows.

    Attributes:
        valid: Rows that keep the contract, typed, with `event_time` and `known_at` under these names, and `day`.
        quarantine: One row for each row and rule that it breaks (QUARANTINE_SCHEMA); personal values are hidden. A rule
            that a whole day breaks has one row, whose `row_ref` is the day and whose `value` is the observed figure.
        failed_by_rule: For each broken rule, how many rows broke it.
    """

    valid: pa.Table
    quarantine: pa.Table
    days: tuple[DayVerdict, ...]
    failed_by_rule: Mapping[str, int]

    @property
    def blocked(self) -> tuple[DayVerdict, ...]:
        """The days that may not be published."""
        return tuple(day for day in self.days if day.blocked)


def audit(
    contract: Contract,
    raw: pa.Table,
    days: Sequence[date],
    *,
    whole_days: bool = True,
    surroundings: Surroundings | None = None,
    calendar: DeliveryCalendar = EVERY_DAY,
) -> Audit:
    """Runs the contract over the raw rows of the given days.

    Args:
        raw: Columns as `assets.ingestion.landing.RawDay` describes them.
        surroundings: What the rules on volume, freshness, distribution and references need; these rules apply only if
            it is given.
        calendar: The days of which nothing is expected: one without rows is not held to expectations on days.
        whole_days: Whether these are all rows of the days; else expectations on several rows or on days do not apply.

    Raises:
        ContractCannotRun: An expectation could not be evaluated (for example, it names a missing column).
    """
    raw = raw.combine_chunks()
    columns, failures = _typed_columns(contract, raw)
    frame = pa.table({**columns, "day": raw["day"]})
    failures.extend(_mistimed(contract, frame))
    failures.extend(_implausible(contract, frame))
    failures.extend(_not_exact(contract, frame))
    failures.extend(_not_storable(contract, frame))
    if surroundings is not None:
        broken = broken_references(contract, frame, surroundings)
        failures.extend(Failure("reference_exists", name, rows) for name, rows in broken.items() if len(rows))
    suspect = _marked(raw.num_rows, failures)
    failures.extend(_repeated(contract, frame, suspect))
    arrived = set(pc.unique(raw["day"]).to_pylist())
    judged = [day for day in days if day in arrived or calendar.delivers(day)]
    rows, of_days = _broken_expectations(contract, frame, suspect, judged, whole_days)
    failures.extend(rows)
    bad = _marked(raw.num_rows, failures)
    if surroundings is not None:
        of_days += day_failures(contract, frame.filter(pa.array(~bad)), judged, surroundings)
    return Audit(
        valid=_renamed(contract, frame.filter(pa.array(~bad))),
        quarantine=pa.concat_tables([_quarantine(contract, raw, failures), _quarantine_days(of_days)]),
        days=_verdicts(contract, raw["day"], bad, days, of_days),
        failed_by_rule=_by_rule(failures, of_days),
    )


def _typed_columns(contract: Contract, raw: pa.Table) -> tuple[dict[str, pa.ChunkedArray], list[Failure]]:
    malformed = np.asarray(pc.is_valid(raw[MALFORMED]).to_numpy())
    failures = [Failure("row_is_readable", "", np.flatnonzero(malformed))]
    columns: dict[str, pa.ChunkedArray] = {}
    for column in contract.columns:
        typed_column = typed(column, raw[column.name])
        columns[column.name] = typed_column.values
        failures.append(Failure(f"value_is_{column.type}", column.name, np.flatnonzero(typed_column.unreadable)))
        if column.required:
            absent = np.asarray(pc.is_null(raw[column.name]).to_numpy()) & ~malformed
            if column.since is not None:
                absent &= pc.greater_equal(raw["day"], pa.scalar(column.since, pa.date32())).to_numpy()
            failures.append(Failure("value_is_present", column.name, np.flatnonzero(absent)))
    return columns, [failure for failure in failures if len(failure.rows)]


def _repeated(contract: Contract, frame: pa.Table, suspect: np.ndarray) -> list[Failure]:
    """Rows with the key of an earlier row of the same day.

    Where the contract allows corrections, a row of the same key with another known_at is a revision and is valid.
    """
    key = dict.fromkeys([*contract.key, *([contract.known_at] if contract.corrections else ())])
    # Without `integer_object_nulls` a missing key turns integers into floats, and long keys become equal.
    keys = frame.select([*key, "day"]).to_pandas(integer_object_nulls=True)
    repeated = keys.duplicated(keep="first").to_numpy() & ~suspect
    return [Failure("key_is_unique", ",".join(key), np.flatnonzero(repeated))] if repeated.any() else []


def _mistimed(contract: Contract, frame: pa.Table) -> list[Failure]:
    """Rows with impossible times: known before the event, or on another day than that of their arrival."""
    event_time, known_at = frame[contract.event_time], frame[contract.known_at]
    rules = {
        "known_at_is_not_before_event_time": pc.less(known_at, event_time),
        "known_at_is_on_its_day": pc.not_equal(known_at.cast(pa.date32(), safe=False), frame["day"]),
    }
    failures = [
        Failure(rule, contract.known_at, np.flatnonzero(pc.fill_null(broken, False).to_numpy()))
        for rule, broken in rules.items()
    ]
    return [failure for failure in failures if len(failure.rows)]


def _implausible(contract: Contract, frame: pa.Table) -> list[Failure]:
    """Rows with a time that its contract's bounds exclude; one that another system writes for no time has its own rule.

    A time that the contract's own bounds allow is no default date.
    """
    failures = []
    for column in contract.columns:
        if column.type == "timestamp":
            beyond = out_of_bounds(contract, column, frame[column.name])
            if not beyond.any():
                continue
            default = default_dates(frame[column.name])
            failures.append(Failure("time_is_no_default", column.name, np.flatnonzero(beyond & default)))
            failures.append(Failure("time_is_within_bounds", column.name, np.flatnonzero(beyond & ~default)))
    return [failure for failure in failures if len(failure.rows)]


def _not_exact(contract: Contract, frame: pa.Table) -> list[Failure]:
    """Rows with a number that the kernel cannot add exactly: too large for its resolution, or between two steps."""
    failures = []
    for name, resolution in contract.resolutions.items():
        large = too_large(frame[name], resolution)
        failures.append(Failure("number_can_be_summed", name, np.flatnonzero(large)))
        between = between_steps(frame[name], resolution) & ~large
        failures.append(Failure("number_fits_resolution", name, np.flatnonzero(between)))
    return [failure for failure in failures if len(failure.rows)]


def _not_storable(contract: Contract, frame: pa.Table) -> list[Failure]:
    """Rows whose entity key the online store refuses: training would count events that no decision sees."""
    texts = [c.name for c in contract.columns if c.name in contract.entity_keys and c.type == "string"]
    failures = [Failure("key_can_be_stored", name, np.flatnonzero(refused_keys(frame[name]))) for name in texts]
    return [failure for failure in failures if len(failure.rows)]


def _broken_expectations(
    contract: Contract, frame: pa.Table, suspect: np.ndarray, days: Sequence[date], whole_days: bool
) -> tuple[list[Failure], list[DayFailure]]:
    """The rows and the days that fail an expectation, among the rows that broke no rule before."""
    rules = [e for e in contract.expectations if whole_days or scope_of(e) == "row"]
    used = sorted({name for rule in rules for name in columns_of(rule)})
    unknown = [name for name in used if name not in frame.column_names]
    if unknown:
        raise ContractCannotRun(f"contract {contract.source}: an expectation names {unknown}, not among its columns")
    if not rules:
        return [], []
    positions = np.flatnonzero(~suspect)
    judge = Judge(contract.source, rules)
    judged = frame.select([*used, "day"]).take(positions)
    rows = [Failure(f.rule, f.column, positions[f.rows]) for f in judge.rows(judged)]
    of_days: list[DayFailure] = []
    personal = {column.name for column in contract.columns if column.personal}
    if judge.needs_days:
        row_days = np.asarray(judged["day"].to_numpy(), dtype="datetime64[D]")
        for day in days:
            of_day = np.flatnonzero(row_days == np.datetime64(day))
            found, broken = judge.day(judged.take(of_day))
            rows.extend(Failure(f.rule, f.column, positions[of_day[f.rows]]) for f in found)
            of_days.extend(
                DayFailure(day, b.rule, b.column, _HIDDEN if b.column in personal else b.observed) for b in broken
            )
    return [failure for failure in rows if len(failure.rows)], of_days


def _marked(rows: int, failures: Sequence[Failure]) -> np.ndarray:
    marked = np.zeros(rows, dtype=bool)
    for failure in failures:
        marked[failure.rows] = True
    return marked


def _renamed(contract: Contract, frame: pa.Table) -> pa.Table:
    names = {contract.event_time: "event_time", contract.known_at: "known_at"}
    return frame.rename_columns([names.get(name, name) for name in frame.column_names])


def _quarantine(contract: Contract, raw: pa.Table, failures: Sequence[Failure]) -> pa.Table:
    personal = {column.name for column in contract.columns if column.personal}
    if personal:  # an unreadable line may hold personal values
        personal.add(MALFORMED)
    tables, shown_columns = [], (*contract.names, MALFORMED)
    for failure in failures:
        rows = raw.take(failure.rows)
        shown = [
            {k: _HIDDEN if k in personal and v is not None else v for k, v in row.items()} for row in rows.to_pylist()
        ]
        values = [row.get(failure.column, row[MALFORMED]) for row in shown]
        tables.append(
            pa.table(
                {
                    "row_ref": [f"{row['day']}#{row[ROW_NUMBER]}" for row in shown],
                    "rule": [failure.rule] * len(shown),
                    "column": [failure.column] * len(shown),
                    "value": values,
                    "row": [json.dumps({k: row[k] for k in shown_columns}) for row in shown],
                    "day": rows["day"],
                },
                schema=QUARANTINE_SCHEMA,
            )
        )
    return pa.concat_tables(tables) if tables else QUARANTINE_SCHEMA.empty_table()


def _quarantine_days(failures: Sequence[DayFailure]) -> pa.Table:
    rows = [
        {
            "row_ref": str(failure.day),
            "rule": failure.rule,
            "column": failure.column,
            "value": failure.observed,
            "row": None,
            "day": failure.day,
        }
        for failure in failures
    ]
    return pa.Table.from_pylist(rows, schema=QUARANTINE_SCHEMA)


def _by_rule(failures: Sequence[Failure], of_days: Sequence[DayFailure]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for rule, column, rows in [(f.rule, f.column, len(f.rows)) for f in failures] + [
        (f.rule, f.column, 1) for f in of_days
    ]:
        name = f"{rule}({column})" if column else rule
        counts[name] = counts.get(name, 0) + rows
    return counts


def _verdicts(
    contract: Contract, day: pa.ChunkedArray, bad: np.ndarray, days: Sequence[date], of_days: Sequence[DayFailure]
) -> tuple[DayVerdict, ...]:
    table = pa.table({"day": day, "bad": pa.array(bad.astype(np.int64))}).group_by("day")
    counts = {
        row["day"]: (row["bad_count"], row["bad_sum"])
        for row in table.aggregate([("bad", "count"), ("bad", "sum")]).to_pylist()
    }
    return tuple(
        DayVerdict(
            d,
            *counts.get(d, (0, 0)),
            allowed_share=contract.max_quarantined,
            failures=tuple(failure for failure in of_days if failure.day == d),
        )
        for d in days
    )
