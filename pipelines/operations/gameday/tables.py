"""Whether the tables of a game day agree with each other when it is over.

Belongs here: what must hold between the tables of a product, whatever happened: rows of the same days, each row once.
Does not belong here: the tables' contents on a day (`assets.monitoring.consistency`), the judgement on the loop.
"""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from assets.product import Product
from assets.product.names import DECISIONS, FEATURES, OUTCOMES, table_name, validated_table
from resources.lake import Lake


def contradictions(product: Product, lake: Lake) -> tuple[str, ...]:
    """Where tables of a product contradict each other, a sentence each."""
    return tuple(_contradictions(product, lake))


def _contradictions(product: Product, lake: Lake) -> Iterator[str]:
    name, row_id = product.name, product.spine.row_id
    spine = _ids(lake, validated_table(name, product.spine.source), row_id)
    features = _ids(lake, table_name(name, FEATURES), row_id)
    decided = _ids(lake, table_name(name, DECISIONS), "decision_id")
    joined = _ids(lake, table_name(name, OUTCOMES), "decision_id")
    for table, ids in (("features", features), ("decisions", decided), ("outcomes", joined)):
        twice = len(ids) - len(pc.unique(ids))
        if twice:
            yield f"{name}/{table}: {twice} rows are there more than once"
    for table, ids, of, all_ in (
        ("features", features, product.spine.source, spine),
        ("outcomes", joined, "decisions", decided),
    ):
        alone = _not_in(ids, all_)
        if alone:
            yield f"{name}/{table}: {alone} rows are none of {of}"
    lacking = _not_in(spine, features)
    if lacking:
        yield f"{name}/features: {lacking} rows of {product.spine.source} have no features"


def _ids(lake: Lake, table: str, column: str) -> pa.ChunkedArray:
    if not lake.exists(table):
        return pa.chunked_array([], pa.string())
    return lake.read(table, columns=[column])[column].cast(pa.string())


def _not_in(ids: pa.ChunkedArray, all_: pa.ChunkedArray) -> int:
    known = pc.is_in(ids, value_set=pc.unique(all_))
    return len(ids) - int(pc.sum(known).as_py() or 0)
