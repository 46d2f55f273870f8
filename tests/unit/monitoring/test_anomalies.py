"""Rows and days that look like nothing before are flagged, with the columns that say so; usual ones are not."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets.monitoring.anomalies import ANOMALY_SCHEMA, DayAnomalies, anomalies_by_day, anomaly_table, columns_judged
from assets.monitoring.assets import anomalies_asset
from assets.monitoring.checks import anomaly_result
from assets.product import MonitoringPolicy, Partitions, ProductError
from pipelines.products import load_product
from resources.environments import load_environment
from resources.lake import Lake
from resources.lake.origins import stale_days

FIRST, N = date(2026, 1, 1), 30
DAYS = [FIRST + timedelta(days=n) for n in range(N)]
LAST = DAYS[-1]
A_DAY = 200
Edit = Callable[[pa.Table], pa.Table]


def a_day(number: int) -> pa.Table:
    random, day = np.random.default_rng(number), DAYS[number]
    count = int(A_DAY * random.uniform(0.9, 1.1))
    hours = [datetime(day.year, day.month, day.day, int(hour), tzinfo=UTC) for hour in random.integers(7, 22, count)]
    return pa.table({
        "id": np.arange(count) + number * 1000, "day": pa.array([day] * count, pa.date32()),
        "at": pa.array(hours, pa.timestamp("us", "UTC")), "amount": random.gamma(2, 50, count),
        "income": random.normal(3000, 500, count), "new": pa.array(random.random(count) < 0.3),
        "channel": pa.array(random.choice(["web", "app", "branch"], count, p=[0.5, 0.4, 0.1]).tolist(), pa.string()),
    })  # fmt: skip


BEFORE = [a_day(number) for number in range(N - 1)]


def judged(edit: Edit = lambda table: table, days: list[date] | None = None, before: int = 28) -> DayAnomalies:
    rows = pa.concat_tables([*BEFORE, edit(a_day(N - 1))])
    return anomalies_by_day(
        rows.take(np.random.default_rng(before).permutation(rows.num_rows)), days or [LAST], row_id="id", as_of="at",
        columns=("amount", "income", "new", "channel"), share=0.01, before=before,
    )[-1]  # fmt: skip


def first_row(name: str, value: Any) -> Edit:
    """The first row with another value in one column."""

    def edit(table: pa.Table) -> pa.Table:
        values = pa.array([value, *table[name].to_pylist()[1:]], table.schema.field(name).type)
        return table.set_column(table.column_names.index(name), name, values)

    return edit


def column(name: str, change: Callable[[Any], Any]) -> Edit:
    return lambda table: table.set_column(table.column_names.index(name), name, change(table[name]))


def test_a_usual_day_is_not_odd_and_few_of_its_rows_are() -> None:
    found = judged()
    assert not found.is_odd
    assert found.judged == a_day(N - 1).num_rows
    assert found.share < 0.03


@pytest.mark.parametrize(
    ("name", "value"), [("amount", 1e6), ("income", -4000.0), ("income", None), ("channel", "fax")]
)
def test_a_row_like_none_before_is_flagged_by_its_column(name: str, value: object) -> None:
    flags = {flag.row: flag for flag in judged(first_row(name, value)).flags}
    assert str((N - 1) * 1000) in flags
    assert name in flags[str((N - 1) * 1000)].columns


@pytest.mark.parametrize(
    ("edit", "moved"),
    [
        (lambda table: table.slice(0, 40), "rows"),
        (column("income", lambda values: pc.multiply(values, 1.3)), "mean income"),
        (column("amount", lambda values: pc.if_else(pc.less(values, 80), values, None)), "missing amount"),
        (column("channel", lambda values: pa.array(["app"] * len(values))), "most common channel"),
    ],
    ids=["few rows", "shifted", "missing", "one channel"],
)
def test_a_day_like_none_before_is_flagged_by_what_moved(edit: Edit, moved: str) -> None:
    found = judged(edit)
    assert found.is_odd
    assert moved in found.day_columns
    (flag,) = [row for row in anomaly_table([found]).to_pylist() if row["kind"] == "day"]
    assert (flag["day"], flag["row"], moved in flag["columns"]) == (LAST, None, True)


def test_the_same_rows_give_the_same_flags_in_any_order_and_in_any_run() -> None:
    odd = first_row("amount", 1e6)
    alone = judged(odd)
    assert alone == judged(odd, days=DAYS[-2:])
    assert anomaly_table([alone]).schema == ANOMALY_SCHEMA


def test_too_few_earlier_rows_are_no_verdict() -> None:
    found = judged(before=2)
    assert (found.judged, found.flags, found.day_score, found.is_odd) == (0, (), None, False)
    result = anomaly_result([found], 0.01)
    assert not result.passed
    assert result.description == f"{LAST} is not judged: {found.earlier:,} rows of earlier days"


def test_the_check_tells_days_rows_and_columns() -> None:
    moved = anomaly_result([judged(), judged(column("income", lambda values: pc.multiply(values, 1.3)))], 0.01)
    assert not moved.passed
    assert f"{LAST} looks like no day before: mean income" in str(moved.description)
    many = column("amount", lambda values: pa.array([1e6] * 20 + values.to_pylist()[20:]))
    assert f"{LAST}: 1" in str(anomaly_result([judged(many)], 0.01).description)
    calm = anomaly_result([judged()], 0.01)
    assert (calm.passed, calm.severity) == (True, dg.AssetCheckSeverity.WARN)


def test_ids_keys_times_protected_and_personal_columns_do_not_count() -> None:
    assert columns_judged(load_product("card_fraud")) == ("amount",)
    credit = load_product("credit_risk")
    found = columns_judged(credit)
    assert {"amount", "purpose", "income_monthly"} <= set(found)
    left_out = {"application_id", "customer_id", *(one.column for one in credit.protected)}
    assert not left_out & set(found)


@pytest.mark.parametrize("share", [0, -1, 0.2])
def test_a_share_that_makes_no_sense_is_refused(share: float) -> None:
    with pytest.raises(ProductError, match="anomaly_share=.*; write a share above 0, 0.1 at most, or None"):
        MonitoringPolicy(anomaly_share=share)


def test_the_asset_writes_flags_and_removes_nothing(tmp_path: Path) -> None:
    product = load_product("card_fraud")
    assert anomalies_asset(replace(product, monitoring=MonitoringPolicy()), Partitions("day", FIRST)) is None
    lake = Lake(load_environment({"LOOPLINE_HOME": str(tmp_path / "home")}).lake)
    rows = pa.concat_tables([*BEFORE, first_row("amount", 1e6)(a_day(N - 1))])
    rows = rows.select(["id", "at", "amount", "day"]).rename_columns(["transaction_id", "event_time", "amount", "day"])
    lake.replace("card_fraud/validated_card_transactions", rows, days=DAYS)
    asset = anomalies_asset(product, Partitions("day", FIRST))
    assert asset is not None
    contents = []
    for _ in range(2):
        done = dg.materialize([asset], partition_key=str(LAST), resources={"lake": lake})
        (made,) = done.asset_materializations_for_node(asset.node_def.name)
        (check,) = done.get_asset_check_evaluations()
        contents.append(lake.read("card_fraud/anomalies").to_pylist())
    assert contents[0] == contents[1]
    assert {"day": LAST, "kind": "row", "row": str((N - 1) * 1000)}.items() <= contents[0][1].items()
    assert lake.version("card_fraud/validated_card_transactions") == 0
    pins = made.metadata["pins"].value
    assert isinstance(pins, dict)
    assert pins["card_fraud/validated_card_transactions"] == 0
    assert set(pins) == {"card_fraud/validated_card_transactions", "numpy", "scikit-learn"}
    assert check.asset_check_key.name == "looks_like_before"
    assert stale_days(lake, ["card_fraud/anomalies"]) == {"card_fraud/anomalies": frozenset()}
    lake.replace("card_fraud/validated_card_transactions", rows.filter(pc.equal(rows["day"], DAYS[-3])).slice(1),
                 days=[DAYS[-3]])  # fmt: skip
    assert stale_days(lake, ["card_fraud/anomalies"])["card_fraud/anomalies"] == {LAST}, "it was fitted on that day"
