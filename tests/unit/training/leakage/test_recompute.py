"""Training rows recomputed from their events, where keys are missing."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from assets.features.kernel.kernel import compile_features
from assets.training.leakage.recompute import changed_values
from assets.vocabulary import Events, FeatureSet, days

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TIME = pa.timestamp("us", tz="UTC")
FEATURES = FeatureSet(
    history=(
        Events("payments", key="customer_id").count(days(30), name="of_customer"),
        Events("payments", key="shop_id").sum("amount", days(30), name="of_shop"),
    )
)
RESOLUTIONS = {"payments": {"amount": 0.01}}


def payments(customers: list[str | None], shops: list[str | None]) -> pa.Table:
    moments = pa.array([NOON - timedelta(hours=n + 1) for n in range(len(customers))], TIME)
    return pa.table(
        {
            "customer_id": pa.array(customers, pa.string()),
            "shop_id": pa.array(shops, pa.string()),
            "amount": pa.array([1.0] * len(customers)),
            "event_time": moments,
            "known_at": moments,
        }
    )


@pytest.mark.parametrize(("customer", "shop"), [("a", "s"), ("a", None), (None, "s"), (None, None)])
def test_an_event_or_a_row_with_one_key_missing_changes_nothing(customer: str | None, shop: str | None) -> None:
    """One source is read by two keys; an event counts by the one that it has."""
    events = payments(["a", "a", None, None, "b"], ["s", None, "s", None, "t"])
    spine = pa.table(
        {
            "as_of": pa.array([NOON], TIME),
            "customer_id": pa.array([customer], pa.string()),
            "shop_id": pa.array([shop], pa.string()),
        }
    )
    computed = compile_features(FEATURES, RESOLUTIONS).compute({"payments": events}, spine)
    assert computed["of_customer"].to_pylist() == [2.0 if customer else 0.0]
    recorded = computed.select(list(FEATURES.names)).append_column("row_id", pa.array(["r"]))
    recorded = recorded.append_column("as_of", spine["as_of"])
    assert changed_values(FEATURES, RESOLUTIONS, {"payments": events}, spine, recorded, row_id="row_id") == ()
