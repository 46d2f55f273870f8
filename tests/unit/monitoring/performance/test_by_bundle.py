"""Realised figures by who decided: no bundle is judged by the scores of another."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from assets.bundle.profile import build_profile
from assets.monitoring.performance.assets import performance_asset
from assets.monitoring.performance.by_bundle import EVERY_ROLE, approved_auc, performance_by_bundle
from assets.monitoring.signals import performance_cause
from assets.product import Partitions, Profit
from pipelines.products import load_product
from resources.environments import Environment, load_environment
from resources.keys import Keys
from resources.lake import Lake
from resources.rollout_store.store import RolloutStore
from tests.support.models.champions import crown

FRAUD = load_product("card_fraud")
PRODUCT = replace(FRAUD, monitoring=replace(FRAUD.monitoring, judged="answered"))
FIRST = date(2026, 6, 1)
PROFIT = Profit(good=0.1, bad=0.6, stake="amount")
MANY = 600


def answered(number: int, bundle: str, role: str, *, digest: str = "", ranks: bool = True, **columns: Any) -> pa.Table:
    """Decisions of a bundle in one arm whose labels became final on a day; it ranks them well or at random."""
    rng = np.random.default_rng(number * 10 + int(bundle))
    label = (rng.random(MANY) < 0.2).astype(np.int8)
    terms = {
        "score": rng.random(MANY) * 0.4 + (0.3 * label if ranks else 0.0), "label": label,
        "outcome": ["let_through"] * MANY, "amount": [10.0] * MANY, "bundle": [bundle] * MANY,
        "digest": [digest or bundle * 64] * MANY, "role": [role] * MANY,
        "fallback": pa.nulls(MANY, pa.string()), "day": pa.array([FIRST + timedelta(days=number)] * MANY, pa.date32()),
        **columns,
    }  # fmt: skip
    return pa.table(terms)


def figures(table: pa.Table, last: int, window: int = 7) -> dict[tuple[str, str], dict[str, Any]]:
    days = [FIRST + timedelta(days=last)]
    found = performance_by_bundle(table, days, window, accept="let_through", profit=PROFIT, min_rows=1)
    return {(row["bundle"], row["role"]): row for row in found.to_pylist()}


def test_each_bundle_and_arm_has_figures_of_its_own_decisions() -> None:
    table = pa.concat_tables(
        [answered(0, "1", "champion", ranks=False), answered(1, "2", "challenger"), answered(2, "2", "champion")]
    )
    found = figures(table, 2)
    assert set(found) == {
        ("1", EVERY_ROLE), ("1", "champion"), ("2", EVERY_ROLE), ("2", "challenger"), ("2", "champion"),
    }  # fmt: skip
    assert [found["2", role]["rows"] for role in ("challenger", "champion", EVERY_ROLE)] == [MANY, MANY, 2 * MANY]
    assert found["1", EVERY_ROLE]["auc"] < 0.6 < 0.85 < found["2", EVERY_ROLE]["auc"]
    own = table.slice(MANY, 2 * MANY)
    assert found["2", EVERY_ROLE]["auc"] == pytest.approx(roc_auc_score(own["label"], own["score"]))
    assert ("1", EVERY_ROLE) not in figures(table, 8), "its decisions are out of the window"


def test_a_bundle_under_an_old_version_with_another_digest_is_another() -> None:
    table = pa.concat_tables([answered(0, "1", "champion"), answered(0, "1", "champion", digest="ef" * 32)])
    found = performance_by_bundle(table, [FIRST], 7, accept="let_through", profit=PROFIT, min_rows=1)
    assert found["rows"].to_pylist() == [MANY] * 4


def test_a_fallbacks_score_is_not_the_models() -> None:
    """The scorecard's scores rank the other way round; they count neither in the AUC nor in the Brier score."""
    rows = answered(0, "1", "champion")
    failed = answered(0, "1", "champion", fallback=["scorecard"] * MANY, score=1.0 - rows["score"].to_numpy())
    row = figures(pa.concat_tables([rows, failed]), 0)["1", EVERY_ROLE]
    assert row["auc"] == figures(rows, 0)["1", EVERY_ROLE]["auc"]
    assert (row["rows"], row["labelled"], row["scored"], row["accepted"]) == (2 * MANY, 2 * MANY, MANY, 2 * MANY)


def test_figures_say_over_which_rows_they_are() -> None:
    refused = np.arange(MANY) % 3 == 0
    outcome = np.where(refused, "stop", "let_through").tolist()
    label = pa.array((np.arange(MANY) % 5 == 1).astype(np.int8), mask=refused)
    row = figures(answered(0, "1", "champion", outcome=outcome, label=label), 0)["1", "champion"]
    assert (row["labelled"], row["unlabelled"], row["accepted"], row["over"]) == (400, 200, 400, "accepted")
    every = figures(answered(0, "1", "champion", outcome=outcome), 0)["1", "champion"]
    assert (every["labelled"], every["unlabelled"], every["accepted"], every["over"]) == (600, 0, 400, "all")


def test_an_erased_decision_adds_nothing_to_the_profit() -> None:
    amount = pa.array([10.0] * MANY, mask=np.arange(MANY) < 100)
    label = np.zeros(MANY, np.int8)
    row = figures(answered(0, "1", "champion", amount=amount, label=label), 0)["1", "champion"]
    assert row["profit"] == pytest.approx(500 * 10.0 * 0.1)


