"""The assets of distributions in runs: exact counts, one reading of a day, a new champion, and the verdict on a day."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets.bundle.bundle import Bundle
from assets.bundle.released import champion_bundle
from assets.monitoring.distributions.assets import (
    attributions_asset,
    distributions_asset,
    drift_asset,
    separation_asset,
)
from assets.monitoring.distributions.figures import drift_of_day
from assets.monitoring.distributions.reading import Monitored
from assets.monitoring.distributions.separating import separations
from assets.monitoring.distributions.told_apart import kinds_of_drift
from assets.monitoring.signals import drift_cause
from assets.product import Partitions
from pipelines.products import load_product
from resources.environments import Environment, load_environment
from resources.keys import Keys
from resources.lake import Lake
from resources.naming import days_between
from resources.rollout_store.store import RolloutStore
from tests.support.models.champions import crown

PRODUCT = load_product("card_fraud")
LAST = date(2026, 6, 30)
FIRST = LAST - timedelta(days=79)
A_DAY = 150
PARTITIONS = Partitions("day", FIRST)


def features_of(day: date, *, times: float = 1.0) -> pa.Table:
    """A day's rows of the feature table, like those by which the champion was approved."""
    rng = np.random.default_rng(day.toordinal())
    numbers = PRODUCT.features.numeric
    columns = {name: np.where(rng.random(A_DAY) < 0.05, np.nan, rng.gamma(2.0, 50.0, A_DAY)) for name in numbers}
    columns["amount"] = columns["amount"] * times
    table = pa.table({"transaction_id": np.arange(A_DAY) + day.toordinal() * 1000, **columns})
    stamp = datetime.combine(day, time(12), UTC)
    table = table.append_column("as_of", pa.array([stamp] * A_DAY, pa.timestamp("us", tz="UTC")))
    return table.append_column("day", pa.array([day] * A_DAY, pa.date32()))


