"""From where each row of a training set has its label and its features.

Belongs here: the columns that say so, and their counts for people. Does not belong here: the rule of a label
(`labels.py`), writing the training set (`assets.training.assets`), the card that shows the counts
(`assets.governance.model_card`).

All of it is as known at the training set's moment: made again as of that moment, the columns are the same, whatever
was corrected, reviewed or computed again since.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.features.table.entity_events import rows_with
from assets.product import Product
from assets.product.names import DECISIONS, FEATURES, table_name, validated_table
from assets.training.rows.learning import LABEL
from resources.lake import Lake
from resources.lake.origins import content_since
from resources.lake.partitioning import slot_texts

KNOWN_AT, SOURCE, REVISION = "label_known_at", "label_source", "label_revision"
REVIEW, REVIEWERS, FEATURES_VERSION = "label_review", "label_reviewers", "features_version"
PROVENANCE = (KNOWN_AT, SOURCE, REVISION, REVIEW, REVIEWERS, FEATURES_VERSION)
"""The columns of a training set that say from where a row has its label and its features; none is for a model."""
_TIME = pa.timestamp("us", tz="UTC")


def traced_rows(
    product: Product, lake: Lake, spine: pa.Table, labels: pa.Table, now: datetime, *, version: int
) -> pa.Table:
    """The rows whose label is final, with their label and all columns of `PROVENANCE` that the product has.

    Args:
        spine: Rows of the feature table, with its partition columns.
        labels: The result of `mature_labels` for these rows, in their order.
        version: The version of the feature table.

    Raises:
        LakeError: A table is damaged.
    """
    rows = with_labels(spine, labels, product.label.source)
    rows = with_reviews(
        rows.filter(pc.is_valid(rows[LABEL])), reviews_of_rows(product, lake, now), product.spine.row_id
    )
    return with_versions(rows, lake, table_name(product.name, FEATURES), version)


def with_labels(spine: pa.Table, labels: pa.Table, source: str) -> pa.Table:
    """The spine's rows with their labels, and from where each has it.

    Args:
        labels: The result of `mature_labels` for these rows, in their order.
        source: The source of the labels.

    Returns:
        The spine with `label`; `label_known_at`; `label_source`, null where no event says what the label is but the
        absence of any; and `label_revision`, how many statements about the row had been replaced by a later one.
    """
    named = pc.if_else(labels["told"], pa.scalar(source), pa.scalar(None, pa.string()))
    columns = {LABEL: labels[LABEL], KNOWN_AT: labels["known_at"], SOURCE: named, REVISION: labels["revision"]}
    for name, values in columns.items():
        spine = spine.append_column(name, values)
    return spine


def with_reviews(rows: pa.Table, reviews: pa.Table | None, row_id: str) -> pa.Table:
    """The rows with `label_review`, the last word of a person on a decision on the row, and `label_reviewers`.

    Without a word the review is null, and there are 0 reviewers: people, each counted once.

    Args:
        reviews: As `reviews_of_rows` returns them; `None` where the product takes none, and gets no such columns.
    """
    if reviews is None:
        return rows
    ordered = reviews.sort_by([("known_at", "ascending"), ("decision_id", "ascending")])
    told = ordered.group_by("row_id", use_threads=False).aggregate([("outcome", "last"), ("by", "count_distinct")])
    place = pc.index_in(rows[row_id].cast(pa.string()), value_set=told["row_id"].combine_chunks()).combine_chunks()
    people = pc.fill_null(told["by_count_distinct"].combine_chunks().take(place), 0).cast(pa.int32())
    return rows.append_column(REVIEW, told["outcome_last"].combine_chunks().take(place)).append_column(
        REVIEWERS, people
    )


def with_versions(rows: pa.Table, lake: Lake, features: str, version: int) -> pa.Table:
    """The rows with `features_version`: since which version of the feature table their day has had its content.

    The commit of that version names the versions of the tables from which the features were computed. It is null where
    the commit is no longer in the log.

    Args:
        rows: Rows of the feature table, with its partition columns.

    Raises:
        LakeError: The log cannot be read.
    """
    since = {str(slot): made for slot, made in content_since(lake, features, version).items()}
    texts = slot_texts(rows).combine_chunks().dictionary_encode()
    made = pa.array([since.get(text) for text in texts.dictionary.to_pylist()], pa.int64())
    return rows.append_column(FEATURES_VERSION, made.take(texts.indices))


def reviews_of_rows(product: Product, lake: Lake, now: datetime) -> pa.Table | None:
    """People's words that were known at `now`: `row_id` as text, `decision_id`, `outcome`, `by`, `known_at`.

    `None` where the product takes no reviews.

    Raises:
        LakeError: A table is damaged.
    """
    if not product.reviews:
        return None
    columns, table = ["decision_id", "outcome", "by", "known_at"], validated_table(product.name, product.reviews)
    decisions = table_name(product.name, DECISIONS)
    if not lake.exists(table) or not lake.exists(decisions):
        texts = {name: pa.array([], pa.string()) for name in ("row_id", *columns[:-1])}
        return pa.table({**texts, "known_at": pa.array([], _TIME)})
    words = lake.read(table, columns=columns)
    words = words.filter(pc.less_equal(words["known_at"], pa.scalar(now, _TIME)))
    ids = pc.unique(words["decision_id"])
    found = rows_with(lake, decisions, ["decision_id", "row_id"], {"decision_id": ids})
    place = pc.index_in(words["decision_id"], value_set=found["decision_id"].combine_chunks()).combine_chunks()
    words = words.append_column("row_id", found["row_id"].combine_chunks().take(place))
    return words.filter(pc.is_valid(words["row_id"]))


def provenance_counts(rows: pa.Table) -> Mapping[str, Any]:
    """How many rows have their label from where, for the training set's metadata and the model card; a JSON value."""
    source = pc.value_counts(rows[SOURCE]).to_pylist()
    counts: dict[str, Any] = {
        "rows": rows.num_rows,
        "label_source": {one["values"] or "absence of an event": one["counts"] for one in source},
        "revised": _true(pc.greater(rows[REVISION], 0)),
        "known_from": _moment(pc.min(rows[KNOWN_AT])),
        "known_until": _moment(pc.max(rows[KNOWN_AT])),
    }
    if REVIEWERS in rows.column_names:
        counts["reviewed"] = _true(pc.greater(rows[REVIEWERS], 0))
        counts["reviewed_by_several"] = _true(pc.greater(rows[REVIEWERS], 1))
    versions = rows[FEATURES_VERSION]
    counts["features_versions"] = pc.count_distinct(versions).as_py()
    counts["features_first_version"], counts["features_last_version"] = pc.min_max(versions).as_py().values()
    return counts


def _true(values: pa.ChunkedArray) -> int:
    return int(pc.sum(values.cast(pa.int64())).as_py() or 0)


def _moment(value: pa.Scalar) -> str | None:
    return None if value.as_py() is None else str(value.as_py().isoformat())
