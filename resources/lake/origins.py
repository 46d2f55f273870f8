"""The origin of each day or hour of a table: what was read of other tables when it was made.

Belongs here: recording it in a commit, for a raw table also where its days were read from; finding the days that were
made from other content than the present one. Does not belong here: which table is made from which (`assets`), making
days again (`pipelines`).

Only the tables' logs are read. A commit records the hash of each day that it replaced, so a day that was made again
with equal content makes nothing stale. What is said of days holds for the hours of a table whose slots are hours. A
table of days may be made from one of hours, as the figures of a day from its scores: the day reads all its hours.
"""

import json
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import takewhile
from typing import Any

from resources.lake.delta import CONTENT, DAYS
from resources.lake.errors import MissingTable
from resources.lake.lake import Lake
from resources.slots import Hour, Slot, checked_slot, day_of, first_hour, last_hour, slots_between

_READ = "loopline.read"
_SOURCE = "loopline.source"
_Commit = tuple[Mapping[str, Any], tuple[Slot, ...]]


@dataclass(frozen=True)
class Reading:
    """What every day of a commit read of another table.

    Attributes:
        version: The version of the other table.
        before: How many days before the day were read besides the day itself, of an hour besides the hours of its day
            up to it, or with 0 besides itself; `None` for all earlier days.
    """

    version: int
    before: int | None = 0


def made_from(readings: Mapping[str, Reading]) -> dict[str, str]:
    """The metadata of a commit whose days were made from these readings of other tables, by table."""
    return {_READ: json.dumps({table: [read.version, read.before] for table, read in readings.items()}, sort_keys=True)}


def read_from(origins: Mapping[Slot, Mapping[str, Any]]) -> dict[str, str]:
    """The metadata of a commit whose days were read from a source, with the origin of each."""
    return {_SOURCE: json.dumps({str(day): origin for day, origin in origins.items()}, sort_keys=True)}


def source_origins(lake: Lake, table: str) -> dict[Slot, Mapping[str, Any]]:
    """The origin of each day of a table that was read from a source; days without a recorded one are left out.

    Raises:
        LakeError: A log cannot be read.
    """
    found: dict[Slot, Mapping[str, Any] | None] = {}
    for commit, days in _commits(lake, table):
        recorded: Mapping[str, Mapping[str, Any]] = json.loads(commit.get(_SOURCE, "{}"))
        for day in days:
            found.setdefault(day, recorded.get(str(day)))
    return {day: origin for day, origin in found.items() if origin is not None}


def versions_read(lake: Lake, table: str, version: int) -> dict[str, tuple[int, ...]]:
    """For each other table, the versions of it from which the content of a version of a table was made, ascending.

    Of each day the commit counts that made its content; days whose commits are no longer in the log are left out.

    Raises:
        LakeError: The log cannot be read.
    """
    makers = set(content_since(lake, table, version).values())
    found: dict[str, set[int]] = {}
    for commit in lake.history(table):
        if commit["version"] in makers:
            for other, (read, _) in json.loads(commit.get(_READ, "{}")).items():
                found.setdefault(other, set()).add(int(read))
    return {other: tuple(sorted(versions)) for other, versions in found.items()}


def recorded_origin(lake: Lake, table: str, day: Slot) -> dict[str, str]:
    """What the last commit of a day recorded of its origin, for a commit that only takes rows out of the day.

    Raises:
        LakeError: The log cannot be read.
    """
    for commit, days in _commits(lake, table):
        if day in days:
            source = json.loads(commit.get(_SOURCE, "{}")).get(str(day))
            read = {_READ: str(commit[_READ])} if _READ in commit else {}
            return read | ({} if source is None else read_from({day: source}))
    return {}


def stale_days(lake: Lake, tables: Iterable[str]) -> dict[str, frozenset[Slot]]:
    """For each table the days that were made from days of other tables which have other content now.

    A day whose commit does not name its origin, or is no longer in the log, counts as up to date. Of a day that was
    replaced by code that recorded no hashes, each version counts as other content.

    Raises:
        LakeError: A log cannot be read.
    """
    commits = {table: [*_commits(lake, table)] for table in tables}
    origins = {table: _origins(found) for table, found in commits.items()}
    read = {upstream for of_days in origins.values() for readings in of_days.values() for upstream in readings}
    changes = {
        upstream: _Changes(_contents(commits[upstream] if upstream in commits else _commits(lake, upstream)))
        for upstream in read
    }
    return {
        table: frozenset(
            day
            for day, readings in of_days.items()
            if any(changes[upstream].between(day, reading) for upstream, reading in readings.items())
        )
        for table, of_days in origins.items()
    }


def changed_days(lake: Lake, table: str, version: int) -> tuple[Slot, ...]:
    """The days of a table, in order, whose content now is not what it was at a version.

    Raises:
        LakeError: The log cannot be read.
    """
    return tuple(_Changes(_contents(_commits(lake, table))).since(version))


def content_since(lake: Lake, table: str, version: int) -> dict[Slot, int]:
    """For each day of a version of a table the version since which the day has had its content.

    A day that was made again with equal content has it since the first of these commits. Days whose commits are no
    longer in the log are left out.

    Raises:
        LakeError: The log cannot be read.
    """
    return {
        day: since
        for day, contents in _contents(_commits(lake, table)).items()
        if (since := _since([(made, content) for made, content in contents if made <= version])) is not None
    }


