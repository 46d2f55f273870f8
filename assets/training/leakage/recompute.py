"""Training rows recomputed by brute force from the events known at their as-of times.

Belongs here: leaving out events that were not known, computing the features from the other events by their plain
definition (`assets.features.reference`), and listing the values that differ. Does not belong here: the kernel, with
which this module must not share code; the verdict on a difference (`verdict.py`); reading tables (`audit.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.features import reference
from assets.vocabulary import FeatureSet

Value = float | str | None
_AS_OF = "as_of"


@dataclass(frozen=True)
class ChangedValue:
    """A feature value of one row that does not follow from the events known at its as-of time.

    Attributes:
        recorded: The value in the training set.
        recomputed: The value by brute force, without events that became known later.
        explained_by: The sources whose later events give the recorded value; empty where no event explains it.
    """

    feature: str
    row: str
    as_of: datetime
    recorded: Value
    recomputed: Value
    explained_by: tuple[str, ...] = ()


def sample_rows(table: pa.Table, *, seed: int, rows: int) -> pa.Table:
    """At most `rows` rows, drawn by the seed, in the order of the table."""
    chosen = np.random.default_rng(seed).choice(table.num_rows, size=min(rows, table.num_rows), replace=False)
    return table.take(pa.array(np.sort(chosen)))


def changed_values(
    features: FeatureSet,
    resolutions: reference.Resolutions,
    events: Mapping[str, pa.Table],
    spine: pa.Table,
    recorded: pa.Table,
    *,
    row_id: str,
) -> tuple[ChangedValue, ...]:
    """The recorded values that differ, in any bit, from brute force over the events known at each row's as-of time.

    Args:
        events: For each source, all events of at least the rows' entities, including those that became known later.
        spine: The rows as their source has them now, under the names of the kernel's spine; null in a column that the
            source lacks.
        recorded: The same rows of the training set, in the same order.
        row_id: The column that identifies a row.
    """
    changed: list[ChangedValue] = []
    for position in range(recorded.num_rows):
        row, stored = spine.slice(position, 1), recorded.slice(position, 1).to_pylist()[0]
        all_events = {source: _of_entities(features, source, table, row) for source, table in events.items()}
        known = {source: table.filter(_known(table, row[_AS_OF][0])) for source, table in all_events.items()}
        recomputed = _computed(features, resolutions, known, row)
        differing = [name for name in features.names if _bits(recomputed[name]) != _bits(stored[name])]
        if differing:
            later = _with_later_events(features, resolutions, all_events, known, row)
            changed += [
                ChangedValue(
                    name, str(stored[row_id]), stored[_AS_OF], stored[name], recomputed[name],
                    tuple(s for s, rows in later.items() if any(_bits(v[name]) == _bits(stored[name]) for v in rows)),
                )
                for name in differing
            ]  # fmt: skip
    return tuple(changed)


def _computed(
    features: FeatureSet, resolutions: reference.Resolutions, events: Mapping[str, pa.Table], row: pa.Table
) -> Mapping[str, Value]:
    return reference.compute(features, resolutions, events, row)[0]


def _of_entities(features: FeatureSet, source: str, events: pa.Table, row: pa.Table) -> pa.Table:
    """The events of the row's entities."""
    keys = dict.fromkeys(feature.key for feature in features.history if feature.source == source)
    mask, *others = (pc.equal(events[key], row[key][0].cast(events.schema.field(key).type)) for key in keys)
    for other in others:
        # Kleene's or: an event of one entity counts even if its other key, or the row's, is null.
        mask = pc.or_kleene(mask, other)
    return events.filter(mask)


def _known(events: pa.Table, as_of: pa.Scalar) -> pa.ChunkedArray:
    return pc.and_kleene(pc.less_equal(events["known_at"], as_of), pc.less_equal(events["event_time"], as_of))


def _with_later_events(
    features: FeatureSet,
    resolutions: reference.Resolutions,
    all_events: Mapping[str, pa.Table],
    known: Mapping[str, pa.Table],
    row: pa.Table,
) -> dict[str, list[Mapping[str, Value]]]:
    """By source, the row's features as if later-known events of the source had been known at the as-of time.

    First with those that happened by the as-of time, then with all. A source whose every event was known has no entry.
    """
    as_of = row[_AS_OF][0]
    computed: dict[str, list[Mapping[str, Value]]] = {}
    for source, table in all_events.items():
        happened = table.filter(pc.less_equal(table["event_time"], as_of))
        for more in (happened, table):
            if more.num_rows > known[source].num_rows:
                visible = {**known, source: _as_if_known(more, as_of)}
                computed.setdefault(source, []).append(_computed(features, resolutions, visible, row))
    return computed


def _as_if_known(events: pa.Table, as_of: pa.Scalar) -> pa.Table:
    """The events with later times moved back to the as-of time, so that the reference counts them."""
    for name in ("event_time", "known_at"):
        earlier = pc.if_else(pc.less(events[name], as_of), events[name], as_of)
        events = events.set_column(events.column_names.index(name), name, earlier)
    return events


def _bits(value: Value) -> str | None:
    return value.hex() if isinstance(value, float) else value
