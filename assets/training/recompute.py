"""Training rows computed again by brute force, from nothing but what was known at their moment.

Belongs here: taking the unknown events away, the plain definition of the features (`assets.features.reference`) over
what remains, and which values then differ. Does not belong here: the kernel, which it must not share code with; what
follows from a difference (`leakage.py`); reading tables (`assets.py`).
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
    """A feature of one row that does not follow from what was known.

    Attributes:
        recorded: In the training set.
        recomputed: By brute force, without what became known later.
        told_by: The sources whose later events make it the recorded value; empty when no event explains it.
    """

    feature: str
    row: str
    as_of: datetime
    recorded: Value
    recomputed: Value
    told_by: tuple[str, ...] = ()


def sample_rows(table: pa.Table, *, seed: int, rows: int) -> pa.Table:
    """Some rows, drawn by the seed, in the order of the table."""
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
    """The features of the rows that are not, to the last bit, what brute force makes of what was known.

    Args:
        events: For each source, all events of at least the rows' entities, those that became known later included.
        spine: The rows as their source has them now, under the names of the kernel's spine; `None` in a column that
            the source does not have.
        recorded: The same rows of the training set, in the same order.
        row_id: The column that names a row.
    """
    found: list[ChangedValue] = []
    for position in range(recorded.num_rows):
        row, kept = spine.slice(position, 1), recorded.slice(position, 1).to_pylist()[0]
        moment = row[_AS_OF][0]
        mine = {source: _own(features, source, table, row) for source, table in events.items()}
        known = {source: table.filter(_known(table, moment)) for source, table in mine.items()}
        again = _computed(features, resolutions, known, row)
        differing = [name for name in features.names if _bits(again[name]) != _bits(kept[name])]
        if differing:
            tellers = _tellers(features, resolutions, mine, known, row)
            found += [
                ChangedValue(
                    name, str(kept[row_id]), kept[_AS_OF], kept[name], again[name],
                    tuple(s for s, told in tellers.items() if any(_bits(v[name]) == _bits(kept[name]) for v in told)),
                )
                for name in differing
            ]  # fmt: skip
    return tuple(found)


def _computed(
    features: FeatureSet, resolutions: reference.Resolutions, events: Mapping[str, pa.Table], row: pa.Table
) -> Mapping[str, Value]:
    return reference.compute(features, resolutions, events, row)[0]


def _own(features: FeatureSet, source: str, events: pa.Table, row: pa.Table) -> pa.Table:
    """The events of the row's entities."""
    keys = dict.fromkeys(feature.key for feature in features.history if feature.source == source)
    mine = [pc.equal(events[key], row[key][0].cast(events.schema.field(key).type)) for key in keys]
    found = mine[0]
    for other in mine[1:]:
        found = pc.or_(found, other)
    return events.filter(found)


def _known(events: pa.Table, moment: pa.Scalar) -> pa.ChunkedArray:
    return pc.and_(pc.less_equal(events["known_at"], moment), pc.less_equal(events["event_time"], moment))


def _tellers(
    features: FeatureSet,
    resolutions: reference.Resolutions,
    mine: Mapping[str, pa.Table],
    known: Mapping[str, pa.Table],
    row: pa.Table,
) -> dict[str, list[Mapping[str, Value]]]:
    """For each source the row's features if its later events had been known: those that had happened, then all."""
    moment = row[_AS_OF][0]
    found: dict[str, list[Mapping[str, Value]]] = {}
    for source, table in mine.items():
        happened = table.filter(pc.less_equal(table["event_time"], moment))
        for peek in (happened, table):
            if peek.num_rows > known[source].num_rows:
                shown = {**known, source: _as_if_known(peek, moment)}
                found.setdefault(source, []).append(_computed(features, resolutions, shown, row))
    return found


def _as_if_known(events: pa.Table, moment: pa.Scalar) -> pa.Table:
    """The events with times no later than the moment, so that nothing hides them."""
    for name in ("event_time", "known_at"):
        earlier = pc.if_else(pc.less(events[name], moment), events[name], moment)
        events = events.set_column(events.column_names.index(name), name, earlier)
    return events


def _bits(value: Value) -> str | None:
    return value.hex() if isinstance(value, float) else value
