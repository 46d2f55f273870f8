"""The tables whose rows are joined with labels: the answered decisions, or the scores of every row.

Belongs here: for each of both its columns, the ids of its rows, and what has to be read beside it. Does not belong
here: which rows concern a day (`inputs.py`), the join (`outcomes.py`).

An answered decision says who decided, and no backfill changes that. It has the request's columns as one text; what the
figures need of them, and of columns that only the row in the lake has, becomes columns of the outcomes.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from assets.features.table.entity_events import rows_with
from assets.product import Product
from assets.product.names import BATCH_OUTCOMES, DECISIONS, OUTCOMES, SCORES, table_name, validated_table
from assets.vocabulary.times import AS_OF
from resources.lake import DAY, Lake

_DECIDED = (
    "decision_id", "row_id", "bundle", "digest", "role", "rollout", "share", AS_OF, "decided_at", "score", "outcome",
    "threshold", "fallback", "explored",
)  # fmt: skip
_READ = ("exploration", "rules", "keys")
"""Columns of decisions that `propensity` and `entity` follow from, besides those that outcomes keep."""
WHOLE_NUMBER = r"^-?[0-9]{1,18}$"
"""What a text has to be to be the id of a row whose ids are numbers."""


@dataclass(frozen=True)
class Judged:
    """A table whose rows are joined with labels.

    Attributes:
        table, outcomes: The lake's names of the table and of the table of its outcomes.
        id: The column that tells a row from every other; a row of the product may be decided more than once.
        row_id: The column with the id by which labels know the row.
        columns: Those that are read; `None` for all.
        of_request: Columns of the outcomes that are fields of the request.
        of_spine: Columns of the outcomes that only the row in the spine's source has.
        reviews: The source of people's words on these decisions; empty where the product has none.
    """

    table: str
    outcomes: str
    id: str
    row_id: str
    columns: tuple[str, ...] | None = None
    of_request: tuple[str, ...] = ()
    of_spine: tuple[str, ...] = ()
    reviews: str = ""

    def named(self, product: Product, lake: Lake, values: pa.Array) -> Mapping[str, pa.Array]:
        """By which column of the table the rows are found that labels with these ids are about, and its values."""
        column = product.label.spine_column
        if column is None or column not in self.of_spine:
            return {column or self.row_id: values}
        table, own = validated_table(product.name, product.spine.source), product.spine.row_id
        typed = {column: values.drop_null().cast(lake.schema(table).field(column).type)}
        return {self.row_id: pc.unique(rows_with(lake, table, [own, column], typed)[own])}

    def whole(self, product: Product, lake: Lake, rows: pa.Table) -> pa.Table:
        """Rows of the table with the columns of the request and of the spine; null where nobody knows them any more."""
        if self.of_request:
            inputs = [json.loads(text) for text in rows["inputs"].to_pylist()]
            for name in self.of_request:
                rows = rows.append_column(name, pa.array([given.get(name) for given in inputs], pa.float64()))
            rows = rows.drop_columns(["inputs"])
        if "exploration" in rows.column_names:
            rows = rows.append_column("propensity", propensity_of(product, rows))
            rows = rows.append_column("entity", entities_of(product, rows)).drop_columns(list(_READ))
        return _with_spine(product, lake, rows, self.of_spine) if self.of_spine else rows


def answered(product: Product) -> Judged:
    """The decisions that the service answered."""
    stake, entity = product.decision.profit.stake, product.label.spine_column
    of_request = tuple(n for n in (stake,) if n in {field.name for field in product.features.request})
    in_table = tuple(name for name in (entity,) if name in keys_in_decisions(product))
    of_spine = tuple(n for n in dict.fromkeys((stake, entity)) if n is not None and n not in (*of_request, *in_table))
    return Judged(
        table=table_name(product.name, DECISIONS), outcomes=table_name(product.name, OUTCOMES), id="decision_id",
        row_id="row_id", columns=(*_DECIDED, *_READ, *in_table, *(("inputs",) if of_request else ()), DAY),
        of_request=of_request, of_spine=of_spine,
        reviews=product.reviews,
    )  # fmt: skip


def scored(product: Product) -> Judged:
    """The rows of every day, as the champion of the day's last run scored them."""
    return Judged(
        table=table_name(product.name, SCORES), outcomes=table_name(product.name, BATCH_OUTCOMES),
        id=product.spine.row_id, row_id=product.spine.row_id,
    )  # fmt: skip


def entities_of(product: Product, decisions: pa.Table) -> pa.Array:
    """What tells entities apart: a digest of the keys by which an arm was assigned; without keys the row's id.

    An arm is thrown once for an entity, so that whoever judges arms counts its decisions together.
    """
    names, found = product.features.key_columns, []
    for text, row_id in zip(decisions["keys"].to_pylist(), decisions["row_id"].to_pylist(), strict=True):
        keys = json.loads(text)
        known = [str(keys[name]) for name in names if keys.get(name) is not None]
        digest = hashlib.blake2b(json.dumps(known).encode(), digest_size=8).hexdigest()
        found.append(digest if known else row_id)
    return pa.array(found, pa.string())


def propensity_of(product: Product, decisions: pa.Table) -> pa.Array:
    """The probability with which each request got its answer: the share of the arm, times that of the exploration.

    A refusal by its score alone might have been let past; one by a rule might not. A rule that the product has no more
    counts as one that refuses.
    """
    refers = {rule.id for rule in product.rules if rule.outcome == "refer"}
    by_rule = pa.array([not refers.issuperset(json.loads(text)) for text in decisions["rules"].to_pylist()], pa.bool_())
    is_refused = pc.and_(
        pc.equal(decisions["outcome"], product.decision.refuse),
        pc.fill_null(pc.greater_equal(decisions["score"], decisions["threshold"]), False),
    )
    explorable, let_past = pc.and_(is_refused, pc.invert(by_rule)), pc.fill_null(decisions["exploration"], 0.0)
    explored = pc.fill_null(decisions["explored"], False)
    answered = pc.if_else(explored, let_past, pc.if_else(explorable, pc.subtract(1.0, let_past), 1.0))
    return pc.multiply(decisions["share"], answered)


def keys_in_decisions(product: Product) -> tuple[str, ...]:
    """The entity keys that are columns of `decisions`: the one by which labels know the entity."""
    column = product.label.spine_column
    return (column,) if column is not None and column in product.features.key_columns else ()


def _with_spine(product: Product, lake: Lake, rows: pa.Table, columns: Sequence[str]) -> pa.Table:
    """The rows with columns of their rows in the spine's source; null for a row that never came there."""
    table, own = validated_table(product.name, product.spine.source), product.spine.row_id
    schema, ids = lake.schema(table), pc.unique(rows["row_id"])
    if pa.types.is_integer(schema.field(own).type):  # a row without an id of its own got a text
        ids = ids.filter(pc.match_substring_regex(ids, WHOLE_NUMBER))
    found = rows_with(lake, table, [own, *columns], {own: ids.cast(schema.field(own).type)})
    place = pc.index_in(rows["row_id"], value_set=found[own].cast(pa.string()).combine_chunks())
    for name in columns:
        rows = rows.append_column(name, found[name].combine_chunks().take(place))
    return rows
