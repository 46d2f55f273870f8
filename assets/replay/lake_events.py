"""The events of an entity that the lake holds.

Belongs here: indexing them once for the replay of many decisions. Does not belong here: reading the lake
(`pipelines.operations.decisions.replay`), the comparison with what was logged (`features.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.bundle.bundle import Bundle
from assets.features.kernel.kernel import Kernel
from assets.serving.decision import Decision
from assets.vocabulary.times import TIMES

_LOADED_WITHIN = timedelta(days=1)
"""An event that was known so long before a decision was in the online store, which is loaded every day."""
EntityTables = Mapping[tuple[str, str], pa.Table]
"""For each (source, key column) of `Kernel.needs` the events of one entity."""


@dataclass(frozen=True)
class LakeEvents:
    """Events of some entities in the lake.

    Attributes:
        tables: For each source its events: key columns, times and the columns that the kernel reads; the row id where
            requests are events, and `sequence` where these are ordered.
        last_days: For each source its last day in the lake.
    """

    tables: Mapping[str, pa.Table]
    last_days: Mapping[str, date | None]

    def by_entity(self, kernel: Kernel) -> "EntityIndex":
        """The events indexed by entity, for every (source, key column) of the kernel's needs."""
        pairs = {(need.source, need.key) for need in kernel.needs}
        # In one piece each, because rows are taken from them for every decision.
        whole = LakeEvents({source: table.combine_chunks() for source, table in self.tables.items()}, self.last_days)
        return EntityIndex(whole, {(source, key): _positions(whole.tables[source][key]) for source, key in pairs})


@dataclass(frozen=True, eq=False)
class EntityIndex:
    """The lake's events by entity.

    Attributes:
        positions: For each (source, key column), for each key as text, the rows of its events in the source's table.
    """

    events: LakeEvents
    positions: Mapping[tuple[str, str], Mapping[str, np.ndarray]]

    def of(self, record: Decision, bundle: Bundle) -> dict[tuple[str, str], pa.Table]:
        """The events of a decision's entities, without the event that is the request itself.

        A row that was known long before it was decided (it is decided again, or sent as a made-up customer's request)
        was an event of the online store by then: the service counted it beside the request, and so is it here.
        """
        tables = {}
        for need in bundle.parts.kernel.needs:
            pair = (need.source, need.key)
            key = record.keys[need.key]
            rows = np.empty(0, np.int64) if key is None else self.positions[pair].get(str(key), np.empty(0, np.int64))
            events = self.events.tables[need.source].take(pa.array(rows))
            if need.includes_request and bundle.policy.row_id in events.column_names:
                is_row = pc.equal(events[bundle.policy.row_id].cast(pa.string()), str(record.row_id))
                is_new = pc.greater(events[TIMES[1]], pa.scalar(record.as_of - _LOADED_WITHIN, events[TIMES[1]].type))
                is_request = pc.and_(is_row, is_new)
                # An event without a row id is not the request.
                events = events.filter(pc.invert(pc.fill_null(is_request, False)))
            tables[pair] = events
        return tables


def _positions(column: pa.ChunkedArray) -> dict[str, np.ndarray]:
    """For each value, as text, its rows in the column."""
    coded = column.combine_chunks().dictionary_encode()
    codes = pc.fill_null(coded.indices, -1).to_numpy()
    order = np.argsort(codes, kind="stable")
    ends = np.searchsorted(codes[order], np.arange(len(coded.dictionary) + 1))
    values = coded.dictionary.to_pylist()
    return {str(value): order[ends[code] : ends[code + 1]] for code, value in enumerate(values)}
