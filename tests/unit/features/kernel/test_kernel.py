"""The kernel over tables: what it reads, returns and refuses."""

import json
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from assets.features.kernel import kernel as kernel_module
from assets.features.kernel.kernel import Kernel, compile_features
from assets.vocabulary import Events, FeatureError, FeatureSet, days, hours
from tests.unit.features.one_person import CENTS, MICROS, NOON, own, payments, request, tx


def test_ranges_of_time_hold_only_events_within_the_lookback(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred events an hour apart, windows of five hours: no range holds more than the twelve allowed."""
    features = FeatureSet(history=[tx.sum("amount", hours(5)), tx.count(hours(2), lag=hours(3))])
    kernel = compile_features(features, CENTS)
    events = payments(*((float(hour), float(hour)) for hour in range(100)))
    spine = pa.table({"who": ["me"] * 40, "as_of": [NOON - timedelta(hours=2 * n) for n in range(40)]})
    spine = spine.set_column(1, "as_of", spine["as_of"].cast(MICROS))
    whole = kernel.compute_entity("who", {"tx": events}, spine)
    sizes: list[int] = []
    at_once = kernel_module._compute_at_once

    def counting(group: Any, table: pa.Table, *others: Any) -> Any:
        sizes.append(table.num_rows)
        return at_once(group, table, *others)

    monkeypatch.setattr(kernel_module, "_compute_at_once", counting)
    split = kernel.compute_entity("who", {"tx": events}, spine, most_events=12)
    assert len(sizes) > 10
    assert max(sizes) <= 12
    assert {name: value.tobytes() for name, value in split.items()} == {n: v.tobytes() for n, v in whole.items()}


def test_needs_name_the_columns_that_are_read() -> None:
    by_place = Events("labels", key="place", time="known_at")
    features = FeatureSet(
        history=[
            tx.where(kind="a").sum("amount", days(3)), own.max("amount", days(9)), by_place.share(days(2), fraud=1),
            by_place.time_since_last(),
        ]
    )  # fmt: skip
    first, second = compile_features(features, CENTS).needs
    assert (first.source, first.key, first.columns, first.lookback) == (
        "tx",
        "who",
        ("kind", "amount"),
        9 * 86_400_000_000,
    )
    assert first.request == ("amount",)
    assert (second.source, second.key, second.columns, second.lookback) == ("labels", "place", ("fraud",), None)
    assert second.request == ()


def test_a_source_that_is_not_given_is_named_and_one_without_events_is_none() -> None:
    kernel = compile_features(FeatureSet(history=[tx.count(days(1)), own.distinct("kind", days(2))]), CENTS)
    with pytest.raises(FeatureError, match="events of 'tx' are not given; 'tx_count_1d' needs them"):
        kernel.compute({}, request())
    found = kernel.compute({"tx": None}, request(kind=["a"], sequence=[1]))
    assert found.to_pylist() == [{"tx_count_1d": 0.0, "tx_distinct_kind_2d": 1.0}]


def test_no_rows_have_no_features() -> None:
    features = FeatureSet(
        history=[tx.sum("amount", days(1)), own.distinct("amount"), tx.last("amount"), tx.max("amount")]
    )
    kernel = compile_features(features, CENTS)
    for events in (payments((1, 4.0), (1, 4.0)), payments(), None):
        found = kernel.compute({"tx": events}, request(amount=[1.0]).slice(1))
        assert found.num_rows == 0
        assert found.column_names == list(features.names)


def test_a_kernel_survives_json() -> None:
    kernel = compile_features(FeatureSet(history=[tx.sum("amount", days(1))]), CENTS)
    assert Kernel.from_dict(json.loads(json.dumps(kernel.to_dict()))) == kernel
    with pytest.raises(FeatureError, match="a kernel has features and resolutions"):
        Kernel.from_dict({"features": {}})


def test_kernel_and_encoder_carry_no_batch_machinery() -> None:
    script = (
        "import sys, assets.features.kernel.kernel, assets.bundle.encoder\n"
        "print([m for m in ('pandas', 'pyspark', 'dagster', 'mlflow', 'great_expectations') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
