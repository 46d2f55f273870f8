"""The history of one person, small enough to compute by hand.

Belongs here: events in hours before noon, revisions of them, the spine, one feature's value. Does not belong here:
expectations of a test.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from assets.features import reference
from assets.features.kernel.kernel import compile_features
from assets.vocabulary import Events, FeatureSet, History

MICROS = pa.timestamp("us", tz="UTC")
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
CENTS = {"tx": {"amount": 0.01, "n": 1.0}}

tx = Events("tx", key="who")
own = Events("tx", key="who", includes_request=True)


def events(hours_before: list[float], late: float = 0, **columns: list[Any] | pa.Array) -> pa.Table:
    """Events of one person so many hours before noon, each known `late` hours after it happened."""
    happened = [NOON - timedelta(hours=hours) for hours in hours_before]
    return pa.table(
        {
            "who": pa.array(["me"] * len(hours_before), pa.string()),
            "event_time": pa.array(happened, MICROS),
            "known_at": pa.array([moment + timedelta(hours=late) for moment in happened], MICROS),
            **columns,
        }
    )


def payments(*rows: tuple[float, float | None], late: float = 0, **columns: list[Any] | pa.Array) -> pa.Table:
    """Events of (hours before noon, amount)."""
    amounts = pa.array([amount for _, amount in rows], pa.float64())
    return events([before for before, _ in rows], late, amount=amounts, **columns)


def request(as_of: datetime = NOON, who: str | None = "me", **columns: list[Any] | pa.Array) -> pa.Table:
    """A spine of one row."""
    return pa.table({"who": pa.array([who], pa.string()), "as_of": pa.array([as_of], MICROS), **columns})


def value(feature: History, history: pa.Table, spine: pa.Table | None = None, **columns: list[Any]) -> Any:
    """The feature of a request, by default at noon with these columns, by the kernel; the oracle must agree."""
    features, spine = FeatureSet(history=[feature]), request(**columns) if spine is None else spine
    found = compile_features(features, CENTS).compute({"tx": history}, spine).to_pylist()
    assert found == reference.compute(features, CENTS, {"tx": history}, spine)
    return found[0][feature.name]


def revision(
    record: str | None, happened: float, known: float, amount: float, who: str = "me", void: bool = False
) -> dict[str, Any]:
    """A revision of a record; times in hours from noon."""
    return {
        "who": who, "id": record, "amount": amount, "void": void, "event_time": NOON + timedelta(hours=happened),
        "known_at": NOON + timedelta(hours=known),
    }  # fmt: skip


def revised(*revisions: dict[str, Any]) -> pa.Table:
    """Revisions as events."""
    types = {"who": pa.string(), "id": pa.string(), "amount": pa.float64(), "void": pa.bool_()}
    return pa.Table.from_pylist(
        list(revisions), schema=pa.schema([*types.items(), ("event_time", MICROS), ("known_at", MICROS)])
    )
