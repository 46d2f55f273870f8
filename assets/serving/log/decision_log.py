"""Reading the decision log by day or by decision, and erasing a subject from it.

Belongs here: the layout of the files, reading them, erasure. Does not belong here: appending (`writer.py`), the
fields of a decision (`decision.py`), archiving old files.

Files are `<folder>/<product>/<UTC day of the decision>/<process>.jsonl`, one JSON object per line. Only the process
that created a file appends to it; an erasure replaces the file under a lock, and the writer continues in the new file.
A file that is being written, or whose process was killed, ends in zero bytes: space allocated in advance.
"""

import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from assets.serving.decision import Decision, NoDecision, checked_id, day_of
from assets.serving.log.file import rewrite
from assets.serving.log.search import lines_with
from assets.serving.log.writer import DecisionLogError
from resources.durable_files import whole_lines
from resources.naming import checked_name, is_name

_LOG = logging.getLogger("loopline.decisions")
_TIME = pa.timestamp("us", tz="UTC")
_SCHEMA = pa.schema(
    [
        ("decision_id", pa.string()), ("product", pa.string()), ("role", pa.string()), ("rollout", pa.string()),
        ("share", pa.float64()), ("row_id", pa.string()),
        ("bundle", pa.string()), ("digest", pa.string()), ("as_of", _TIME), ("decided_at", _TIME),
        ("score", pa.float64()), ("outcome", pa.string()), ("threshold", pa.float64()),
        ("refer_threshold", pa.float64()), ("rules", pa.string()), ("shadow_rules", pa.string()),
        ("exploration", pa.float64()), ("explored", pa.bool_()), ("fallback", pa.string()),
        ("reasons", pa.string()), ("inputs", pa.string()), ("features", pa.string()), ("keys", pa.string()),
        ("sequence", pa.int64()),
        ("store_version", pa.string()), ("problem", pa.string()), ("shadow_of", pa.string()),
        ("erased", pa.bool_()),
    ]
)  # fmt: skip
ERASED = "(erased)"
"""The problem of an erased decision that had one."""
_JSON_COLUMNS = ("reasons", "inputs", "features", "keys", "rules", "shadow_rules")


@dataclass(frozen=True)
class DayLog:
    """The decisions of one UTC day.

    Attributes:
        decisions: In the order of their files and lines, each once; with `void` where a later line says so.
        torn: Files with incomplete lines in their last write: process or machine ended, nobody was answered.
    """

    decisions: tuple[Decision, ...]
    torn: tuple[Path, ...]

    def table(self) -> pa.Table:
        """The decisions as a table; `reasons`, `inputs`, `features`, `keys` and both `rules` are JSON texts."""
        rows = [_row(decision) for decision in self.decisions]
        return pa.Table.from_pylist(rows, schema=_SCHEMA)


def days(folder: Path, product: str) -> tuple[date, ...]:
    """The UTC days that have decisions, ascending."""
    try:
        names = os.listdir(folder / checked_name(product, "product"))
    except FileNotFoundError:
        return ()
    return tuple(sorted(date.fromisoformat(name) for name in names))


def scan_day(folder: Path, product: str, day: date) -> DayLog:
    """Every decision recorded on a UTC day, shadows included.

    Raises:
        DecisionLogError: A line is no decision; an incomplete last line is left out instead.
    """
    decisions: list[Decision] = []
    torn: list[Path] = []
    for path in files_of(folder, product, day):
        lines, is_torn = whole_lines(path.read_bytes())
        if is_torn:
            torn.append(path)
            _LOG.warning("decision log %s has incomplete lines, of decisions that were never answered: left out", path)
        for number, line in enumerate(lines, start=1):
            decisions.append(_parsed(path, number, line))
    return DayLog(decisions=_once_each(decisions), torn=tuple(torn))


def _once_each(decisions: Sequence[Decision]) -> tuple[Decision, ...]:
    """The decisions without the lines that a later line made void."""
    void = {decision.id for decision in decisions if decision.void}
    return tuple(decision for decision in decisions if decision.void or decision.id not in void)


def read_day(folder: Path, product: str, day: date, *, shadow: bool = False) -> pa.Table:
    """The decisions of a UTC day, one row each, without void ones; empty when there are none.

    Args:
        shadow: The shadow decisions instead of the answered ones.

    Raises:
        DecisionLogError: A line is no decision; an incomplete last line is left out instead.
    """
    scanned = scan_day(folder, product, day)
    kept = (decision for decision in scanned.decisions if not decision.void)
    selected = tuple(decision for decision in kept if (decision.role == "shadow") is shadow)
    return DayLog(decisions=selected, torn=scanned.torn).table()


def find_decision(folder: Path, decision_id: str) -> Decision:
    """The decision with that id, of any product; with `void` where a later line says so.

    Raises:
        NoDecision: The id has another form, or no decision with it was recorded.
        DecisionLogError: Its line is damaged.
    """
    needle = f'"decision_id":"{checked_id(decision_id)}"'.encode()
    day = day_of(decision_id)
    products = sorted(entry.name for entry in folder.iterdir() if is_name(entry.name)) if folder.is_dir() else []
    for product in products:
        for path in files_of(folder, product, day):
            found = [_parsed(path, number, line) for number, line in lines_with(path, needle)]
            if found:
                return found[-1]
    raise NoDecision(f"decision {decision_id} is not in {folder}; its id dates it to {day.isoformat()} (UTC)")


def erase(folder: Path, product: str, key_column: str, key: str | int) -> int:
    """Removes keys, inputs and features from every decision on an entity; returns how many decisions it changed.

    The problem of a fallback may quote a value: that there was one stays, but not its text, in decisions that were
    erased before too. Id, bundle, outcome and score stay, so that counts and the audit trail still add up. The service
    may go on writing meanwhile.

    Raises:
        DecisionLogError: A line is no decision; an incomplete last line is left out instead.
    """
    changed = 0
    for day in days(folder, product):
        for path in files_of(folder, product, day):
            changed += rewrite(path, partial(_erased, path, key_column, str(key)))
    return changed


def _erased(path: Path, key_column: str, key: str, number: int, line: bytes) -> bytes:
    """The decision's line without the entity's data; the same line where the decision is on another entity."""
    decision = _parsed(path, number, line)
    found = decision.keys.get(key_column)
    is_of_entity = found is not None and str(found) == key
    if not is_of_entity and not (decision.erased and decision.problem not in (None, ERASED)):
        return line
    problem = None if decision.problem is None else ERASED
    # The mark goes too: a caller may have made the key of the request from the subject's data.
    whole = replace(decision, keys={}, inputs={}, features={}, problem=problem, erased=True, mark=None)
    record = whole.to_record()
    return json.dumps(record, separators=(",", ":")).encode()


def files_of(folder: Path, product: str, day: date) -> list[Path]:
    """The files with the decisions of a UTC day, sorted."""
    return sorted((folder / checked_name(product, "product") / day.isoformat()).glob("*.jsonl"))


def _parsed(path: Path, number: int, line: bytes) -> Decision:
    try:
        record: dict[str, Any] = json.loads(line)
        return Decision.from_record(record)
    except (ValueError, TypeError) as error:
        raise DecisionLogError(
            f"decision log {path}, line {number}: {error}; restore the file from a backup"
        ) from error


def _row(decision: Decision) -> dict[str, object]:
    record = decision.to_record()
    texts = {name: json.dumps(record[name]) for name in _JSON_COLUMNS}
    times = {"as_of": decision.as_of, "decided_at": decision.decided_at}
    return record | texts | times | {"row_id": str(decision.row_id)}
