"""Logged features of a day's decisions against those computed from the lake, feature by feature.

Belongs here: counting what differs by feature and cause, the table `consistency`. Does not belong here: computing
features again and finding the events that explain a difference (`assets.replay`), reading decisions (`deciding.py`).
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

import pyarrow as pa

from assets.replay.decision import Difference
from assets.replay.features import GapCause, Parity
from assets.serving.decision import Decision
from resources.lake import DAY

Cause = GapCause | Literal["fallback", "unknown"]

CONSISTENCY_SCHEMA = pa.schema(
    [
        pa.field(DAY, pa.date32(), nullable=False),
        pa.field("bundle", pa.string(), nullable=False),
        pa.field("feature", pa.string(), nullable=False),
        pa.field("compared", pa.int64(), nullable=False),
        pa.field("mismatched", pa.int64(), nullable=False),
        pa.field("missing", pa.int64(), nullable=False),
        pa.field("extra", pa.int64(), nullable=False),
        pa.field("unexplained", pa.int64(), nullable=False),
        pa.field("largest_difference", pa.float64()),
        pa.field("cause", pa.string()),
        pa.field("example", pa.string()),
    ]
)
"""`missing`: the log has no value, the lake gives one; `extra`: the reverse. `cause` is the most frequent one, null
where nothing differs; `example` is the id of the first decision that differs."""

_ORDER: tuple[GapCause, ...] = ("not_in_lake_yet", "late_event", "not_in_lake", "other_table_version", "past_decision")


@dataclass(frozen=True)
class Compared:
    """One decision, compared.

    Attributes:
        differences: Of its features.
        cause: Why they differ; `None` where none does.
    """

    decision: str
    differences: tuple[Difference, ...] = ()
    cause: Cause | None = None


@dataclass
class _Counts:
    mismatched: int = 0
    missing: int = 0
    extra: int = 0
    unexplained: int = 0
    largest: float | None = None
    causes: Counter[Cause] = field(default_factory=Counter)
    example: str | None = None


def compared(record: Decision, features: Sequence[str], parity: Parity) -> Compared:
    """The comparison of a decision with the cause of its differences.

    Args:
        features: Those of its bundle.
        parity: The comparison of `assets.replay`, with the events that explain it.
    """
    if record.fallback is not None and not record.features:
        return Compared(record.id, tuple(Difference(name, None, "a value") for name in features), "fallback")
    surplus = tuple(Difference(name, record.features[name], None) for name in record.features if name not in features)
    differences = (*parity.differences, *surplus)
    if not differences:
        return Compared(record.id)
    causes = {gap.cause for gap in parity.gaps}
    known = next((cause for cause in _ORDER if cause in causes), None)
    return Compared(record.id, differences, known if known is not None and not surplus else "unknown")


def consistency_table(day: date, bundle: str, features: Sequence[str], found: Iterable[Compared]) -> pa.Table:
    """A row for each feature, in their order; then one for each logged feature that the bundle does not have."""
    counts, number = {name: _Counts() for name in features}, 0
    for one in found:
        number += 1
        for difference in one.differences:
            _count(counts.setdefault(difference.name, _Counts()), difference, one)
    rows = [_row(day, bundle, name, number, of) for name, of in counts.items()]
    return pa.Table.from_pylist(rows, schema=CONSISTENCY_SCHEMA)


def _count(counts: _Counts, difference: Difference, one: Compared) -> None:
    logged, computed = _value(difference.recorded), _value(difference.computed)
    if logged is None:
        counts.missing += 1
    elif computed is None:
        counts.extra += 1
    else:
        counts.mismatched += 1
    if isinstance(logged, float) and isinstance(computed, float):
        counts.largest = max(counts.largest or 0.0, abs(logged - computed))
    counts.unexplained += one.cause == "unknown"
    counts.causes.update([one.cause or "unknown"])
    counts.example = counts.example or one.decision


def _value(value: object) -> float | str | None:
    """A feature's value; NaN is none."""
    if isinstance(value, (int, float)):
        return None if math.isnan(value) else float(value)
    return None if value is None else str(value)


def _row(day: date, bundle: str, name: str, number: int, counts: _Counts) -> dict[str, Any]:
    most = counts.causes.most_common(1)
    return {
        DAY: day, "bundle": bundle, "feature": name, "compared": number, "mismatched": counts.mismatched,
        "missing": counts.missing, "extra": counts.extra, "unexplained": counts.unexplained,
        "largest_difference": counts.largest, "cause": most[0][0] if most else None, "example": counts.example,
    }  # fmt: skip
