"""Inputs of the outcomes of some days: the decisions, or scores, and the label events that can concern them.

Belongs here: choosing and reading days and rows of pinned table versions. Does not belong here: which tables these are
(`judged.py`), the join (`outcomes.py`), writing the table (`assets.py`).

An outcome is on the day on which its label became final, or became what it is now. Three kinds of rows concern a day:
those whose label matures on it, which lie at most a maturity before it; those of which the label source says something
on it, however old they are; and those whose outcome stands on it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from assets.features.table.entity_events import rows_with
from assets.feedback.judged import Judged
from assets.feedback.reviews import reviews_of
from assets.product import Product
from assets.product.names import validated_table
from assets.serving.decision import day_of
from assets.vocabulary.times import AS_OF
from resources.lake import DAY, Lake
from resources.lake.origins import Reading


@dataclass(frozen=True)
class OutcomeInputs:
    """What was read for some days.

    Attributes:
        rows: The decisions, or scores, that concern the days, each once.
        events: The label events about them.
        readings: By table its version, and how many days before a day were read.
    """

    rows: pa.Table
    events: pa.Table
    readings: Mapping[str, Reading]


def outcome_inputs(product: Product, lake: Lake, judged: Judged, days: Sequence[date]) -> OutcomeInputs:
    """The inputs for the outcomes from the first to the last of these days.

    Raises:
        LakeError: A table does not exist or is damaged.
    """
    label, table, labels = product.label, judged.table, validated_table(product.name, product.label.source)
    pins = {name: lake.version(name) for name in (table, labels)}
    of_rows, of_labels = lake.days(table, pins[table]), lake.days(labels, pins[labels])
    # A decision of the last moment of a day matures at most a day later than its maturity has days.
    first = days[0] - timedelta(days=label.maturity.days + 1)
    due = lake.read(table, days=_within(of_rows, first, days[-1]), version=pins[table], columns=judged.columns)
    arrived = lake.read(labels, days=_within(of_labels, days[0], days[-1]), version=pins[labels])
    standing = _written(lake, judged, _within(_outcome_days(lake, judged), days[0], days[-1]))
    reached = [_reach(product, lake, judged, pins[labels], arrived, due), _date(pc.min(standing[AS_OF]).as_py())]
    oldest = min(filter(None, reached), default=first)
    read_from = first
    if oldest < first:
        names = judged.named(product, lake, pc.unique(arrived[label.row_id]))
        early = [_early(lake, judged, pins[table], names, (oldest, first))]
        early.append(_early(lake, judged, pins[table], {judged.id: pc.unique(standing[judged.id])}, (oldest, first)))
        known = pc.is_in(early[1][judged.id], value_set=early[0][judged.id].combine_chunks())
        found = pa.concat_tables([early[0], early[1].filter(pc.invert(known))])
        # Of the days before the first, those that have such a score are recorded as read: others say nothing.
        read_from = min(first, pc.min(found[DAY]).as_py() or first)
        due = pa.concat_tables([found, due])
    decided = _date(pc.min(due[AS_OF]).as_py()) or days[0]
    since = decided - timedelta(days=product.spine.days_after)
    events = lake.read(labels, days=_within(of_labels, since, date.max), version=pins[labels])
    # Labels of later days are read too: who makes a later day makes again the days from which an outcome moves.
    readings = {
        table: Reading(pins[table], (days[0] - read_from).days),
        labels: Reading(pins[labels], max(0, (days[0] - since).days)),
    }
    if judged.reviews and lake.exists(reviewed := validated_table(product.name, judged.reviews)):
        readings[reviewed] = Reading(lake.version(reviewed), None)
    if judged.of_spine:
        spine = validated_table(product.name, product.spine.source)
        readings[spine] = Reading(lake.version(spine), None)
    return OutcomeInputs(judged.whole(product, lake, due), events, readings)


def moved_days(
    product: Product, lake: Lake, judged: Judged, joined: pa.Table, days: Sequence[date]
) -> tuple[date, ...]:
    """The other days whose outcomes are no longer right: a row moved from or to them, or was reviewed since. In order.

    Args:
        joined: The rows that concern the days with their labels, as `join_outcomes` returns them.
        days: The days that are made; their outcomes are not replaced yet.

    Raises:
        LakeError: The table of outcomes is damaged.
    """
    row, of_outcomes = judged.id, _outcome_days(lake, judged)
    made = pc.is_in(joined[DAY], value_set=pa.array(days, pa.date32()))
    due = pc.add(joined[AS_OF], pa.scalar(product.label.maturity, pa.duration("us")))
    late = joined.filter(pc.and_(made, pc.greater(joined["matured_at"], due)))
    since = _date(pc.min(late[AS_OF]).as_py())
    others = [day for day in of_outcomes if since is not None and day >= since and not days[0] <= day <= days[-1]]
    from_days = {day for day in others if pc.any(_among(_written(lake, judged, [day])[row], late[row])).as_py()}
    standing = _written(lake, judged, _within(of_outcomes, days[0], days[-1]))
    gone = joined.filter(pc.and_(pc.invert(made), _among(joined[row], standing[row])))
    # A row that came only after the day of its outcome was made: it is due on one of these days, and stands nowhere.
    due_here = pc.is_in(due.cast(pa.date32()), value_set=pa.array(days, pa.date32()))
    elsewhere = joined.filter(pc.and_(pc.invert(made), due_here))
    lacking = {
        day
        for day in set(elsewhere[DAY].to_pylist()) & set(of_outcomes)
        if not pc.all(
            _among(
                elsewhere.filter(pc.equal(elsewhere[DAY], pa.scalar(day, pa.date32())))[row],
                _written(lake, judged, [day])[row],
            )
        ).as_py()
    }
    reviewed = _reviewed_days(product, lake, judged, days, of_outcomes)
    return tuple(sorted(from_days | lacking | reviewed | set(gone[DAY].to_pylist())))


def _reviewed_days(
    product: Product, lake: Lake, judged: Judged, days: Sequence[date], of_outcomes: Sequence[date]
) -> set[date]:
    """The other days on which outcomes of decisions stand that were reviewed on these days."""
    reviewed = reviews_of(product, lake, judged, days)["decision_id"] if judged.reviews else pa.chunked_array([[]])
    if not len(reviewed):
        return set()
    # A decision's id begins with its time, and no outcome stands before its decision.
    since = min(day_of(decision) for decision in reviewed.to_pylist())
    others = [day for day in of_outcomes if day >= since and not days[0] <= day <= days[-1]]
    return {day for day in others if pc.any(_among(_written(lake, judged, [day])[judged.id], reviewed)).as_py()}


def _early(lake: Lake, judged: Judged, version: int, keys: Mapping[str, pa.Array], days: tuple[date, date]) -> pa.Table:
    """The rows with one of these ids, or of one of these entities, from the first day to before the last."""
    schema = lake.schema(judged.table, version)
    typed = {key: values.drop_null().cast(schema.field(key).type) for key, values in keys.items()}
    columns = judged.columns or schema.names
    return rows_with(lake, judged.table, columns, typed, days=(days[0], days[1] - timedelta(days=1)), version=version)


def _reach(product: Product, lake: Lake, judged: Judged, version: int, arrived: pa.Table, due: pa.Table) -> date | None:
    """The earliest day of a decision of which an event that arrived can say something; None if there is none."""
    label, table = product.label, validated_table(product.name, product.label.source)
    if label.kind == "column":
        return None  # it arrives with its row, which has no score before
    if label.settled:
        found = _among(arrived[label.row_id].drop_null(), due[judged.row_id])
        return None if pc.all(found).as_py() is not False else date.min
    if not arrived.num_rows:
        return None
    times = arrived["event_time"]
    if label.record_key is not None:
        # A revision may be of another time than the event that it corrects.
        records = {label.record_key: pc.unique(arrived[label.record_key]).drop_null()}
        revisions = rows_with(lake, table, [label.record_key, "event_time"], records, version=version)
        times = pa.chunked_array([*times.chunks, *revisions["event_time"].chunks])
    earliest = _date(pc.min(times).as_py())
    return None if earliest is None else earliest - timedelta(days=label.horizon.days + 1)


def _outcome_days(lake: Lake, judged: Judged) -> tuple[date, ...]:
    return lake.days(judged.outcomes) if lake.exists(judged.outcomes) else ()


def _written(lake: Lake, judged: Judged, days: Sequence[date]) -> pa.Table:
    """The rows that stand in the outcomes of these days: their ids and as-of times."""
    if not days:
        return pa.table({judged.id: pa.nulls(0), AS_OF: pa.nulls(0, pa.timestamp("us", tz="UTC"))})
    return lake.read(judged.outcomes, days=days, columns=[judged.id, AS_OF])


def _among(values: pa.ChunkedArray, others: pa.ChunkedArray) -> pa.ChunkedArray:
    """bool [values]: which are among the others."""
    # An answered decision has its row's id as text, whatever it is in the label source.
    return pc.is_in(values.cast(pa.string()), value_set=pc.unique(others).cast(pa.string()))


def _date(moment: datetime | None) -> date | None:
    return None if moment is None else moment.astimezone(UTC).date()


def _within(days: Iterable[date], first: date, last: date) -> list[date]:
    return [day for day in days if first <= day <= last]
