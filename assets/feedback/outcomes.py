"""Decisions joined with their mature labels.

Belongs here: the join of decisions, live or batch, with mature labels. Does not belong here: the label
rule (`assets.training.rows.learning`), reading tables, figures over outcomes (`assets.monitoring.performance`).
"""

from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assets.product import Label
from assets.training.rows.labels import mature_labels
from assets.training.rows.tables import RowsError
from resources.errors import listed

_TIME = pa.timestamp("us", tz="UTC")
_ADDED = ("label", "matured_at")


def join_outcomes(
    decisions: pa.Table,
    label_events: pa.Table,
    label: Label,
    now: datetime,
    *,
    row_id: str = "row_id",
    as_of: str = "as_of",
    revisions: bool = False,
) -> pa.Table:
    """The decisions whose label is due by `now`, with the label.

    A row may have been decided more than once (a batch score and a live decision, a repeated request): each decision
    is judged from its own `as_of`. A decision without an event in the label source (a refused loan) is kept with a null
    label: it counts in the acceptance rate and in no other figure.

    Args:
        decisions: One row per decision, at least with `row_id` and `as_of`; all columns but `day` are kept.
        label_events: Columns `label.row_id`, `label.column`, `event_time`, `known_at`.
        label: The product's rule.
        now: With a time zone; no event known later is used.
        row_id, as_of: The decisions' names for these columns; `label.spine_column` is one of their columns too.
        revisions: Add `revision`, as `mature_labels` has it.

    Returns:
        In the order of the decisions: their columns; `label` (int8, null where unobserved); `matured_at` (since when
        the label is what it is: its maturity, or the arrival of the event or correction that made it so if later; the
        maturity where unobserved); and `day` (date32, the UTC day of `matured_at`, or the decision's `day` if later, as
        for a row that arrived late).

    Raises:
        RowsError: A column is missing or of a wrong type, the decisions already have a column `label` or `matured_at`,
            or `now` has no time zone.
    """
    taken = [name for name in _ADDED if name in decisions.column_names]
    if taken:
        raise RowsError(f"the decisions already have {taken}: join decisions, not outcomes")
    if row_id not in decisions.column_names:
        raise RowsError(f"the decisions have no column '{row_id}'; they have {listed(decisions.column_names)}")
    labels = _labels(decisions, label_events, label, now, row_id=row_id, as_of=as_of)
    due = _due(decisions[as_of], label)
    matured = pc.coalesce(labels["known_at"], due)
    day = matured.cast(pa.date32())
    if "day" in decisions.column_names:
        day = pc.max_element_wise(day, decisions["day"])
    outcomes = decisions.drop_columns(["day"]) if "day" in decisions.column_names else decisions
    outcomes = outcomes.append_column("label", labels["label"]).append_column("matured_at", matured)
    outcomes = outcomes.append_column("day", day)
    if revisions:
        outcomes = outcomes.append_column("revision", labels["revision"])
    return outcomes.filter(pc.less_equal(due, pa.scalar(now, _TIME)))


def _labels(
    decisions: pa.Table, label_events: pa.Table, label: Label, now: datetime, *, row_id: str, as_of: str
) -> pa.Table:
    """`label`, `known_at` and `revision` of each decision, in the order of the decisions.

    The label rule takes each row once, so decisions are labelled in rounds: the first decision on every row, then the
    second, and so on. Mostly there is one round, often two.
    """
    rounds = _occurrence(decisions[row_id])
    positions, labels = [], []
    for n in range(int(rounds.max(initial=0)) + 1):
        chosen = np.flatnonzero(rounds == n)
        spine = decisions.select(
            list(dict.fromkeys([row_id, as_of, *([label.spine_column] if label.spine_column else [])]))
        ).take(pa.array(chosen))
        labels.append(mature_labels(spine, label_events, label, now, row_id=row_id, as_of=as_of))
        positions.append(chosen)
    order = np.argsort(np.concatenate(positions), kind="stable")
    return pa.concat_tables(labels).select(["label", "known_at", "revision"]).take(pa.array(order))


def _occurrence(ids: pa.ChunkedArray) -> NDArray[np.int64]:
    """How many earlier rows have the same id, int64 [n]."""
    codes = np.asarray(ids.combine_chunks().dictionary_encode(null_encoding="encode").indices.to_numpy())
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    within = np.arange(len(codes)) - np.repeat(starts, np.diff(starts, append=len(codes)))
    occurrence = np.empty(len(codes), dtype=np.int64)
    occurrence[order] = within
    return occurrence


def _due(as_of: pa.ChunkedArray, label: Label) -> pa.ChunkedArray:
    return pc.add(as_of.cast(_TIME), pa.scalar(label.maturity, pa.duration("us")))
