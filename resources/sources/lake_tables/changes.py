"""The change feed of a Delta table of others: the rows that the commits of a day inserted or updated.

Belongs here: the commits of a day, and what their changes are as rows. Does not belong here: rows by a time in a column
(`reader.py`).

A change belongs to the UTC day of its commit, which is when it became known, or to its UTC hour where hours are asked
for; the times of commits never go back, as the protocol has it. The row as it was before an update was known before,
and is left out. A row that was deleted is no event: a source of revisions cannot say it, so a day with deletions is
refused unless the source says that they mean nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from resources.moments import EPOCH
from resources.slots import Slot, length_name, named, slot_holding
from resources.sources.lake_tables.delta import explain_refusals, open_table
from resources.sources.lake_tables.rows import LakeRows, text_rows
from resources.sources.readers import Closing, DayRows, SourceBroken, in_one_order, table_digest
from resources.sources.times import as_text

_KIND, _VERSION, _COMMITTED = "_change_type", "_commit_version", "_commit_timestamp"
_NEW, _DELETED = ("insert", "update_postimage"), "delete"


@dataclass(frozen=True)
class _Commit:
    version: int
    at: datetime


class LakeChangesReader(Closing):
    """Changes of a Delta table by the time of their commit, which is added as the column `day_column`.

    Args:
        ignore_deletions: Whether rows that were deleted mean nothing to the product.
    """

    def __init__(self, address: str, wanted: LakeRows, *, ignore_deletions: bool) -> None:
        self._address, self._wanted, self._ignore = address, wanted, ignore_deletions

    def read(self, days: Sequence[Slot]) -> Iterator[DayRows]:
        """The changes of consecutive days, or hours.

        Raises:
            SourceUnavailable: The place does not answer.
            SourceBroken: There is no such table, it keeps no change feed for these days, or rows were deleted.
        """
        with explain_refusals(self._where(days[0]), self._address):
            table = open_table(self._address, self._wanted.version)
            commits = self._commits(table, days[0])
            found = {day: self._changes(table, day, _of(commits, day)) for day in days}
        for day, rows in found.items():
            of_day = _of(commits, day)
            origin = {
                "table": self._address, "commits": [commit.version for commit in of_day], "rows": rows.num_rows,
                "digest": table_digest(rows),
            }  # fmt: skip
            yield DayRows(day, rows, origin=origin)

    def changed(self, recorded: Mapping[Slot, Mapping[str, Any]]) -> frozenset[Slot]:
        """See `Reader.changed`. The days that have other commits now: a day was read before it was over."""
        known = {day: list(origin["commits"]) for day, origin in recorded.items() if "commits" in origin}
        if not known:
            return frozenset()
        with explain_refusals(self._where(min(known)), self._address):
            commits = self._history(open_table(self._address, self._wanted.version))
        oldest = commits[0].version if commits else 0
        return frozenset(
            day
            for day, read in known.items()
            # What is no longer in the log cannot have changed.
            if [commit.version for commit in _of(commits, day)] != [version for version in read if version >= oldest]
        )

    def _commits(self, table: DeltaTable, first: Slot) -> tuple[_Commit, ...]:
        """The commits, if the log has all of those that may be of these days.

        Raises:
            SourceBroken: It has not.
        """
        commits = self._history(table)
        if not commits or (commits[0].version > 0 and slot_holding(commits[0].at, first) >= first):
            oldest = f"; it has those since version {commits[0].version}, {commits[0].at:%Y-%m-%d}" if commits else ""
            length = length_name(first)
            raise SourceBroken(
                f"{self._where(first)}: the log of {self._address} no longer has the commits of this {length}{oldest}; "
                f"leave the {length} as it is, or ask its owner for the rows"
            )
        return commits

    def _history(self, table: DeltaTable) -> tuple[_Commit, ...]:
        """The commits that the log has, in order, at times that never go back."""
        found: list[_Commit] = []
        for commit in sorted(table.history(), key=lambda commit: int(commit["version"])):
            at = EPOCH + timedelta(milliseconds=int(commit["timestamp"]))
            found.append(_Commit(int(commit["version"]), max(at, found[-1].at) if found else at))
        return tuple(commit for commit in found if commit.version <= table.version())

    def _changes(self, table: DeltaTable, day: Slot, commits: Sequence[_Commit]) -> pa.Table:
        """The rows that the commits of a day inserted or updated, as text."""
        schema = pa.schema(table.schema().to_arrow())
        if self._wanted.day_column in schema.names:
            raise SourceBroken(
                f"{self._where(day)}: {self._address} has a column '{self._wanted.day_column}' of its own; name "
                f"another with day_column=, to which the time of the commit is written"
            )
        rows = self._feed(table, day, commits) if commits else schema.empty_table()
        if commits:
            deleted = pc.sum(pc.equal(rows[_KIND], _DELETED)).as_py() or 0
            if deleted and not self._ignore:
                raise SourceBroken(
                    f"{self._where(day)}: {self._address} deleted {deleted} rows in the commits of this "
                    f"{length_name(day)}, and an event cannot be taken back; if they mean nothing here, write "
                    f"ignore_deletions=True"
                )
            rows = rows.filter(pc.is_in(rows[_KIND], pa.array(_NEW)))
            at = {commit.version: commit.at for commit in commits}
            known = pa.array([at[version] for version in rows[_VERSION].to_pylist()], pa.timestamp("us", "UTC"))
            rows = rows.drop_columns([_KIND, _VERSION, _COMMITTED])
        else:
            known = pa.array([], pa.timestamp("us", "UTC"))
        rows = text_rows(rows.select(schema.names), self._wanted)
        return in_one_order(
            rows.append_column(self._wanted.day_column, as_text(pa.chunked_array([known]))), self._wanted.day_column
        )

    def _feed(self, table: DeltaTable, day: Slot, commits: Sequence[_Commit]) -> pa.Table:
        try:
            feed = pa.table(
                table.load_cdf(starting_version=commits[0].version, ending_version=commits[-1].version).read_all()
            )
        except DeltaError as error:
            if "change data enabled" not in str(error):
                raise
            raise SourceBroken(
                f"{self._where(day)}: {self._address} keeps no change feed for the commits of this "
                f"{length_name(day)}; ask its owner to set delta.enableChangeDataFeed, and begin with the first day "
                f"that has one"
            ) from error
        texts = [pa.field(f.name, pa.string() if pa.types.is_string_view(f.type) else f.type) for f in feed.schema]
        return feed.cast(pa.schema(texts))

    def _where(self, day: Slot) -> str:
        return f"source {self._wanted.source}, {named(day)}"


def _of(commits: Sequence[_Commit], day: Slot) -> tuple[_Commit, ...]:
    return tuple(commit for commit in commits if slot_holding(commit.at, day) == day)
