"""Reading from the lake what a replay of many decisions needs.

Belongs here: the events of the decisions' entities, read once. Does not belong here: indexing them (`lake_events.py`),
the comparison with what was logged (`features.py`), finding the decisions (`assets.serving.log`).
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import pyarrow as pa

from assets.bundle.bundle import Bundle
from assets.features.table.entity_events import events_of_entities
from assets.product.names import validated_table
from assets.replay.lake_events import EntityIndex, LakeEvents
from assets.serving.decision import Decision
from resources.lake import Lake


def lake_index(lake: Lake, bundle: Bundle, records: Sequence[Decision], versions: Mapping[str, int]) -> EntityIndex:
    """The lake's events of the decisions' entities, within the longest window before the first decision.

    Args:
        records: Decisions of the bundle, one at least.
        versions: For each source that the bundle's features read, the version of its table.

    Raises:
        LakeError: A table is missing or damaged.
    """
    kernel, product = bundle.parts.kernel, bundle.product
    moments = [record.as_of for record in records]
    lookback = kernel.features.lookback
    first = date.min if lookback is None else (min(moments) - lookback - timedelta(days=1)).date()
    entities = {key: pa.array(sorted({str(record.keys[key]) for record in records})) for key in kernel.features.keys}
    tables = events_of_entities(
        lake, kernel, lambda source: validated_table(product, source), entities, sequence=bundle.policy.sequence,
        days=(first, max(moments).date()), row_id=bundle.policy.row_id, versions=versions,
    )  # fmt: skip
    ends = {
        source: max(lake.days(validated_table(product, source), versions[source]), default=None)
        for source in kernel.features.sources
    }
    return LakeEvents(tables, ends).by_entity(kernel)
