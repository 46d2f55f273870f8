"""The answered decisions of a day, each compared with what the lake gives.

Belongs here: choosing the decisions, reading bundles, lake and store for them. Does not belong here: computing features
again (`assets.replay`), counting (`comparison.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pyarrow as pa

from assets.bundle.bundle import Bundle
from assets.bundle.released import released_bundle
from assets.monitoring.consistency.comparison import CONSISTENCY_SCHEMA, Compared, compared, consistency_table
from assets.product import Product
from assets.product.names import validated_table
from assets.replay.features import Parity, compare_with_lake, explain
from assets.replay.lake_events import EntityIndex
from assets.replay.reading import lake_index
from assets.replay.store_events import StoreReader
from assets.serving.decision import Decision
from assets.serving.log.decision_log import scan_day
from resources.lake import Lake
from resources.online_store.opening import OnlineStores
from resources.online_store.protocol import OnlineStore, StoreUnavailable
from resources.rollout_store.manifest import Release
from resources.rollout_store.store import RolloutStore

MOST_COMPARED = 2_000
"""The most decisions of a day that are computed again: evenly spread over the day where there are more."""


@dataclass(frozen=True)
class DayConsistency:
    """The comparison of a day.

    Attributes:
        table: Of CONSISTENCY_SCHEMA.
        answered, compared, differing, unexplained: Decisions.
    """

    table: pa.Table
    answered: int
    compared: int
    differing: int
    unexplained: int


def answered_decisions(folder: Path, product: str, day: date) -> tuple[Decision, ...]:
    """The answered decisions of a UTC day with what a comparison needs: no shadows, none void, none erased.

    Raises:
        DecisionLogError: A line of the log is no decision.
    """
    every = scan_day(folder, product, day).decisions
    return tuple(one for one in every if one.role != "shadow" and not one.void and not one.erased)


def compare_day(
    product: Product,
    day: date,
    decisions: Sequence[Decision],
    lake: Lake,
    stores: OnlineStores,
    rollout: RolloutStore,
    key: bytes,
    versions: Mapping[str, int],
) -> DayConsistency:
    """The features of the day's decisions against those that the lake gives now.

    Args:
        versions: By source, the version of its table.
        key: The signing key.

    Raises:
        LakeError: A table is missing or damaged.
        RolloutError, BundleError: A bundle that decided is missing or was altered.
        CannotReplay: A record lacks what the computation needs.
    """
    chosen = decisions[:: max(1, -(-len(decisions) // MOST_COMPARED))]
    by_bundle: dict[tuple[str, str], list[Decision]] = {}
    for record in chosen:
        if record.features or record.fallback is not None:  # a rule before the model reads no features
            by_bundle.setdefault((record.bundle, record.digest), []).append(record)
    tables: list[pa.Table] = [CONSISTENCY_SCHEMA.empty_table()]
    found: list[Compared] = []
    for (version, digest), records in by_bundle.items():
        bundle = released_bundle(product.name, Release(version=version, digest=digest), rollout, key)
        of_bundle = _compared(records, bundle, lake, stores.of(product.name), versions)
        tables.append(consistency_table(day, version, bundle.parts.kernel.features.names, of_bundle))
        found += of_bundle
    differing = [one for one in found if one.differences]
    return DayConsistency(
        pa.concat_tables(tables),
        len(decisions),
        len(found),
        len(differing),
        sum(d.cause == "unknown" for d in differing),
    )


def _compared(
    records: Sequence[Decision], bundle: Bundle, lake: Lake, store: OnlineStore, versions: Mapping[str, int]
) -> list[Compared]:
    kernel, featured = bundle.parts.kernel, [record for record in records if record.features]
    read = {
        source: versions[source] if source in versions else lake.version(validated_table(bundle.product, source))
        for source in kernel.features.sources
    }
    index = lake_index(lake, bundle, featured, read) if featured else None
    reader = StoreReader(kernel, store)

    def parity(record: Decision) -> Parity:
        return Parity() if index is None or not record.features else _parity(record, bundle, index, reader)

    return [compared(record, kernel.features.names, parity(record)) for record in records]


def _parity(record: Decision, bundle: Bundle, index: EntityIndex, reader: StoreReader) -> Parity:
    """The comparison with the lake, with the events that explain its differences where the store can be read."""
    parity = compare_with_lake(record, bundle, index)
    if not parity.differences:
        return parity
    try:
        events = reader.of(record.keys)
    except StoreUnavailable as error:
        return replace(parity, remark=f"the online store cannot be read: {error}")
    return explain(record, bundle, index, parity, events)


def sources_read(product: Product, lake: Lake) -> dict[str, int]:
    """The present version of the table of each source that the product's features read.

    Raises:
        LakeError: A table is missing.
    """
    return {source: lake.version(validated_table(product.name, source)) for source in product.features.sources}