def test_the_auc_at_approval_among_accepted_rows_is_that_of_such_rows() -> None:
    """Of a calibrated model it follows from its scores: within 0.02 of what the rows themselves give."""
    rng = np.random.default_rng(3)
    score = rng.beta(2, 5, 40_000)
    label = rng.random(40_000) < score
    accepted = score < 0.3
    profile = build_profile(
        pa.table({"x": score}), score, ("x",), {}, positive_rate=float(label.mean()), auc=roc_auc_score(label, score)
    )
    assert approved_auc(profile, 0.3, "all") == profile.auc
    among = approved_auc(profile, 0.3, "accepted")
    assert among == pytest.approx(roc_auc_score(label[accepted], score[accepted]), abs=0.02)
    assert among < profile.auc - 0.05
    assert approved_auc(profile, 0.0, "accepted") is None, "nothing is accepted"


def materialise(environment: Environment, lake: Lake, first: int, last: int) -> None:
    asset = performance_asset(PRODUCT, Partitions("day", FIRST))
    rollout = RolloutStore.open(environment.rollout, environment.home / "fetched")
    resources = {
        "lake": lake, "rollout": rollout, "keys": Keys.of(environment.home), "io_manager": dg.mem_io_manager,
    }  # fmt: skip
    tags = {
        "dagster/asset_partition_range_start": str(FIRST + timedelta(days=first)),
        "dagster/asset_partition_range_end": str(FIRST + timedelta(days=last)),
    }
    assert dg.materialize([asset], tags=tags, resources=resources).success


def test_the_figures_follow_a_change_of_the_champion(tmp_path: Path) -> None:
    """Each bundle is beside its own AUC at approval; a backfill after the change leaves the figures as they were."""
    environment = load_environment({"LOOPLINE_HOME": str(tmp_path / "home")})
    lake = Lake(environment.lake)
    store = RolloutStore.open(environment.rollout, environment.home / "fetched")

    def crowned(version: str) -> str:
        crown(PRODUCT, environment, tmp_path, version=version)
        manifest = store.read_manifest(PRODUCT.name)
        assert manifest is not None
        return manifest.champion.digest

    def cause(version: str, number: int) -> tuple[str, str, str]:
        moment = datetime.combine(FIRST + timedelta(days=number + 1), time(), UTC)
        found = performance_cause(PRODUCT, lake, version, moment)
        return found.action, found.key, "; ".join(found.reasons)

    first = crowned("1")
    old = [answered(n, "1", "champion", digest=first, ranks=n < 2) for n in range(10)]
    days = [FIRST + timedelta(days=n) for n in range(11)]
    lake.replace("card_fraud/outcomes", pa.concat_tables(old), days=days)
    materialise(environment, lake, 0, 1)
    assert cause("1", 1)[:2] == ("none", "card_fraud/performance/v1/2026-06-02")
    materialise(environment, lake, 2, 8)
    action, begun, _ = cause("1", 8)
    assert action == "retrain"
    materialise(environment, lake, 9, 9)
    assert cause("1", 9)[:2] == ("retrain", begun), "the same episode is the same cause"

    second = crowned("2")
    action, _, reason = cause("2", 9)
    assert action == "unknown"
    assert "no decision that it answered has a final label" in reason
    trial = answered(9, "2", "challenger", digest=second)
    lake.replace("card_fraud/outcomes", pa.concat_tables([*old, trial]), days=days)
    before = lake.read("card_fraud/performance", days=[FIRST + timedelta(days=8)])
    materialise(environment, lake, 8, 9)
    assert lake.read("card_fraud/performance", days=[FIRST + timedelta(days=8)]).equals(before)
    assert cause("2", 9)[0] == "none", "its decisions as a challenger are its own"
    of_day = lake.read("card_fraud/performance", days=[FIRST + timedelta(days=9)]).to_pylist()
    assert {(row["bundle"], row["approved_auc"]) for row in of_day} == {("1", 0.8), ("2", 0.8)}


def test_a_bundle_that_is_not_published_any_more_has_no_auc_at_approval(tmp_path: Path) -> None:
    environment = load_environment({"LOOPLINE_HOME": str(tmp_path / "home")})
    lake = Lake(environment.lake)
    lake.replace("card_fraud/outcomes", answered(0, "1", "champion"), days=[FIRST])
    materialise(environment, lake, 0, 0)
    assert lake.read("card_fraud/performance")["approved_auc"].to_pylist() == [None, None]
    moment = datetime.combine(FIRST + timedelta(days=1), time(), UTC)
    assert performance_cause(PRODUCT, lake, "1", moment).action == "unknown"


def test_days_without_answered_decisions_have_no_figures_and_the_verdict_says_why(tmp_path: Path) -> None:
    environment = load_environment({"LOOPLINE_HOME": str(tmp_path / "home")})
    lake = Lake(environment.lake)
    lake.replace("card_fraud/outcomes", answered(0, "1", "champion").slice(0, 0), days=[FIRST])
    materialise(environment, lake, 0, 0)
    assert lake.read("card_fraud/performance").num_rows == 0
    found = performance_cause(PRODUCT, lake, "1", datetime.combine(FIRST + timedelta(days=1), time(), UTC))
    assert found.action == "unknown"
    assert "judged='batch'" in found.reasons[0]
