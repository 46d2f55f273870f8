"""The rows within the windows of some days, and the record of figures that a champion judged.

Belongs here: reading a table of days for windows that end on them, the form of a table that was made of them, and the
metadata of its commit. Does not belong here: what is computed from the rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pyarrow as pa

from assets.product.names import table_name
from resources.lake import Lake
from resources.lake.origins import Reading, made_from

JUDGED_BY = "bundle"
"""The key, in a commit's metadata, of the digest of the champion that judged its days."""


@dataclass(frozen=True)
class MadeTable:
    """The content of some days of a table.

    Attributes:
        table: Its rows.
        readings: What was read for them, by table.
        days: The days, where they are others than those that were asked for; else `None`.
        shown: What Dagster shows beside the rows: figures, and pictures as PNG.
    """

    table: pa.Table
    readings: dict[str, Reading]
    days: tuple[date, ...] | None = None
    shown: Mapping[str, Any] = field(default_factory=dict)


def window_of(
    lake: Lake, product: str, days: Sequence[date], name: str, *, before: int, columns: Sequence[str] | None = None
) -> tuple[pa.Table, Reading]:
    """The rows of a product's table from `before` days before the first of these days to the last, and the reading.

    Raises:
        LakeError: The table does not exist or is damaged.
    """
    table = table_name(product, name)
    version, first = lake.version(table), days[0] - timedelta(days=before)
    within = [day for day in lake.days(table, version) if first <= day <= days[-1]]
    return lake.read(table, days=within, version=version, columns=columns), Reading(version, before)


def judged_record(run_id: str, digest: str | None, readings: dict[str, Reading]) -> dict[str, str]:
    """The metadata of a commit of days: the run, the champion that judged them (`None` for none), what was read."""
    judged = {} if digest is None else {JUDGED_BY: digest}
    return {"run_id": run_id, **judged, **made_from(readings)}