def days_made_with_another(lake: Lake, table: str, name: str, value: str) -> frozenset[Slot]:
    """The days of a table whose last commit recorded another value than this one under the name.

    Raises:
        LakeError: The log cannot be read.
    """
    recorded: dict[Slot, str] = {}
    for commit, days in _commits(lake, table):
        for day in days:
            recorded.setdefault(day, str(commit.get(name, value)))
    return frozenset(day for day, found in recorded.items() if found != value)


def days_that_read(lake: Lake, table: str, remade: Mapping[str, Collection[Slot]]) -> frozenset[Slot]:
    """The days of a table that were made from one of these days of other tables.

    Args:
        remade: For each of the other tables its days.

    Raises:
        LakeError: The log cannot be read.
    """
    ordered = {upstream: sorted(days) for upstream, days in remade.items()}
    return frozenset(
        day
        for day, readings in _origins(_commits(lake, table)).items()
        if any(_reaches(ordered.get(upstream, []), day, reading) for upstream, reading in readings.items())
    )


def version_before(lake: Lake, table: str, runs: Collection[str]) -> int | None:
    """The newest version of a table that is older than every commit of these runs; `None` for none.

    Raises:
        LakeError: The log cannot be read.
    """
    try:
        history = lake.history(table)
    except MissingTable:
        return None
    theirs = [int(commit["version"]) for commit in history if commit.get("run_id") in runs]
    found = min(theirs) - 1 if theirs else max(int(commit["version"]) for commit in history)
    return found if found >= 0 else None


@dataclass(frozen=True)
class _Changes:
    """The changes of a table's days.

    Attributes:
        contents: For each day its versions, the newest first, each with its content.
    """

    contents: Mapping[Slot, Sequence[tuple[int, str]]]
    # The answers so far, by version: many days were made from the same version.
    _known: dict[int, list[Slot]] = field(default_factory=dict, repr=False, compare=False)

    def since(self, version: int) -> list[Slot]:
        """The days, in order, whose content now is not what it was at the version."""
        if version not in self._known:
            self._known[version] = sorted(
                day for day, contents in self.contents.items() if contents[0][1] != _content_at(contents, version)
            )
        return self._known[version]

    def between(self, day: Slot, reading: Reading) -> bool:
        """Whether a day that was read for this one has other content now."""
        return _reaches(self.since(reading.version), day, reading)


def _reaches(days: Sequence[Slot], day: Slot, reading: Reading) -> bool:
    """Whether one of the days or hours, which are in order, was read for the day or the hour."""
    if not days:
        return False
    first, last = _read_for(day, reading, of_hours=isinstance(days[0], Hour))
    place = 0 if first is None else bisect_left(days, first)
    return place < len(days) and days[place] <= last


def _read_for(day: Slot, reading: Reading, *, of_hours: bool) -> tuple[Slot | None, Slot]:
    """The first (`None` for the very first) and the last slot of another table that were read for one of this table.

    Args:
        of_hours: Whether the other table's slots are hours.
    """
    if of_hours and isinstance(day, Hour) and reading.before == 0:
        return day, day
    last: Slot = day if of_hours and isinstance(day, Hour) else day_of(day)
    first = None if reading.before is None else day_of(day) - timedelta(days=reading.before)
    if not of_hours:
        return first, last
    return None if first is None else first_hour(first), last if isinstance(last, Hour) else last_hour(last)


def _content_at(contents: Sequence[tuple[int, str]], version: int) -> str:
    """The content at a version; that of a day that was not there yet is the same as that of a day without rows."""
    return next((content for made, content in contents if made <= version), "")


def _since(contents: Sequence[tuple[int, str]]) -> int | None:
    """The oldest version from which on the content is the newest one; `None` without any."""
    alike = [made for made, _ in takewhile(lambda one: one[1] == contents[0][1], contents)]
    return alike[-1] if alike else None


def _origins(commits: Iterable[_Commit]) -> dict[Slot, Mapping[str, Reading]]:
    """For each day what its last commit read of other tables."""
    origins: dict[Slot, Mapping[str, Reading]] = {}
    for commit, days in commits:
        readings = {name: _reading(value) for name, value in json.loads(commit.get(_READ, "{}")).items()}
        for day in days:
            origins.setdefault(day, readings)
    return origins


def _reading(value: Any) -> Reading:
    """Older code recorded the version alone, and the day's own readings alone."""
    return Reading(value) if isinstance(value, int) else Reading(*value)


def _contents(commits: Iterable[_Commit]) -> dict[Slot, list[tuple[int, str]]]:
    found: dict[Slot, list[tuple[int, str]]] = {}
    for commit, days in commits:
        version, hashes = int(commit["version"]), json.loads(commit.get(CONTENT, "{}"))
        for day in days:
            found.setdefault(day, []).append((version, hashes.get(str(day), f"unknown, of version {version}")))
    return found


def _commits(lake: Lake, table: str) -> Iterator[_Commit]:
    """The commits that replaced days, newest first, each with its days."""
    try:
        history = lake.history(table)
    except MissingTable:
        return
    for commit in history:
        if DAYS in commit:
            first, last = str(commit[DAYS]).split("/")
            yield commit, slots_between(checked_slot(first), checked_slot(last))
