"""The rows of a quiet bank: each source by day as validated, the feature table, and what became of each row.

Belongs here: from the sandbox's world to the tables of a product, in memory. Does not belong here: models
(`models.py`), judging (`alarms.py`). The old policy of the bank decides on every row; no person loses consent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assets.features.kernel.kernel import compile_features
from assets.product import Product
from assets.product.agreement.features import validated_columns
from resources.sandbox.answering.bank import AnsweringBank
from resources.sandbox.answering.places import Places
from resources.sandbox.world.settings import BankSettings

_MOMENT = pa.timestamp("us", tz="UTC")
_TYPES = {
    "integer": pa.int64(), "number": pa.float64(), "string": pa.string(), "boolean": pa.bool_(), "timestamp": _MOMENT,
}  # fmt: skip


@dataclass(frozen=True)
class _Memory(Places):
    """Places that keep each day's rows in memory."""

    kept: dict[str, dict[date, pa.Table]] = field(default_factory=dict)

    def prepare(self) -> None:
        """Nothing is to be made."""

    def add(self, source: str, day: date, rows: pa.Table) -> None:
        self.kept.setdefault(source, {})[day] = rows


@dataclass(frozen=True, eq=False)
class ProductRows:
    """The rows of a product.

    Attributes:
        sources: By source and day, the validated rows.
        features: The feature table, in the order of days.
        day: Of each of its rows, days since 1970, int64 [n].
        bad: Whether it turned out badly, bool [n].
        labelled: Whether its label will become final, bool [n].
    """

    sources: Mapping[str, Mapping[date, pa.Table]]
    features: pa.Table
    day: NDArray[np.int64]
    bad: NDArray[np.bool_]
    labelled: NDArray[np.bool_]


def quiet_rows(products: tuple[Product, ...], settings: BankSettings, keenness: float) -> dict[str, ProductRows]:
    """The rows of each product over all days of the bank."""
    places = _Memory("", *[None] * 3)  # type: ignore[arg-type]
    bank = AnsweringBank(settings, (), places, keenness)
    for number in range(settings.days):
        bank.live_through(settings.first_day + timedelta(days=number))
    return {one.name: _of_product(one, bank, places.kept) for one in products}


def _of_product(product: Product, bank: AnsweringBank, kept: Mapping[str, Mapping[date, pa.Table]]) -> ProductRows:
    sources = {
        source.name: {day: _validated(product, source.name, rows) for day, rows in kept[source.name].items()}
        for source in product.sources
    }
    events = {name: pa.concat_tables(by_day.values()) for name, by_day in sources.items()}
    spine = events[product.spine.source]
    named = spine.append_column("as_of", spine[product.spine.as_of])
    if product.spine.sequence:
        named = named.append_column("sequence", spine[product.spine.sequence])
        of_source = events[product.spine.source]
        events[product.spine.source] = of_source.append_column("sequence", of_source[product.spine.sequence])
    computed = compile_features(product.features, product.resolutions).compute(events, named)
    row_id = product.spine.row_id
    for name in (*product.spine.passthrough, *product.features.key_columns, "as_of", row_id):
        if name not in computed.column_names:
            computed = computed.append_column(name, named[name])
    truth = bank.truth(product.name).rows
    place = pc.index_in(spine[row_id].cast(pa.string()), value_set=truth["row_id"].combine_chunks())
    found = truth.take(place.combine_chunks())
    return ProductRows(
        sources,
        computed.combine_chunks(),
        np.asarray(spine[product.spine.as_of].cast(pa.date32()).cast(pa.int32()).to_numpy(), dtype=np.int64),
        np.asarray(found["bad"].to_numpy(), dtype=np.bool_),
        np.asarray(found["accepted"].to_numpy(zero_copy_only=False), dtype=np.bool_),
    )


def _validated(product: Product, source: str, rows: pa.Table) -> pa.Table:
    kinds = validated_columns(product.contract(source))
    return pa.table({name: rows[name].cast(_TYPES[kind]) for name, kind in kinds.items()})
