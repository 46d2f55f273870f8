"""The table `retraining`, and its newest day.

Belongs here: its columns, from causes and verdicts to rows, reading the newest day back. Does not belong here: the
verdict (`verdict.py`), writing the table (`assets.py`).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from assets.monitoring.retraining.verdict import RetrainSignals, RetrainVerdict
from assets.product import Product
from assets.product.names import RETRAINING, table_name
from resources.lake import Lake

RETRAINING_SCHEMA = pa.schema(
    [
        pa.field("day", pa.date32(), nullable=False),
        pa.field("cause", pa.string(), nullable=False),
        pa.field("key", pa.string(), nullable=False),
        pa.field("asks", pa.string(), nullable=False),
        pa.field("since", pa.date32()),
        pa.field("evidence", pa.string(), nullable=False),
        pa.field("cause_reasons", pa.string(), nullable=False),
        pa.field("action", pa.string(), nullable=False),
        pa.field("reasons", pa.string(), nullable=False),
        pa.field("holds", pa.string(), nullable=False),
        pa.field("gain", pa.float64()),
        pa.field("cost", pa.float64(), nullable=False),
        pa.field("model_version", pa.string(), nullable=False),
    ]
)


@dataclass(frozen=True)
class RecordedDay:
    """The verdict of a day as it is recorded.

    Attributes:
        action, reasons, gain, cost: As in the verdict.
        holds: For each kind of hold its sentence.
        since: The first day of the longest episode that asks; `None` where none asks.
        model_version: The champion that was judged.
    """

    day: date
    action: str
    reasons: tuple[str, ...]
    holds: Mapping[str, str]
    gain: float | None
    cost: float
    since: date | None
    model_version: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "day": self.day.isoformat(), "action": self.action, "reasons": list(self.reasons),
            "holds": dict(self.holds), "gain": self.gain, "cost": self.cost,
            "since": None if self.since is None else self.since.isoformat(), "version": self.model_version,
        }  # fmt: skip


def retraining_table(days: Iterable[tuple[date, RetrainSignals, RetrainVerdict]], model_version: str) -> pa.Table:
    """A table of RETRAINING_SCHEMA: a row for each day and cause, with the verdict of the day on each.

    `asks` is the action of the cause alone; `evidence` (figures by name), reasons and `holds` (by kind) are JSON texts.
    """
    rows = [
        {
            "day": day, "cause": cause.kind, "key": cause.key, "asks": cause.action, "since": cause.since,
            "evidence": json.dumps(dict(sorted(cause.evidence.items()))), "cause_reasons": json.dumps(cause.reasons),
            "action": verdict.action, "reasons": json.dumps(verdict.reasons),
            "holds": json.dumps([[hold.kind, hold.sentence] for hold in verdict.holds]),
            "gain": verdict.gain, "cost": verdict.cost, "model_version": model_version,
        }
        for day, signals, verdict in days
        for cause in signals.causes
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=RETRAINING_SCHEMA)


def recorded_verdict(product: Product, lake: Lake) -> RecordedDay | None:
    """The verdict of the newest day; `None` where none is recorded.

    Raises:
        LakeError: The table is damaged.
    """
    table = table_name(product.name, RETRAINING)
    days = lake.days(table) if lake.exists(table) else ()
    rows = lake.read(table, days=[days[-1]]).to_pylist() if days else []
    if not rows:
        return None
    first = rows[0]
    return RecordedDay(
        day=first["day"],
        action=first["action"],
        reasons=tuple(json.loads(first["reasons"])),
        holds=dict(json.loads(first["holds"])),
        gain=first["gain"],
        cost=first["cost"],
        since=min(
            (row["since"] for row in rows if row["since"] is not None and row["asks"] == "retrain"), default=None
        ),
        model_version=first["model_version"],
    )
