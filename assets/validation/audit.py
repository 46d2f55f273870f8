"""Running a contract over rows: which are valid, which are quarantined and why, which days may be published.

Belongs here: the order of the rules (malformed, unreadable, missing, mistimed, not exact, key that cannot be stored,
reference, repeated key, expectations, rules on days), the verdict on each day. Does not belong here: the rules
themselves (`rules`), the quarantine (`quarantine.py`), rows that one process cannot hold (`large_days.py`), personal
data, the lake.

The verdict on a day depends on that day alone: it is the same within a range.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from assets.product import Contract
from assets.product.contracts.expectations import columns_of, scope_of
from assets.validation.quarantine import HIDDEN, quarantine_schema, quarantined_days, quarantined_rows
from assets.validation.rules.day_rules import DayFailure, Surroundings, day_failures
from assets.validation.rules.expectations import ContractCannotRun, Judge
from assets.validation.rules.row_rules import Failure, marked, row_failures
from resources.lake.partitioning import of_slot, slot_column, slot_columns
from resources.slots import Slot, day_of
from resources.sources.calendars import EVERY_DAY, DeliveryCalendar


@dataclass(frozen=True)
class DayVerdict:
    """Whether a day or an hour may be published: it fails no expectation, and few enough of its rows are quarantined.

    Not a `Verdict`: the reason is written for a whole run, from its worst day and the rules that all its days broke.
    """

    day: Slot
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
class Judgement:
    """The verdicts of a contract on days.

    Attributes:
        failed_by_rule: For each broken rule, how many rows broke it.
    """

    days: tuple[DayVerdict, ...]
    failed_by_rule: Mapping[str, int]

    @property
    def blocked(self) -> tuple[DayVerdict, ...]:
        """The days that may not be published."""
        return tuple(day for day in self.days if day.blocked)


@dataclass(frozen=True)
class Audit(Judgement):
    """The result of a contract over raw rows.

    Attributes:
        valid: Rows that keep the contract, typed, with `event_time` and `known_at` under these names, and the
            partition columns.
        quarantine: One row for each row and rule that it breaks (QUARANTINE_SCHEMA); personal values are hidden. A rule
            that a whole day, or hour, breaks has one row, whose `row_ref` is the day, or the hour, and whose `value` is
            the observed figure.
    """

    valid: pa.Table
    quarantine: pa.Table


def audit(
    contract: Contract,
    raw: pa.Table,
    days: Sequence[Slot],
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
    frame, failures = row_failures(contract, raw, surroundings)
    suspect = marked(raw.num_rows, failures)
    failures.append(key_failure(contract, np.flatnonzero(repeated_keys(contract, frame) & ~suspect)))
    judge, used = judge_of(contract, whole_days=whole_days)
    positions = np.flatnonzero(~suspect)
    judged = frame.select([*used, *slot_columns(raw)]).filter(pa.array(~suspect))
    slot = slot_column(raw.column_names)
    failures.extend(Failure(f.rule, f.column, positions[f.rows]) for f in judge.rows(judged))
    of_days: list[DayFailure] = []
    expected = expected_days(days, set(pc.unique(raw[slot]).to_pylist()), calendar)
    if judge.needs_days:
        for day in expected:
            of_day = np.flatnonzero(of_slot(judged, day).to_numpy())
            found, broken = failures_of_day(contract, judge, day, positions[of_day], judged.take(of_day))
            failures.extend(found)
            of_days.extend(broken)
    bad = marked(raw.num_rows, failures)
    if surroundings is not None:
        of_days += day_failures(contract, frame.filter(pa.array(~bad)), expected, surroundings)
    counts = pa.table({"day": raw[slot], "bad": pa.array(bad.astype(np.int64))}).group_by("day")
    found_rows = counts.aggregate([("bad", "count"), ("bad", "sum")]).to_pylist()
    return Audit(
        days=verdicts(contract, {one["day"]: (one["bad_count"], one["bad_sum"]) for one in found_rows}, days, of_days),
        failed_by_rule=by_rule([(f.rule, f.column, len(f.rows)) for f in failures], of_days),
        valid=renamed(contract, frame.filter(pa.array(~bad))),
        quarantine=pa.concat_tables(
            [
                quarantined_rows(contract, raw, [f for f in failures if len(f.rows)]),
                quarantined_days(of_days, quarantine_schema(raw.column_names)),
            ]
        ),
    )


def expected_days(days: Sequence[Slot], arrived: set[Slot], calendar: DeliveryCalendar) -> list[Slot]:
    """The days that are held to rules on days: those that arrived, and those on which the source delivers."""
    return [day for day in days if day in arrived or calendar.delivers(day_of(day))]


def key_columns(contract: Contract) -> list[str]:
    """The columns that rows of a day may not share.

    Where the contract allows corrections, a row of the same key with another known_at is a revision and is valid.
    """
    return list(dict.fromkeys([*contract.key, *([contract.known_at] if contract.corrections else ())]))


def repeated_keys(contract: Contract, frame: pa.Table) -> np.ndarray:
    """Marks the rows with the key of an earlier row of the same day: bool [rows]."""
    keys, slot = dict[str, np.ndarray](), slot_column(frame.column_names)
    for name in [*key_columns(contract), slot]:
        values = frame[name].combine_chunks()
        if values.null_count:  # a missing key is equal to a missing one alone
            keys[f"{name} is there"] = np.asarray(pc.is_valid(values).to_numpy(zero_copy_only=False))
        if pa.types.is_string(values.type):
            values = values.dictionary_encode().indices
        elif pa.types.is_timestamp(values.type) or pa.types.is_date32(values.type):
            values = values.cast(pa.int64() if pa.types.is_timestamp(values.type) else pa.int32())
        # A long whole number stays one: as a float it would be equal to others.
        filled = values.fill_null(pa.scalar(0, pa.int8()).cast(values.type)) if values.null_count else values
        keys[name] = filled.to_numpy(zero_copy_only=False)
    if len(keys) > 1 and (keys[slot] == keys[slot][:1]).all():
        del keys[slot]  # pandas needs a third of the time for one column
    return np.asarray(pd.DataFrame(keys).duplicated(keep="first").to_numpy())


def key_failure(contract: Contract, rows: np.ndarray) -> Failure:
    """The failure of rows with a repeated key."""
    return Failure("key_is_unique", ",".join(key_columns(contract)), rows)


def judge_of(contract: Contract, *, whole_days: bool) -> tuple[Judge, list[str]]:
    """The judge of the contract's expectations, and the columns that it reads.

    Raises:
        ContractCannotRun: An expectation names a column that the contract lacks.
    """
    rules: list[Mapping[str, Any]] = [e for e in contract.expectations if whole_days or scope_of(e) == "row"]
    used = sorted({name for rule in rules for name in columns_of(rule)})
    unknown = [name for name in used if name not in contract.names]
    if unknown:
        raise ContractCannotRun(f"contract {contract.source}: an expectation names {unknown}, not among its columns")
    return Judge(contract.source, rules), used


def failures_of_day(
    contract: Contract, judge: Judge, day: Slot, positions: np.ndarray, rows: pa.Table
) -> tuple[list[Failure], list[DayFailure]]:
    """The rows of a day, and the day, that fail an expectation which needs the whole day.

    Args:
        positions: The positions of the rows among all; those that broke a rule on rows are left out.
    """
    personal = {column.name for column in contract.columns if column.personal}
    found, broken = judge.day(rows)
    return [Failure(f.rule, f.column, positions[f.rows]) for f in found], [
        DayFailure(day, b.rule, b.column, HIDDEN if b.column in personal else b.observed) for b in broken
    ]


def renamed(contract: Contract, frame: pa.Table) -> pa.Table:
    """The rows with their times as `event_time` and `known_at`."""
    names = {contract.event_time: "event_time", contract.known_at: "known_at"}
    return frame.rename_columns([names.get(name, name) for name in frame.column_names])


def by_rule(broken_rows: Sequence[tuple[str, str, int]], of_days: Sequence[DayFailure]) -> dict[str, int]:
    """For each broken rule, how many rows or days broke it.

    Args:
        broken_rows: Rules and columns, with the number of rows that broke them.
    """
    counts: dict[str, int] = {}
    for rule, column, rows in [*broken_rows, *((f.rule, f.column, 1) for f in of_days)]:
        if not rows:
            continue
        name = f"{rule}({column})" if column else rule
        counts[name] = counts.get(name, 0) + rows
    return counts


def verdicts(
    contract: Contract, counts: Mapping[Slot, tuple[int, int]], days: Sequence[Slot], of_days: Sequence[DayFailure]
) -> tuple[DayVerdict, ...]:
    """The verdict on each day, from its rows and how many of them are quarantined."""
    return tuple(
        DayVerdict(
            day,
            *counts.get(day, (0, 0)),
            allowed_share=contract.max_quarantined,
            failures=tuple(failure for failure in of_days if failure.day == day),
        )
        for day in days
    )
