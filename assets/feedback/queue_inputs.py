"""What the review queue of a day is chosen from, read as it was known at the day's end.

Belongs here: reading decisions, words, labels and shadows of the days up to one. Does not belong here: the choice
(`queue.py`), writing the queue (`assets.py`).

Nothing of a later day is read: made again, the queue of a day is the same.
"""

from collections.abc import Mapping
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
from assets.serving.log.decision_log import read_day
from resources.lake import Lake
from resources.lake.origins import Reading

_COLUMNS = (
    "decision_id", "decided_at", "bundle", "outcome", "score", "threshold", "refer_threshold", "fallback", "erased",
)  # fmt: skip
_TOLD = ("label", "matured_at", "revision")


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
    """The decisions with a word, and those of whose row or entity a statement was revised on these days."""
    label, labels = product.label, validated_table(product.name, product.label.source)
    columns = list(dict.fromkeys([*_COLUMNS, *(judged.columns or ())]))
    until = (date.min, days[1])

    def found(name: str, values: pa.Array) -> pa.Table:
        return rows_with(lake, judged.table, columns, {name: values.cast(pa.string())}, days=until)

    rows = found("decision_id", pc.unique(words["decision_id"]))
    revised = _revised(product, lake, days)
    for name, values in (judged.named(product, lake, revised) if len(revised) else {}).items():
        others = found(name, values)
        known = pc.is_in(others["decision_id"], value_set=rows["decision_id"].combine_chunks())
        rows = pa.concat_tables([rows, others.filter(pc.invert(known))])
    rows = judged.whole(product, lake, rows)
    about = pc.unique(rows[label.spine_column or judged.row_id]).cast(pa.string())
    events = rows_with(lake, labels, lake.schema(labels).names, {label.row_id: about}, days=until)
    told = join_outcomes(rows, events, label, _end(days[1]), row_id=judged.row_id, revisions=True)
    place = pc.index_in(rows["decision_id"], value_set=told["decision_id"].combine_chunks()).combine_chunks()
    rows = rows.select(list(_COLUMNS))
    for name in _TOLD:
        rows = rows.append_column(name, told[name].combine_chunks().take(place))
    return rows


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
