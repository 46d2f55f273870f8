"""The amount that the label source tells of each row.

Belongs here: the rule of an amount over whole tables, and the columns of rows that hold it. Does not belong here: when
a label is final (`assets.training.rows.labels`), reading tables (`assets.py`).
"""

from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assets.metrics.amounts import larger_half
from assets.product import Amount, Label, Product
from assets.product.names import LABEL_AMOUNT
from assets.training.rows.learning import LABEL
from assets.training.rows.tables import RowsError, column_of, micros_of, numbers_of
from resources.moments import micros


def amounts_of(spine: pa.Table, label_events: pa.Table, label: Label, now: datetime, *, row_id: str) -> pa.Array:
    """The amount of each spine row as known at `now`: that of the revision known last; null where there is none.

    Revisions of a row are ordered as for its label: by when they became known, their event time and their value.

    Args:
        spine: With the column `row_id`; a row may be there more than once.
        label_events: Columns `label.row_id`, `label.column`, `event_time`, `known_at`.
        now: With a time zone; no event known later is used.

    Raises:
        RowsError: A column is missing or of a wrong type.
    """
    where = f"the label source '{label.source}'"
    ids = column_of(spine, row_id, "the spine").combine_chunks()
    of_events = column_of(label_events, label.row_id, where).combine_chunks().cast(ids.type)
    value = np.asarray(column_of(label_events, label.column, where).cast(pa.float64()).to_numpy(), dtype=np.float64)
    time, known = micros_of(label_events, "event_time", where), micros_of(label_events, "known_at", where)
    usable = np.flatnonzero((known <= micros(now)) & np.asarray(of_events.is_valid()))
    order = usable[np.lexsort((value[usable], time[usable], known[usable]))]
    last = pa.table({"id": of_events.take(pa.array(order)), "value": pa.array(value[order])})
    last = last.group_by("id", use_threads=False).aggregate([("value", "last")])
    place = pc.index_in(ids, value_set=last["id"].combine_chunks(), skip_nulls=True)
    found = last["value_last"].combine_chunks().take(place)
    return pc.if_else(pc.is_nan(found), pa.scalar(None, pa.float64()), found)


def with_amounts(product: Product, rows: pa.Table, label_events: pa.Table, now: datetime, *, row_id: str) -> pa.Table:
    """The rows with the column `LABEL_AMOUNT`; as they are where the product's target is no amount.

    Raises:
        RowsError: As `amounts_of`.
    """
    if not isinstance(product.model.target, Amount):
        return rows
    return rows.append_column(LABEL_AMOUNT, amounts_of(rows, label_events, product.label, now, row_id=row_id))


def learned_labels(product: Product, rows: pa.Table) -> pa.Table:
    """The row ids with the labels by which training tells two classes apart.

    Those of the training set; of an amount, whether it is above the median, so that there are two classes whatever the
    amounts are.

    Raises:
        RowsError: An amount is missing.
    """
    labels = rows.select([product.spine.row_id, LABEL])
    if not isinstance(product.model.target, Amount):
        return labels
    halves = larger_half(numbers_of(rows, LABEL_AMOUNT, "the training set"))
    return labels.set_column(1, LABEL, pa.array(halves))


def told_amounts(product: Product, rows: pa.Table) -> NDArray[np.float64] | None:
    """The amounts of labelled rows, float64 [n]; `None` where the product's target is no amount.

    Raises:
        RowsError: A row has no amount.
    """
    if not isinstance(product.model.target, Amount):
        return None
    amounts = numbers_of(rows, LABEL_AMOUNT, "the training set")
    if not np.all(np.isfinite(amounts)):
        raise RowsError(f"'{LABEL_AMOUNT}' of the training set has values that are no finite numbers")
    return amounts
