"""What the review queue of a day is chosen from, read as it was known at the day's end.

Belongs here: reading decisions, words, labels and shadows of the days up to one. Does not belong here: the choice
(`queue.py`), writing the queue (`assets.py`).

Nothing of a later day is read: made again, the queue of a day is the same.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from assets.features.table.entity_events import rows_with
from assets.feedback.judged import Judged, answered
from assets.feedback.outcomes import join_outcomes
from assets.feedback.queue import Known
from assets.feedback.reviews import reviews_of
from assets.product import Product
from assets.product.names import validated_table
from assets.serving.decision import day_of
from assets.serving.log.decision_log import read_day
from assets.vocabulary.times import AS_OF
from resources.lake import Lake
from resources.lake.origins import Reading

_COLUMNS = (
    "decision_id", "decided_at", "bundle", "outcome", "score", "threshold", "refer_threshold", "fallback", "erased",
)  # fmt: skip


@dataclass(frozen=True)
class QueueInputs:
    """What was read for a day.

    Attributes:
        readings: By table its version, and how many days before the day were read.
    """

    known: Known
    readings: Mapping[str, Reading]


def queue_inputs(product: Product, lake: Lake, log: Path, day: date) -> QueueInputs:
    """The inputs for the queue of a day.

    Args:
        log: The decision log, which alone has the shadows.

    Raises:
        DecisionLogError: A line of the log is no decision.
        LakeError: A table does not exist or is damaged.
        RowsError: Labels and decisions do not fit together.
    """
    judged, labels = answered(product), validated_table(product.name, product.label.source)
    reviewed, before = validated_table(product.name, judged.reviews), product.reviewing.days - 1
    since = day - timedelta(days=before)
    within = [one for one in lake.days(judged.table) if since <= one <= day]
    words = reviews_of(product, lake, judged)
    words = words.filter(pc.less(words["known_at"], pa.scalar(_end(day), pa.timestamp("us", tz="UTC"))))
    known = Known(
        decisions=lake.read(judged.table, days=within, columns=_COLUMNS),
        words=words,
        labelled=_labelled(product, lake, judged, words, (since, day)),
        shadows=read_day(log, product.name, day, shadow=True),
    )
    readings = {judged.table: Reading(lake.version(judged.table), before)}
    readings |= {name: Reading(lake.version(name), None) for name in (labels, reviewed) if lake.exists(name)}
    return QueueInputs(known, readings)


def _labelled(product: Product, lake: Lake, judged: Judged, words: pa.Table, days: tuple[date, date]) -> pa.Table:
    """The decisions that may be disputed, with what is known of their labels."""
    label, labels = product.label, validated_table(product.name, product.label.source)
    wanted = _spoken_of(product, words, days[0]) | _told_otherwise(product, lake, judged, days)
    rows = judged.whole(product, lake, _decisions(lake, judged, wanted, days[1]))
    about = pc.unique(rows[label.spine_column or judged.row_id]).cast(pa.string())
    # No event about a decision is older than the request.
    since = min(map(day_of, wanted), default=days[1]) - timedelta(days=product.spine.days_after)
    events = rows_with(lake, labels, lake.schema(labels).names, {label.row_id: about}, days=(since, days[1]))
    told = join_outcomes(rows, events, label, _end(days[1]), row_id=judged.row_id, revisions=True)
    place = pc.index_in(rows["decision_id"], value_set=told["decision_id"].combine_chunks()).combine_chunks()
    due = pc.add(rows[AS_OF], pa.scalar(label.maturity, pa.duration("us"))).combine_chunks()
    value, matured, revision = (told[name].combine_chunks().take(place) for name in ("label", "matured_at", "revision"))
    # What was revised before the label was due, nobody has seen.
    revision = pc.if_else(pc.greater(matured, due), revision, pa.scalar(0, pa.int32()))
    rows = rows.select(list(_COLUMNS)).append_column("label", value)
    return rows.append_column("matured_at", matured).append_column("revision", revision)


def _spoken_of(product: Product, words: pa.Table, since: date) -> set[str]:
    """The decisions with a word since a day; and older ones with a word whose label may have come since.

    A label that comes later than the policy's days after it was due is not looked for.
    """
    recent = pc.greater_equal(words["known_at"].cast(pa.date32()), pa.scalar(since, pa.date32()))
    oldest = since - product.label.maturity - timedelta(days=product.reviewing.days + 1)
    told = {one for one in words["decision_id"].to_pylist() if day_of(one) >= oldest}
    return told | set(words.filter(recent)["decision_id"].to_pylist())


def _told_otherwise(product: Product, lake: Lake, judged: Judged, days: tuple[date, date]) -> set[str]:
    """The decisions about whose row or entity a statement of these days replaced an earlier one."""
    revised = _revised(product, lake, days)
    found: set[str] = set()
    for name, values in (judged.named(product, lake, revised) if len(revised) else {}).items():
        keys = {name: values.cast(pa.string())}
        rows = rows_with(lake, judged.table, ["decision_id", name], keys, days=(date.min, days[1]))
        found.update(rows["decision_id"].to_pylist())
    return found


def _decisions(lake: Lake, judged: Judged, wanted: Collection[str], last: date) -> pa.Table:
    """These decisions, read a day at a time: the table of a year may be larger than memory."""
    columns, ids = list(dict.fromkeys([*_COLUMNS, *(judged.columns or ())])), pa.array(sorted(wanted), pa.string())
    within = {day_of(one) for one in wanted} & {day for day in lake.days(judged.table) if day <= last}
    tables = []
    for day in sorted(within):
        rows = lake.read(judged.table, days=[day], columns=columns)
        tables.append(rows.filter(pc.is_in(rows["decision_id"], value_set=ids)))
    return pa.concat_tables(tables) if tables else lake.read(judged.table, days=[], columns=columns)


def _revised(product: Product, lake: Lake, days: tuple[date, date]) -> pa.Array:
    """The rows, or entities, about which a statement of these days replaced an earlier one."""
    label, labels = product.label, validated_table(product.name, product.label.source)
    record = label.record_key or (label.row_id if label.kind == "outcome" else None)
    if record is None:  # nothing that this source says is ever revised
        return pa.array([], pa.string())
    within = [one for one in lake.days(labels) if days[0] <= one <= days[1]]
    arrived = pc.unique(lake.read(labels, days=within, columns=[record])[record]).drop_null()
    columns = list(dict.fromkeys([record, label.row_id]))
    told = rows_with(lake, labels, columns, {record: arrived}, days=(date.min, days[1]))
    counts = pc.value_counts(told[record])
    again = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    return pc.unique(told.filter(pc.is_in(told[record], value_set=again))[label.row_id]).drop_null()


def _end(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), UTC)
