"""Why the score has moved: how much of its shift each feature explains, and in which segments of the rows it is.

Belongs here: the contributions of a day's rows as exact sums, and the shift between two sets of days. Does not belong
here: SHAP values (`assets.bundle.scorer`), which days are compared (`assets.py`).

SHAP values add up to the log odds before calibration, so the mean of a feature's values now, less the mean then, is
what the feature explains of the shift of the mean log odds, and the features together explain all of it. A segment
explains its share of the rows times its mean score now, less the same then: the segments of a column together explain
the shift of the mean score. Sums are kept in millionths as integers: sums of days are exact in any order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Explains = Literal["feature", "segment"]

ATTRIBUTIONS_SCHEMA = pa.schema(
    [
        pa.field("bundle", pa.string(), nullable=False),
        pa.field("digest", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("rows", pa.int64(), nullable=False),
        pa.field("millionths", pa.int64(), nullable=False),
        pa.field("day", pa.date32(), nullable=False),
    ]
)
MOST_ROWS = 500
"""Rows of a day whose contributions are computed: SHAP values cost far more than scores."""
_UNIT = 1_000_000


@dataclass(frozen=True)
class Sums:
    """The rows of one feature or segment of one day, and the sum of their contributions or scores."""

    kind: Explains
    name: str
    rows: int
    millionths: int


@dataclass(frozen=True)
class Shift:
    """What a feature or a segment explains of the score's shift.

    Attributes:
        shift: Of a feature in log odds, of a segment in probability; positive towards the bad outcome.
        share: Of all that was explained by its kind and column, in absolute value: 0 to 1.
    """

    kind: Explains
    name: str
    shift: float
    share: float


def sampled(rows: pa.Table, day: date, most: int = MOST_ROWS) -> NDArray[np.int64]:
    """The places of the rows whose contributions are computed: drawn by the day, in order."""
    if rows.num_rows <= most:
        return np.arange(rows.num_rows)
    return np.sort(np.random.default_rng(day.toordinal()).choice(rows.num_rows, most, replace=False))


def feature_sums(contributions: NDArray[np.float64], sources: Sequence[str]) -> list[Sums]:
    """The contributions [n, columns] added up by feature.

    Args:
        sources: The feature of each column.
    """
    millionths = np.rint(contributions * _UNIT).astype(np.int64).sum(axis=0)
    found: dict[str, int] = {}
    for name, value in zip(sources, millionths.tolist(), strict=True):
        found[name] = found.get(name, 0) + value
    return [Sums("feature", name, len(contributions), value) for name, value in found.items()]


def segment_sums(
    column: str, names: Sequence[str], member: NDArray[np.int64], scores: NDArray[np.float64]
) -> list[Sums]:
    """The scores of the groups of a column.

    Args:
        names: Of the groups.
        member: For each row the place of its group.
    """
    millionths = np.rint(np.nan_to_num(scores) * _UNIT).astype(np.int64)
    return [
        Sums("segment", f"{column}={name}", int((member == place).sum()), int(millionths[member == place].sum()))
        for place, name in enumerate(names)
    ]


def sums_table(bundle: str, digest: str, day: date, sums: Sequence[Sums]) -> pa.Table:
    """Sums of a day as rows of ATTRIBUTIONS_SCHEMA."""
    rows = [{"bundle": bundle, "digest": digest, "day": day, **vars(one)} for one in sums]
    return pa.Table.from_pylist(rows, schema=ATTRIBUTIONS_SCHEMA)


def shifts(table: pa.Table, then: Sequence[date], now: Sequence[date]) -> tuple[Shift, ...]:
    """What each feature, and each segment, explains of the score's shift, the largest first; none without rows.

    Args:
        table: Rows of ATTRIBUTIONS_SCHEMA, of one bundle.
    """
    before, after = _added(table, then), _added(table, now)
    found: list[Shift] = []
    for kind, column in dict.fromkeys((kind, _column(kind, name)) for kind, name in (*before, *after)):
        keys = sorted({key for key in (*before, *after) if key[0] == kind and _column(*key) == column})
        rows = [_rows(sums, keys, kind) for sums in (before, after)]
        if not all(rows):
            continue
        then_mean, now_mean = (
            {key: sums.get(key, (0, 0))[1] / count / _UNIT for key in keys}
            for sums, count in zip((before, after), rows, strict=True)
        )
        moved = {key: now_mean[key] - then_mean[key] for key in keys}
        total = sum(abs(value) for value in moved.values()) or 1.0
        found += [Shift(kind, key[1], value, abs(value) / total) for key, value in moved.items()]
    return tuple(sorted(found, key=lambda one: (one.kind, -one.share, one.name)))


_Key = tuple[Explains, str]


def _added(table: pa.Table, days: Sequence[date]) -> Mapping[_Key, tuple[int, int]]:
    own = table.filter(pc.is_in(table["day"], value_set=pa.array(list(days), pa.date32())))
    added = own.group_by(["kind", "name"]).aggregate([("rows", "sum"), ("millionths", "sum")]).to_pylist()
    return {(row["kind"], row["name"]): (row["rows_sum"], row["millionths_sum"]) for row in added}


def _rows(sums: Mapping[_Key, tuple[int, int]], keys: Sequence[_Key], kind: Explains) -> int:
    """The rows over which the means are: each row has all features, and one segment of a column."""
    counts = [sums[key][0] for key in keys if key in sums]
    return sum(counts) if kind == "segment" else max(counts, default=0)


def _column(kind: Explains, name: str) -> str:
    return name.partition("=")[0] if kind == "segment" else ""
