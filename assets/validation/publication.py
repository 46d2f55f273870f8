"""What a run writes: the quarantine of its days, and their valid rows without personal data.

Belongs here: tokens and consent on the valid rows, the count of all rows, writing both tables; for rows that this
process holds, and in Spark tasks for those that it cannot hold. Both ways write the same rows in the same order. Does
not belong here: judging (`audit.py`, `large_days.py`), whether to publish (`assets.py`).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from assets.privacy.consent import ConsentResult, apply_consent
from assets.privacy.tokens import without_personal_data
from assets.product import Contract
from assets.validation.audit import Audit, DayVerdict, Judgement, renamed
from assets.validation.balance import DayBalance, balances
from assets.validation.block_sets import marks_of, rows_in
from assets.validation.large_days import LargeAudit
from assets.validation.quarantine import quarantine_schema, quarantined_days, quarantined_rows
from assets.validation.repeated_rows import ERRORS
from assets.validation.rules.row_rules import Failure, typed_rows
from resources.lake import Commit, DataFile, Lake, SchemaConflict
from resources.lake.blocks import Blocks, commit_placed, placed, write_rows
from resources.lake.partitioning import partition_columns
from resources.slots import Slot
from resources.spark.tasks import mapped

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_PLACE, _SET = "place", "set"
_FAILED = pa.schema([(_PLACE, pa.int32()), (_SET, pa.binary())])
_WRITTEN = pa.schema([("path", pa.string()), ("rows", pa.int64()), ("bytes", pa.int64()), ("others", pa.int64())])
_LAST = 999_999
"""The place of entries of whole days, which are the last of a day."""


@dataclass(frozen=True)
class Tables:
    """The tables of a source in the lake, and the run that writes them.

    Attributes:
        rows: The rows of each day by the log of the raw table.
    """

    lake: Lake
    quarantine: str
    validated: str
    run_id: str
    days: tuple[Slot, ...]
    rows: Mapping[Slot, int]

    @property
    def quarantine_schema(self) -> pa.Schema:
        """The columns of the quarantine."""
        return quarantine_schema(partition_columns(self.days[0]))

    def target(self, table: str) -> str:
        """The folder or prefix for files of the run."""
        return f"{self.lake.folder(table)}/{self.run_id}"

    def commit(self, table: str, schema: pa.Schema, files: Sequence[DataFile], record: Mapping[str, Any]) -> Commit:
        """Commits files of that folder as the whole content of the days."""
        return commit_placed(self.lake, table, schema, self.run_id, files, self.days, record)


@dataclass(frozen=True)
class Terms:
    """What the rows are published under.

    Attributes:
        key: The key of tokens.
        consents: As `assets.privacy.consent` describes them; `None` where the contract asks for none.
    """

    contract: Contract
    key: bytes
    consents: pa.Table | None

    def allowed(self, valid: pa.Table) -> ConsentResult:
        """The valid rows without personal data, and which of them may be used."""
        rows = without_personal_data(self.contract, valid, self.key)
        if self.contract.consent is None or self.consents is None:
            return ConsentResult(rows, rows.slice(0, 0))
        return apply_consent(self.contract.consent, rows, self.consents)


@dataclass(frozen=True)
class Allowed:
    """The files of rows that may be published: valid, without personal data, with consent.

    Attributes:
        withheld: How many valid rows lack the consent.
        publish: Commits the files with a record.
        discard: Deletes the files instead.
    """

    schema: pa.Schema
    withheld: int
    balances: tuple[DayBalance, ...]
    publish: Callable[[Mapping[str, Any]], Commit]
    discard: Callable[[], None]


class Publication(Protocol):
    """The judged rows of a run."""

    @property
    def outcome(self) -> Judgement:
        """The verdicts on the days."""

    def quarantine(self, record: Mapping[str, Any]) -> None:
        """Commits the quarantine of the days."""

    def allow(self) -> Allowed:
        """The rows that may be published, if no day is blocked."""

    def discard(self) -> None:
        """Deletes what was written of the valid rows, if a day is blocked."""


@dataclass(frozen=True)
class HeldRows:
    """Days that this process has judged, a few at a time, and written to files that no version refers to yet.

    Attributes:
        refused: The files of the quarantine.
    """

    tables: Tables
    outcome: Judgement
    refused: tuple[DataFile, ...]
    kept: tuple[DataFile, ...]
    schema: pa.Schema
    withheld: int
    balances: tuple[DayBalance, ...]

    def quarantine(self, record: Mapping[str, Any]) -> None:
        """As `Publication.quarantine`."""
        to = self.tables
        to.lake.commit_files(to.quarantine, to.quarantine_schema, self.refused, days=to.days, metadata=record)

    def allow(self) -> Allowed:
        """As `Publication.allow`."""
        return Allowed(self.schema, self.withheld, self.balances, self._publish, self.discard)

    def discard(self) -> None:
        """As `Publication.discard`."""
        self.tables.lake.discard(self.tables.validated, self.kept)

    def _publish(self, record: Mapping[str, Any]) -> Commit:
        to = self.tables
        try:
            return to.lake.commit_files(to.validated, self.schema, self.kept, days=to.days, metadata=record)
        except SchemaConflict:
            self.discard()
            raise


def held_rows(terms: Terms, tables: Tables, portions: Iterable[tuple[Sequence[Slot], Callable[[], Audit]]]) -> HeldRows:
    """Judges days in portions of them, each of which is written and forgotten before the next.

    Args:
        portions: Days, and what judges them.
    """
    refused: list[DataFile] = []
    kept: list[DataFile] = []
    counted: list[DayBalance] = []
    verdicts: list[DayVerdict] = []
    by_rule: Counter[str] = Counter()
    withheld, lake, schema = 0, tables.lake, pa.schema([])
    try:
        for days, judge in portions:
            outcome = judge()
            found = terms.allowed(outcome.valid)
            refused += lake.write(tables.quarantine, outcome.quarantine, days=days)
            kept += lake.write(tables.validated, found.kept, days=days)
            counted += balances(
                days, raw=tables.rows, validated=found.kept, quarantine=outcome.quarantine, withheld=found.refused
            )
            verdicts += outcome.days
            by_rule.update(outcome.failed_by_rule)
            withheld, schema = withheld + found.withheld, found.kept.schema
    except BaseException:
        lake.discard(tables.quarantine, refused)
        lake.discard(tables.validated, kept)
        raise
    outcome_of_all = Judgement(tuple(verdicts), dict(by_rule))
    return HeldRows(tables, outcome_of_all, tuple(refused), tuple(kept), schema, withheld, tuple(counted))


@dataclass(frozen=True)
class LargeRows:
    """Rows in blocks that Spark tasks write; the tasks are sent the key of tokens and the consents."""

    terms: Terms
    tables: Tables
    outcome: LargeAudit
    blocks: Blocks
    spark: "SparkSession"

    def quarantine(self, record: Mapping[str, Any]) -> None:
        """As `Publication.quarantine`."""
        to, target = self.tables, self.tables.target(self.tables.quarantine)
        contract, blocks, failures = self.terms.contract, self.blocks, self.outcome.failures
        named = [(failure.rule, failure.column) for failure in failures]

        def write(number: int, given: pa.Table) -> pa.Table:
            block, files = blocks.each[number], []
            raw = blocks.read(block) if given.num_rows else blocks.schema.empty_table()
            # A file for each rule: in the order of their names they are in the order of the rules, then of the rows.
            for place, rows in zip(given[_PLACE].to_pylist(), given[_SET].to_pylist(), strict=True):
                rule, column = named[place]
                found = quarantined_rows(contract, raw, [Failure(rule, column, rows_in(rows, block.rows))])
                files.append(write_rows(found, target, f"{place:06}-{number:06}", block.day))
            return _as_table(files)

        written = mapped(self.spark, write, [self._failures_in(number) for number in range(len(blocks.each))], ERRORS)
        files = [file for block, table in zip(blocks.each, written, strict=True) for file in _files(table, block.day)]
        for day in to.days:
            of_day = [failure for failure in self.outcome.of_days if failure.day == day]
            if of_day:
                files.append(write_rows(quarantined_days(of_day, to.quarantine_schema), target, f"{_LAST:06}", day))
        to.commit(to.quarantine, to.quarantine_schema, files, record)

    def discard(self) -> None:
        """As `Publication.discard`: none of the valid rows is written before they are allowed."""

    def allow(self) -> Allowed:
        """As `Publication.allow`."""
        to, target = self.tables, self.tables.target(self.tables.validated)
        terms, contract, blocks = self.terms, self.terms.contract, self.blocks

        def write(number: int, given: pa.Table) -> pa.Table:
            block = blocks.each[number]
            raw = blocks.read(block)
            good = ~marks_of(given[_SET].to_pylist(), block.rows)
            valid = renamed(contract, typed_rows(contract, raw).filter(pa.array(good)))
            found = terms.allowed(valid)
            files = [write_rows(found.kept, target, f"{number:06}", block.day)] if found.kept.num_rows else []
            return _as_table(files, found.withheld)

        given = [self._failures_in(number) for number in range(len(blocks.each))]
        written = mapped(self.spark, write, given, ERRORS)
        files = [file for block, table in zip(blocks.each, written, strict=True) for file in _files(table, block.day)]
        withheld = [sum(table["others"].to_pylist()) for table in written]
        none = renamed(contract, typed_rows(contract, blocks.schema.empty_table()))
        schema = terms.allowed(none).kept.schema
        return Allowed(
            schema, sum(withheld), self._balances(files, withheld),
            lambda record: to.commit(to.validated, schema, files, record),
            lambda: to.lake.discard(to.validated, placed(files, to.run_id)),
        )  # fmt: skip

    def _balances(self, files: Sequence[DataFile], withheld: Sequence[int]) -> tuple[DayBalance, ...]:
        quarantined = {day.day: day.quarantined for day in self.outcome.days}
        return tuple(
            DayBalance(
                day,
                self.tables.rows.get(day, 0),
                sum(file.rows for file in files if file.day == day),
                quarantined.get(day, 0),
                sum(count for block, count in zip(self.blocks.each, withheld, strict=True) if block.day == day),
            )
            for day in self.tables.days
        )

    def _failures_in(self, number: int) -> pa.Table:
        """The rows of a block that break each rule, in the order of the rules."""
        sets = [(place, failure.sets[number]) for place, failure in enumerate(self.outcome.failures)]
        some = [(place, rows) for place, rows in sets if rows]
        return pa.table([[place for place, _ in some], [rows for _, rows in some]], schema=_FAILED)


def _as_table(files: Sequence[DataFile], others: int = 0) -> pa.Table:
    """A task's files; a last row without a file counts the rows that it withheld."""
    rows = [{"path": file.path, "rows": file.rows, "bytes": file.bytes, "others": 0} for file in files]
    return pa.Table.from_pylist([*rows, {"path": None, "rows": 0, "bytes": 0, "others": others}], schema=_WRITTEN)


def _files(table: pa.Table, day: Slot) -> list[DataFile]:
    return [DataFile(one["path"], day, one["rows"], one["bytes"]) for one in table.to_pylist() if one["path"]]
