"""The origin of each day of a table: the versions of other tables from which it was made.

Belongs here: recording these versions in a commit, and finding the days that were made from older versions than the
present ones; recording where the days of a raw table were read from. Does not belong here: which table is made from
which (`assets`), making days again (`pipelines`).
"""

import json
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from resources.lake.delta import DAYS
from resources.lake.lake import Lake
from resources.naming import days_between

_READ = "loopline.read"
_SOURCE = "loopline.source"


def made_from(versions: Mapping[str, int]) -> dict[str, str]:
    """The metadata of a commit whose days were made from the same days of these versions of tables."""
    return {_READ: json.dumps(dict(versions), sort_keys=True)}


def read_from(origins: Mapping[date, Mapping[str, Any]]) -> dict[str, str]:
    """The metadata of a commit whose days were read from a source, with the origin of each."""
    return {_SOURCE: json.dumps({day.isoformat(): origin for day, origin in origins.items()}, sort_keys=True)}


def source_origins(lake: Lake, table: str) -> dict[date, Mapping[str, Any]]:
    """The origin of each day of a table that was read from a source; days without a recorded one are left out.

    Raises:
        LakeError: A log cannot be read.
    """
    found: dict[date, Mapping[str, Any] | None] = {}
    for commit, days in _commits(lake, table) if lake.exists(table) else ():
        recorded: Mapping[str, Mapping[str, Any]] = json.loads(commit.get(_SOURCE, "{}"))
        for day in days:
            found.setdefault(day, recorded.get(day.isoformat()))
    return {day: origin for day, origin in found.items() if origin is not None}


def stale_days(lake: Lake, table: str) -> frozenset[date]:
    """The days of a table of which another table, from which they were made, has newer content now.

    A day whose commit does not name its origin, or is no longer in the log, counts as up to date.

    Raises:
        LakeError: A log cannot be read.
    """
    if not lake.exists(table):
        return frozenset()
    origins: dict[date, Mapping[str, int]] = {}
    for commit, days in _commits(lake, table):
        read: Mapping[str, int] = json.loads(commit.get(_READ, "{}"))
        for day in days:
            origins.setdefault(day, read)
    newest = {upstream: _newest(lake, upstream) for upstream in {name for read in origins.values() for name in read}}
    return frozenset(
        day
        for day, read in origins.items()
        if any(newest[upstream].get(day, -1) > version for upstream, version in read.items())
    )


def _newest(lake: Lake, table: str) -> dict[date, int]:
    """The last version that replaced each day."""
    found: dict[date, int] = {}
    for commit, days in _commits(lake, table) if lake.exists(table) else ():
        for day in days:
            found.setdefault(day, int(commit["version"]))
    return found


def _commits(lake: Lake, table: str) -> Iterator[tuple[Mapping[str, Any], tuple[date, ...]]]:
    """The commits that replaced days, newest first, each with its days."""
    for commit in lake.history(table):
        if DAYS in commit:
            first, last = str(commit[DAYS]).split("/")
            yield commit, tuple(days_between(date.fromisoformat(first), date.fromisoformat(last)))
