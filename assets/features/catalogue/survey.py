"""The feature catalogue of a product as it stands: declarations, values, models.

Belongs here: reading the newest rows of the feature table, and putting all that is known of each feature together. Does
not belong here: the parts (`entries.py`, `statistics.py`, `usage.py`), their form for people (`render.py`).
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

NEWEST_ROWS = 100_000
"""Whole days of the feature table are read, the newest first, until there are as many rows."""


@dataclass(frozen=True)
class FeatureSurvey:
    """All that is known of a product's features.

    Attributes:
        version: Of the feature table; `None` before it was first made.
        days: First and last day of the rows that the statistics are of.
        statistics: Of the features that these rows have.
        models: Those whose use of features was looked at, the oldest first.
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
        """Features that no model uses; none is named as long as there is no model."""
        return unused(self.uses) if self.models else ()

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
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
        there = [name for name in names if name in lake.schema(table, version).names]
        rows = lake.read(table, days=newest, version=version, columns=there)
    return FeatureSurvey(
        product=product.name,
        title=product.title,
        owner=product.owner,
        version=version,
        days=(min(newest), max(newest)) if newest else None,
        rows=rows.num_rows,
        entries=catalogue(product.features, product.units, spine=product.spine.source),
        statistics=feature_statistics(rows, names),
        uses=feature_use(product.features, models),
        models=tuple(models),
    )


def _newest_days(lake: Lake, table: str, version: int) -> list[date]:
    found: list[date] = []
    rows = 0
    for file in reversed(lake.files(table, version=version)):
        if file.day is None or (rows >= NEWEST_ROWS and file.day != found[-1]):
            break
        if file.day not in found:
            found.append(file.day)
        rows += file.rows
    return found
