"""Erasing a person from the rows that were posted about decisions.

Belongs here: which posted rows are about a person, and taking them out of the log's files. Does not belong here: the
log itself (`posted_log.py`), the decision log (`decision_log.py`), the tables made from posted rows
(`assets.feedback.erasure`).

A posted row is about a person if it has the person's key, or names a decision on the person or the row of one. Posted
outcomes are removed. A review stays, as its decision does in the decision log, without its reason and the person's key.
"""

import json
import uuid
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from assets.product import Posted, PostedOutcomes
from assets.serving.log.decision_log import ERASED, days, scan_day
from assets.serving.log.file import rewrite
from assets.serving.log.posted_log import ERASURE
from assets.serving.log.writer import DecisionLogError
from resources.durable_files import replace_file
from resources.locks import exclusive
from resources.naming import checked_name, is_day

_WAIT = timedelta(seconds=30)


@dataclass(frozen=True)
class Subject:
    """A person, and what was decided on the person.

    Attributes:
        column: An entity key of the product.
        keys: The person's values of it: the one that is kept and, where that is a token, also the plain one if known.
        decisions: Ids of the decisions on the person.
        rows: Ids of their rows.
    """

    column: str
    keys: frozenset[str]
    decisions: frozenset[str]
    rows: frozenset[str]

    def has_key(self, values: Mapping[str, Any]) -> bool:
        """Whether keys, or the columns of a row, have the person's key."""
        return values.get(self.column) is not None and str(values[self.column]) in self.keys

    def is_named(self, row: Mapping[str, Any], row_column: str | None) -> bool:
        """Whether a row is about the person.

        Args:
            row_column: The column with the id of the row that it is about; `None` for none.
        """
        row_id = None if row_column is None else row.get(row_column)
        return (
            self.has_key(row)
            or row.get("decision_id") in self.decisions
            or (row_id is not None and str(row_id) in self.rows)
        )


def subject_of(folder: Path, product: str, column: str, keys: Collection[str]) -> Subject:
    """The person with one of the keys, by the decision log.

    Raises:
        DecisionLogError: A line of the log is no decision.
    """
    scanned = (scan_day(folder, product, day).decisions for day in days(folder, product))
    subject = Subject(column, frozenset(keys), frozenset(), frozenset())
    own = [one for found in scanned for one in found if subject.has_key(one.keys)]
    return replace(subject, decisions=frozenset(one.id for one in own), rows=frozenset(str(one.row_id) for one in own))


def row_column_of(source: Posted) -> str | None:
    """The column of a source of posted rows with the id of the row that one is about."""
    return source.row_id if isinstance(source, PostedOutcomes) else None


def erase_posted(folder: Path, product: str, sources: Collection[Posted], subject: Subject) -> int:
    """Erases a person from the posted rows of a product; returns how many rows were about the person.

    The service may go on taking rows meanwhile.

    Args:
        folder: The folder of posted rows.

    Raises:
        DecisionLogError: A line is no row.
        LockError: The service held the log for too long.
    """
    changed = 0
    for source in sources:
        place = folder / checked_name(product, "product") / checked_name(source.name, "source")
        if place.is_dir():
            with exclusive(str(place), "posted", wait=_WAIT):
                # First, so that the service forgets the rows also where the erasure is interrupted.
                replace_file(place / ERASURE, uuid.uuid4().hex.encode(), mode=0o640)
                for path in _files(place):
                    changed += rewrite(path, partial(_erased, path, source, subject))
    return changed


def _files(place: Path) -> Iterator[Path]:
    for day in sorted(path for path in place.iterdir() if is_day(path.name)):
        yield from sorted(day.glob("*.jsonl"))


def _erased(path: Path, source: Posted, subject: Subject, number: int, line: bytes) -> bytes | None:
    """The line without the person; `None` where nothing stays of it."""
    try:
        row: dict[str, Any] = json.loads(line)
    except ValueError as error:
        raise DecisionLogError(f"posted rows {path}: line {number} is no row ({error}); restore the file") from error
    if not subject.is_named(row, row_column_of(source)):
        return line
    if isinstance(source, PostedOutcomes):
        return None
    row |= {"reason": ERASED} | {name: None for name in (subject.column,) if name in row}
    return json.dumps(row, separators=(",", ":")).encode()