class Watched:
    """A product with days of features and a champion."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment: Environment = load_environment({"LOOPLINE_HOME": str(folder / "home")})
        self.lake = Lake(self.environment.lake)
        self.rollout = RolloutStore.open(self.environment.rollout, self.environment.home / "fetched")
        self.keys = Keys.of(self.environment.home)
        days = days_between(FIRST, LAST)
        self.put("features", pa.concat_tables(features_of(day) for day in days), days)

    def put(self, name: str, rows: pa.Table, days: Sequence[date]) -> None:
        self.lake.replace(f"card_fraud/{name}", rows, days=days)

    def crown(self, version: str) -> None:
        approved = datetime.combine(LAST, time(), UTC)
        crown(
            PRODUCT, self.environment, self.folder, version=version, seed=int(version), created_at=approved
        )  # fmt: skip

    def make(self, *names: str, day: date = LAST) -> None:
        made = {
            "distributions": distributions_asset, "attributions": attributions_asset, "separation": separation_asset,
            "drift": drift_asset,
        }  # fmt: skip
        resources = {"lake": self.lake, "rollout": self.rollout, "keys": self.keys}
        chosen = [made[name](PRODUCT, PARTITIONS) for name in names]
        assert dg.materialize(chosen, partition_key=day.isoformat(), resources=resources).success

    def counts(self, *days: date) -> pa.Table:
        return self.lake.read("card_fraud/distributions", days=days or None)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """All four assets, made for the last day alone by the first champion."""
    watched = Watched(tmp_path_factory.mktemp("watched"))
    watched.crown("1")
    watched.make("distributions", "attributions", "separation", "drift")
    return watched


def test_every_row_is_in_one_cell_of_every_subject(made: Watched) -> None:
    by_subject = made.counts(LAST).group_by(["name", "population"]).aggregate([("count", "sum")]).to_pylist()
    names = {*PRODUCT.features.names, "score", "outcome"}
    assert {row["name"]: row["count_sum"] for row in by_subject} == dict.fromkeys(names, A_DAY)
    missing = pc.sum(
        made.counts(LAST).filter(pc.field("part") == "missing").filter(pc.field("name") == "amount")["count"]
    )
    assert missing.as_py() == int(np.isnan(features_of(LAST)["amount"].to_numpy()).sum())


def test_the_days_before_are_counted_once_for_a_champion_and_never_read_again(made: Watched) -> None:
    """A day that comes after reads its own rows alone: the rows of all others may be gone."""
    assert set(made.lake.days("card_fraud/distributions")) == set(days_between(FIRST, LAST))
    before = made.counts(*days_between(FIRST, LAST - timedelta(days=1)))
    monitored = Monitored(PRODUCT, made.lake, _champion(made))
    assert monitored.first_day("distributions", LAST) == LAST
    assert monitored.first_day("distributions", LAST + timedelta(days=1)) == LAST + timedelta(days=1)
    made.make("distributions")
    assert made.counts(*days_between(FIRST, LAST - timedelta(days=1))).equals(before)


def test_counts_are_the_same_bytes_when_a_day_is_made_again(made: Watched) -> None:
    once = made.counts(LAST)
    made.make("distributions")
    assert made.counts(LAST).equals(once)


def test_the_limits_are_of_the_days_before_the_approval(made: Watched) -> None:
    figures = drift_of_day(made.lake.read("card_fraud/drift", days=[LAST]), LAST)
    assert {figure.horizon for figure in figures} == {"day", "window"}
    (basis,) = {figure.limits_from for figure in figures if figure.kind != "segment"}
    assert "quiet days to" in basis
    assert basis.endswith("for 1 false alarms a year")
    amount = next(figure for figure in figures if figure.name == "amount")
    assert amount.psi_limit is not None
    assert amount.score_share is not None


def test_one_days_amounts_times_100_are_told_on_that_day(made: Watched) -> None:
    day, version = LAST + timedelta(days=1), made.lake.version("card_fraud/features")
    wrong = features_of(day, times=100.0)
    made.put("features", wrong, [day])
    made.make("distributions", "attributions", "drift", day=day)
    now = datetime.combine(day + timedelta(days=1), time(), UTC)
    cause = drift_cause(PRODUCT, made.lake, "1", now)
    assert cause.action in ("alert", "retrain")
    assert any(reason.startswith("amount on the day: ") for reason in cause.reasons)
    figures = drift_of_day(made.lake.read("card_fraud/drift", days=[day]), day)
    amount = next(figure for figure in figures if figure.name == "amount" and figure.horizon == "day")
    assert amount.since == day
    assert "amount" in kinds_of_drift(figures)["covariate"]
    assert made.lake.version("card_fraud/features") == version + 1
    made.put("features", wrong.slice(0, 0), [day])


def test_the_day_before_is_calm(made: Watched) -> None:
    made.make("drift")
    figures = drift_of_day(made.lake.read("card_fraud/drift", days=[LAST]), LAST)
    assert kinds_of_drift(figures) == {}


def test_answered_decisions_are_counted_beside_the_batch_rows(made: Watched) -> None:
    """Only those that the champion answered; the score of the scorecard, where the model failed, counts as none."""
    champion = _champion(made)
    names = PRODUCT.features.names
    one = {
        "digest": champion.digest, "erased": False, "features": json.dumps(dict.fromkeys(names, 40.0)),
        "fallback": None, "score": 0.2, "outcome": "let_through", "day": LAST,
    }  # fmt: skip
    rows = [one, {**one, "outcome": "stop"}, {**one, "fallback": "scorecard"}, {**one, "digest": "of another"}]
    schema = pa.schema(
        [
            ("digest", pa.string()), ("erased", pa.bool_()), ("features", pa.string()), ("fallback", pa.string()),
            ("score", pa.float64()), ("outcome", pa.string()), ("day", pa.date32()),
        ]
    )  # fmt: skip
    made.put("decisions", pa.Table.from_pylist([*rows, {**one, "erased": True}], schema=schema), [LAST])
    made.make("distributions", "drift")
    answered = made.counts(LAST).filter(pc.equal(made.counts(LAST)["population"], "answered"))
    counts = {(row["name"], row["values"]): row["count"] for row in answered.to_pylist()}
    assert counts["outcome", "let_through"] == 2
    assert counts["outcome", "stop"] == 1
    assert counts["score", "missing"] == 1
    figures = drift_of_day(made.lake.read("card_fraud/drift", days=[LAST]), LAST)
    (outcome,) = (f for f in figures if (f.name, f.horizon, f.population) == ("outcome", "day", "answered"))
    assert (outcome.rows, outcome.refused_share) == (3, pytest.approx(1 / 3))
    (volume,) = (f for f in figures if (f.kind, f.horizon, f.population) == ("volume", "day", "answered"))
    assert volume.rows == 5, "of the number of answers all bundles' count"


def test_labels_are_counted_by_the_bin_of_their_score(made: Watched) -> None:
    last = LAST + timedelta(days=3)
    days = days_between(LAST - timedelta(days=20), last)
    rng = np.random.default_rng(0)
    tables = []
    for day in days:
        scores = rng.beta(2, 6, 40)
        label = (rng.random(40) < (0.2 if day <= LAST else 0.9)).astype(np.int8)
        tables.append(pa.table({"score": scores, "label": label, "day": pa.array([day] * 40, pa.date32())}))
    rows = pa.concat_tables(tables)
    rows = rows.append_column("model_version", pa.repeat(pa.scalar("1"), rows.num_rows))
    made.put("batch_outcomes", rows, days)
    for day in days:
        made.make("distributions", day=day)
    made.make("drift", day=last)
    figures = {
        f.name: f for f in drift_of_day(made.lake.read("card_fraud/drift", days=[last]), last) if f.z is not None
    }
    assert figures["label"].rows == 7 * 40
    assert set(figures) == {"label", "concept"}
    assert (figures["concept"].z or 0) > 3


def test_a_day_is_told_apart_from_the_pinned_training_rows(made: Watched) -> None:
    """Without a pin nothing is told; with one, the rows of that version count, whatever the table is now."""
    (row,) = made.lake.read("card_fraud/separation", days=[LAST]).to_pylist()
    assert (row["rows"], row["rows_then"], row["auc"]) == (A_DAY, 0, None)
    bundle, names = _champion(made), PRODUCT.features.names
    then = pa.concat_tables(features_of(LAST - timedelta(days=n)) for n in range(1, 5)).select(names)
    pin = made.lake.replace("card_fraud/training_set", then, days=None).version
    made.lake.replace("card_fraud/training_set", then.slice(0, 1), days=None)
    pinned = replace(bundle, parts=replace(bundle.parts, pins={"version": pin}))
    monitored = Monitored(PRODUCT, made.lake, pinned)
    readings = monitored.readings("features")
    (calm,) = separations(monitored, readings, [LAST]).to_pylist()
    assert (calm["rows_then"], calm["training_set"]) == (4 * A_DAY, pin)
    assert calm["p_value"] > 0.01
    assert calm["alike_share"] > 0.5
    made.put("features", features_of(LAST, times=3.0), [LAST])
    (moved,) = separations(monitored, monitored.readings("features"), [LAST]).to_pylist()
    assert moved["p_value"] < 1e-6
    assert moved["alike_share"] < 0.5 * calm["alike_share"]
    made.put("features", features_of(LAST), [LAST])


def test_labels_of_answers_are_compared_with_those_of_the_evaluation(tmp_path: Path) -> None:
    """A service has answered nothing before its first model: the accepted rows of the evaluation tell what is usual."""
    watched = Watched(tmp_path)
    watched.crown("1")
    product = replace(PRODUCT, monitoring=replace(PRODUCT.monitoring, judged="answered"))
    tested = days_between(LAST - timedelta(days=30), LAST - timedelta(days=1))
    learned = pa.concat_tables(features_of(day) for day in tested)
    label = pa.array((np.arange(learned.num_rows) % 20 == 0).astype(np.int8))
    pin = watched.lake.replace("card_fraud/training_set", learned.append_column("label", label), days=None).version
    windows = {
        part: {name: f"{day}T00:00:00Z" for name, day in (("first", first), ("end", end))}
        for part, first, end in (("train", FIRST, tested[0]), ("test", tested[0], LAST))
    }
    champion = _champion(watched)
    parts = replace(champion.parts, pins={"version": pin}, metrics={**champion.parts.metrics, "windows": windows})
    bundle = replace(champion, parts=parts)

    after = days_between(LAST + timedelta(days=1), LAST + timedelta(days=7))
    schema = pa.schema(
        [
            ("digest", pa.string()), ("fallback", pa.string()), ("score", pa.float64()), ("outcome", pa.string()),
            ("label", pa.int8()), ("day", pa.date32()),
        ]
    )  # fmt: skip
    one = {"digest": bundle.digest, "fallback": None, "score": 0.2}
    rows = [
        {**one, "day": day, "label": int(n < bad), "outcome": "stop" if n >= 90 else "let_through"}
        for day, bad in zip(after, (5, 5, 5, 60, 60, 60, 60), strict=True)
        for n in range(100)
    ]
    watched.put("outcomes", pa.Table.from_pylist(rows, schema=schema), after)
    monitored = Monitored(product, watched.lake, bundle)
    made = (*tested, *after)
    watched.put("features", pa.concat_tables(features_of(day) for day in after), after)
    watched.put("distributions", monitored.counts(monitored.readings("features", "outcomes"), made), made)
    version = watched.lake.version("card_fraud/distributions")
    found = {
        figure.name: figure
        for figure in monitored.drift(version, monitored.limits(version), [after[-1]])[after[-1]]
        if figure.z is not None
    }
    assert found["label"].rows == 7 * 90, "what was stopped has no outcome that counts"
    assert found["label"].expected_rate == pytest.approx(0.05, abs=0.01)
    assert (found["concept"].z or 0) > (found["concept"].z_limit or 0)


def test_another_champion_counts_the_days_again_for_itself(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    for version in ("1", "2"):
        watched.crown(version)
        watched.make("distributions")
        counts = watched.counts()
        assert set(counts["bundle"].to_pylist()) == {version}
        assert set(counts["day"].to_pylist()) == set(days_between(FIRST, LAST))
    watched.make("drift")
    rows = drift_of_day(watched.lake.read("card_fraud/drift", days=[LAST]), LAST)
    assert {one.rows for one in rows if one.name == "score"} == {A_DAY, 7 * A_DAY}


def _champion(watched: Watched) -> Bundle:
    found = champion_bundle("card_fraud", watched.rollout, watched.keys.signing)
    assert found is not None
    return found
