"""The events of a group of features and the times of the spine's rows, read from their tables.

Belongs here: times, sequence, revisions and columns as arrays. Does not belong here: single columns
(`assets.features.columns.arrow`, `assets.features.columns.columns`), windows (`windows.py`), aggregates.
"""

from dataclasses import dataclass

import numpy as np

from assets.features.columns.arrow import read_sequence
from assets.features.columns.column_reader import ColumnReader
from assets.features.columns.columns import Columns, no_events, read_columns
from assets.features.kernel.plan import Group
from assets.features.kernel.revisions import record_codes, with_replacements
from assets.features.kernel.windows import EventArrays
from assets.vocabulary import FeatureError
from assets.vocabulary.times import AS_OF, SEQUENCE


@dataclass(frozen=True)
class SpineTimes:
    """As-of time and sequence of the spine's rows, int64 [rows] each; `sequence` is None where the spine has none."""

    as_of: np.ndarray
    sequence: np.ndarray | None

    def take(self, index: np.ndarray) -> "SpineTimes":
        """The times at these positions."""
        return SpineTimes(self.as_of[index], None if self.sequence is None else self.sequence[index])


def read_spine_times(spine: ColumnReader) -> SpineTimes:
    """The times of a spine's rows.

    Raises:
        FeatureError: The as-of column is absent or not a timestamp in UTC, or the sequence is not whole numbers.
    """
    return SpineTimes(spine.micros(AS_OF), read_sequence(spine.table, SEQUENCE, spine.label))


def read_events(
    group: Group, table: ColumnReader | None, spine: ColumnReader, entity: np.ndarray, spine_times: SpineTimes
) -> tuple[EventArrays, Columns | None]:
    """The events, and the columns of the requests where these count as events.

    Args:
        table: The events; None for a source without events.
        entity: int64 [events].

    Raises:
        FeatureError: A column is absent, of a wrong type, or cannot be computed exactly.
    """
    requests = spine if group.includes_request else None
    if table is None:
        columns, request_columns = read_columns(
            ColumnReader(no_events(group.needs), group.source), group.needs, requests
        )
        nothing = np.empty(0, np.int64)
        sequence = nothing if spine_times.sequence is not None else None
        return EventArrays(entity, nothing, nothing, sequence, columns), request_columns
    columns, request_columns = read_columns(table, group.needs, requests)
    sequence = read_sequence(table.table, SEQUENCE, group.source) if group.sequenced else None
    if group.sequenced and (sequence is None) != (spine_times.sequence is None):
        raise FeatureError(
            f"events of '{group.source}': '{SEQUENCE}' is in {'the spine' if sequence is None else 'the events'} only; "
            "give it on both sides, or on neither where ties in time do not matter"
        )
    time, other = table.micros(group.time), table.micros(group.other)
    events = EventArrays(entity, time, other, sequence, columns)
    records = None if group.record_key is None else record_codes(table.table, group.record_key, group.source)
    if records is not None:
        known = time if group.time == "known_at" else other
        events = with_replacements(events, records, known, str(group.record_key), group.source)
    return events, request_columns
