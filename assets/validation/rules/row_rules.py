"""The rules of a contract on each row by itself.

Belongs here: rows that are malformed, unreadable, missing, mistimed, not exact, without their reference, or of a key
that cannot be stored. Does not belong here: expectations (`expectations.py`), rules on several
rows and the order of all rules (`assets.validation.audit`).

The failures of some rows are a list of which each place has one rule and column, whatever the rows are. So the failures
of the rows of a day can be found in blocks of them and joined place by place.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.ingestion.landing import MALFORMED
from assets.product import Contract
from assets.validation.rules.day_rules import Surroundings, broken_references
from assets.validation.rules.entity_keys import refused_keys
from assets.validation.rules.typing import typed
from assets.validation.rules.values import between_steps, default_dates, out_of_bounds, too_large
from resources.lake.partitioning import slot_columns
from resources.lake.values import DAY, HOUR

_THREADS = 2
"""Columns that are read at once; more would hold the texts of more columns in memory."""


@dataclass(frozen=True)
class Failure:
    """The rows, by position, that break one rule on one column."""

    rule: str
    column: str
    rows: np.ndarray


def row_failures(
    contract: Contract, raw: pa.Table, surroundings: Surroundings | None
) -> tuple[pa.Table, list[Failure]]:
    """The typed rows, with their day and hour, and for each rule and column the rows that break it.

    Args:
        raw: Columns as `assets.ingestion.landing.RawDay` describes them.
        surroundings: The values that references need; `None` where they are not judged.
    """
    columns, failures = _typed_columns(contract, raw)
    frame = pa.table({**columns, **slot_columns(raw)})
    failures.extend(_mistimed(contract, frame))
    failures.extend(_implausible(contract, frame))
    failures.extend(_not_exact(contract, frame))
    failures.extend(_not_storable(contract, frame))
    if surroundings is not None:
        broken = broken_references(contract, frame, surroundings)
        failures.extend(Failure("reference_exists", name, rows) for name, rows in broken.items())
    return frame, failures


def typed_rows(contract: Contract, raw: pa.Table) -> pa.Table:
    """The typed rows, with their day and hour; a value that cannot be read is null."""
    return pa.table({**_typed_columns(contract, raw)[0], **slot_columns(raw)})


def marked(rows: int, failures: Sequence[Failure]) -> np.ndarray:
    """Marks the rows that break a rule: bool [rows]."""
    found = np.zeros(rows, dtype=bool)
    for failure in failures:
        found[failure.rows] = True
    return found


def _typed_columns(contract: Contract, raw: pa.Table) -> tuple[dict[str, pa.ChunkedArray], list[Failure]]:
    malformed = np.asarray(pc.is_valid(raw[MALFORMED]).to_numpy())
    failures = [Failure("row_is_readable", "", np.flatnonzero(malformed))]
    columns: dict[str, pa.ChunkedArray] = {}
    with ThreadPoolExecutor(_THREADS) as pool:  # Arrow reads a column outside of Python's lock
        found = list(pool.map(lambda column: typed(column, raw[column.name]), contract.columns))
    for column, typed_column in zip(contract.columns, found, strict=True):
        columns[column.name] = typed_column.values
        failures.append(Failure(f"value_is_{column.type}", column.name, np.flatnonzero(typed_column.unreadable)))
        if column.required:
            absent = np.asarray(pc.is_null(raw[column.name]).to_numpy()) & ~malformed
            if column.since is not None:
                absent &= pc.greater_equal(raw["day"], pa.scalar(column.since, pa.date32())).to_numpy()
            failures.append(Failure("value_is_present", column.name, np.flatnonzero(absent)))
    return columns, failures


def _mistimed(contract: Contract, frame: pa.Table) -> list[Failure]:
    """Rows with impossible times: known before the event, or on another day, or hour, than that of their arrival."""
    event_time, known_at = frame[contract.event_time], frame[contract.known_at]
    rules = {"known_at_is_not_before_event_time": pc.less(known_at, event_time)}
    if HOUR in frame.column_names:
        rules["known_at_is_in_its_hour"] = pc.not_equal(pc.floor_temporal(known_at, unit="hour"), frame[HOUR])
    else:
        rules["known_at_is_on_its_day"] = pc.not_equal(known_at.cast(pa.date32(), safe=False), frame[DAY])
    return [
        Failure(rule, contract.known_at, np.flatnonzero(pc.fill_null(broken, False).to_numpy()))
        for rule, broken in rules.items()
    ]


def _implausible(contract: Contract, frame: pa.Table) -> list[Failure]:
    """Rows with a time that its contract's bounds exclude; one that another system writes for no time has its own rule.

    A time that the contract's own bounds allow is no default date.
    """
    failures = []
    for column in contract.columns:
        if column.type == "timestamp":
            beyond = out_of_bounds(contract, column, frame[column.name])
            default = default_dates(frame[column.name]) if beyond.any() else beyond
            failures.append(Failure("time_is_no_default", column.name, np.flatnonzero(beyond & default)))
            failures.append(Failure("time_is_within_bounds", column.name, np.flatnonzero(beyond & ~default)))
    return failures


def _not_exact(contract: Contract, frame: pa.Table) -> list[Failure]:
    """Rows with a number that the kernel cannot add exactly: too large for its resolution, or between two steps."""
    failures = []
    for name, resolution in contract.resolutions.items():
        large = too_large(frame[name], resolution)
        failures.append(Failure("number_can_be_summed", name, np.flatnonzero(large)))
        between = between_steps(frame[name], resolution) & ~large
        failures.append(Failure("number_fits_resolution", name, np.flatnonzero(between)))
    return failures


def _not_storable(contract: Contract, frame: pa.Table) -> list[Failure]:
    """Rows whose entity key the online store refuses: training would count events that no decision sees."""
    texts = [c.name for c in contract.columns if c.name in contract.entity_keys and c.type == "string"]
    return [Failure("key_can_be_stored", name, np.flatnonzero(refused_keys(frame[name]))) for name in texts]
