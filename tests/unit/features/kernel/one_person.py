"""The history of one person, small enough to work out by hand.

Belongs here: events in hours before noon, and one feature's value over them. Does not belong here: assertions.
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


def events(hours_before: list[float], **columns: list[Any] | pa.Array) -> pa.Table:
    """Events of one person so many hours before noon, known when they happened."""
    moments = pa.array([NOON - timedelta(hours=hours) for hours in hours_before], MICROS)
    who = pa.array(["me"] * len(hours_before), pa.string())
    return pa.table({"who": who, "event_time": moments, "known_at": moments, **columns})


def value(feature: History, history: pa.Table, **request: list[Any]) -> Any:
    """The feature at noon by the kernel, which the oracle must give too."""
    features = FeatureSet(history=[feature])
    spine = pa.table({"who": pa.array(["me"]), "as_of": pa.array([NOON], MICROS), **request})
    found = compile_features(features, CENTS).compute({"tx": history}, spine).to_pylist()
    assert found == reference.compute(features, CENTS, {"tx": history}, spine)
    return found[0][feature.name]
