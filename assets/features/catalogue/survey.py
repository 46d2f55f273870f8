"""The feature catalogue of a product in its present state: declarations, values, models.

Belongs here: reading the newest rows of the feature table, and combining entry, statistics and use of each feature.
Does not belong here: the parts (`entries.py`, `statistics.py`, `usage.py`), their presentation (`render.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from assets.features.catalogue.entries import CatalogueEntry, catalogue
from assets.features.catalogue.statistics import FeatureStatistics, feature_statistics
from assets.features.catalogue.usage import FeatureUse, ModelUse, feature_use, unused
from assets.product import Product
from assets.product.names import FEATURES, table_name
from resources.lake import Lake
from resources.slots import Slot, day_of

NEWEST_ROWS, NEWEST_DAYS = 100_000, 92
"""Whole days of the feature table are read, the newest first, until there are this many rows, or this many days."""


@dataclass(frozen=True)
class FeatureSurvey:
    """Entries, statistics and use of a product's features.

    Attributes:
        version: Version of the feature table; `None` where it does not exist yet.
        days: First and last day of the rows for the statistics.
        statistics: Statistics of the features that these rows have.
        models: The surveyed models, the oldest first.
    """

    product: str
    title: str
    owner: str
    version: int | None
    days: tuple[date, date] | None
    rows: int
    entries: tuple[CatalogueEntry, ...]
    statistics: Mapping[str, FeatureStatistics]
    uses: Mapping[str, FeatureUse]
    models: tuple[ModelUse, ...]

    @property
    def unused(self) -> tuple[str, ...]:
        """Features that no model uses; empty as long as there is no model."""
        return unused(self.uses) if self.models else ()

    def to_dict(self) -> dict[str, Any]:
        """The survey as a JSON value."""
        return {
            "product": self.product,
            "feature_table": {
                "version": self.version,
                "from": str(self.days[0]) if self.days else None,
                "to": str(self.days[1]) if self.days else None,
                "rows": self.rows,
            },
            "models": [{"version": model.version, "roles": list(model.roles)} for model in self.models],
            "unused": list(self.unused),
            "features": [
                {
                    **asdict(entry),
                    "statistics": asdict(self.statistics[entry.name]) if entry.name in self.statistics else None,
                    "use": asdict(self.uses[entry.name]),
                }
                for entry in self.entries
            ],
        }


def survey(product: Product, lake: Lake, models: Sequence[ModelUse]) -> FeatureSurvey:
    """The survey of a product's declared features.

    Raises:
        LakeError: The feature table is damaged.
    """
    table, names = table_name(product.name, FEATURES), product.features.names
    version = lake.version(table) if lake.exists(table) else None
    newest = [] if version is None else _newest_days(lake, table, version)
    rows = pa.table({})
    if newest:
        there = lake.schema(table, version).names
        existing = [name for name in names if name in there]
        rows = lake.read(table, days=newest, version=version, columns=existing)
    return FeatureSurvey(
        product=product.name,
        title=product.title,
        owner=product.owner,
        version=version,
        days=(day_of(min(newest)), day_of(max(newest))) if newest else None,
        rows=rows.num_rows,
        entries=catalogue(product.features, product.units, spine=product.spine.source),
        statistics=feature_statistics(rows, names),
        uses=feature_use(product.features, models),
        models=tuple(models),
    )


def _newest_days(lake: Lake, table: str, version: int) -> list[Slot]:
    days: list[Slot] = []
    rows = 0
    for file in reversed(lake.files(table, version=version)):
        full = rows >= NEWEST_ROWS or len(days) >= NEWEST_DAYS
        if file.day is None or (full and file.day != days[-1]):
            break
        if file.day not in days:
            days.append(file.day)
        rows += file.rows
    return days
