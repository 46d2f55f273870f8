"""Against a real MLflow in SQLite, made once; each test has a product of its own."""

import json
import logging
import multiprocessing
import os
import subprocess
import sys
import uuid
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from resources.environments import load_environment
from resources.tracking import LostRace, RegisteredVersion, Tracking, TrackingError
from resources.tracking.run import UnrecordableValue

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Tracking:
    home = tmp_path_factory.mktemp("mlflow")
    uri = f"sqlite:///{home}/db/mlflow.db"
    return Tracking(uri=uri, artifacts=str(home / "artifacts"), lock=uri)


@pytest.fixture
def product() -> str:
    return f"product_{uuid.uuid4().hex[:8]}"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "manifest.json").write_text("{}")
    (folder / "model.onnx").write_bytes(bytes(range(256)) * 100)
    return folder


def made(tracking: Tracking, product: str, bundle: Path, **tags: str) -> RegisteredVersion:
    with tracking.run(product, "training") as run:
        run.metrics({"auc": 0.78})
    return tracking.register(product, run.run_id, bundle, tags)


@pytest.fixture
def versions(tracking: Tracking, product: str, bundle: Path) -> list[str]:
    return [made(tracking, product, bundle).version for _ in range(3)]


def kept(tracking: Tracking, run_id: str) -> Any:
    return tracking._client.get_run(run_id)


def test_a_run_keeps_all_that_is_recorded(tracking: Tracking, product: str, tmp_path: Path) -> None:
    with tracking.run(product, "training", tags={"dagster_run": "0b7c"}) as run:
        run.params({f"p{n}": n for n in range(150)})
        run.params({"word": "as is", "day": date(2025, 1, 1), "rate": np.float32(0.5)})
        run.metrics({f"m{n}": n / 7 for n in range(150)} | {"lost": None})
        run.tags({"who": "me"})
        run.plots({"roc": b"png bytes"})
        run.documents({"card": "# Card", "evaluation": {"auc": 0.78, "span": timedelta(days=1), "n": np.int64(3)}})
        run.table("drift", pa.table({"day": [date(2025, 1, 1)], "psi": pa.array([None], pa.float64())}))
        run.dataset("loans.training_set", 12, context="training", uri="/lake/loans", rows=4000)
    found = kept(tracking, run.run_id)
    assert found.info.status == "FINISHED"
    assert len(found.data.params) == 153
    assert [found.data.params[name] for name in ("p7", "word", "day", "rate")] == ["7", "as is", '"2025-01-01"', "0.5"]
    assert len(found.data.metrics) == 150
    assert found.data.metrics["m149"] == 149 / 7
    assert found.data.tags["unknown.lost"] == "could not be computed"
    assert (found.data.tags["who"], found.data.tags["dagster_run"]) == ("me", "0b7c")

    (entry,) = found.inputs.dataset_inputs
    assert (entry.dataset.name, entry.dataset.digest) == ("loans.training_set", "v12")
    assert entry.dataset.source_type == "delta"
    assert json.loads(entry.dataset.source)["uri"] == "delta:/lake/loans@12"
    assert json.loads(entry.dataset.profile) == {"num_rows": 4000}
    assert [(tag.key, tag.value) for tag in entry.tags] == [("mlflow.data.context", "training")]

    again = tracking.resumed(run.run_id)
    assert (again.download("plots", tmp_path / "out") / "roc.png").read_bytes() == b"png bytes"
    documents = again.download("documents", tmp_path / "out")
    assert (documents / "card.md").read_text() == "# Card"
    assert json.loads((documents / "evaluation.json").read_text()) == {"auc": 0.78, "span": 86400.0, "n": 3}
    table = json.loads((again.download("tables", tmp_path / "out") / "drift.json").read_text())
    assert table["columns"] == ["day", "psi"]
    assert table["data"][0][1] is None


def test_a_run_whose_block_raises_has_failed(tracking: Tracking, product: str) -> None:
    with pytest.raises(ZeroDivisionError), tracking.run(product, "training") as run:
        _ = 1 / 0
    assert kept(tracking, run.run_id).info.status == "FAILED"


def test_a_finished_run_can_be_recorded_further_and_stays_finished(tracking: Tracking, product: str) -> None:
    with tracking.run(product, "training") as run:
        pass
    tracking.resumed(run.run_id).metrics({"auc": 0.7})
    assert kept(tracking, run.run_id).data.metrics == {"auc": 0.7}
    assert kept(tracking, run.run_id).info.status == "FINISHED"


def test_an_unknown_run_cannot_be_resumed(tracking: Tracking) -> None:
    with pytest.raises(TrackingError, match="no run"):
        tracking.resumed("0" * 32)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda run: run.metrics({"auc": float("nan")}), "'auc' is nan"),
        (lambda run: run.documents({"report": {"auc": float("inf")}}), "'report' holds a number"),
        (lambda run: run.params({"thing": object()}), "a object has no JSON form"),
        (lambda run: run.table("rows", pa.table({"x": range(10_001)})), "belong in MLflow"),
    ],
)
def test_what_cannot_be_recorded_is_named(tracking: Tracking, product: str, act: Any, message: str) -> None:
    with pytest.raises(UnrecordableValue, match=message), tracking.run(product, "training") as run:
        act(run)


def test_a_product_that_was_never_registered_has_nothing(tracking: Tracking, product: str) -> None:
    assert tracking.champion(product) is None
    assert tracking.challenger(product) is None
    assert tracking.versions(product) == ()
    with pytest.raises(TrackingError, match="no version 1"):
        tracking.version(product, "1")


def test_a_registered_bundle_comes_back_byte_for_byte(
    tracking: Tracking, product: str, bundle: Path, tmp_path: Path
) -> None:
    version = made(tracking, product, bundle, digest="abc")
    assert (version.version, version.ready, version.tags["digest"]) == ("1", True, "abc")
    folder = tracking.resumed(version.run_id).download("bundle", tmp_path / "fetched")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        path.name: path.read_bytes() for path in bundle.iterdir()
    }
    assert tracking.versions(product) == (version,)


def test_a_run_has_one_version_however_often_it_is_tried(tracking: Tracking, product: str, bundle: Path) -> None:
    with tracking.run(product, "training") as run:
        pass
    assert tracking.next_version(product, run.run_id) == "1"
    assert tracking.next_version(product, run.run_id) == "1"
    first = tracking.register(product, run.run_id, bundle, {"digest": "abc"})
    assert tracking.register(product, run.run_id, bundle, {"digest": "other"}) == first
    assert made(tracking, product, bundle).version == "2"


def test_a_reserved_number_without_a_bundle_cannot_decide(tracking: Tracking, product: str, tmp_path: Path) -> None:
    with tracking.run(product, "training") as run:
        pass
    number = tracking.next_version(product, run.run_id)
    with pytest.raises(TrackingError, match="no bundle"):
        tracking.promote(product, number, expected=None)
    with pytest.raises(TrackingError, match="write it before"):
        tracking.register(product, run.run_id, tmp_path / "nothing", {})


def test_two_runs_never_get_one_number(tracking: Tracking, product: str) -> None:
    runs = []
    for _ in range(2):
        with tracking.run(product, "training") as run:
            runs.append(run.run_id)
    assert [tracking.next_version(product, run_id) for run_id in (*runs, runs[0])] == ["1", "2", "1"]


def test_promotion_moves_the_alias_and_remembers_whom_it_replaced(
    tracking: Tracking, product: str, versions: list[str]
) -> None:
    assert tracking.promote(product, "1", expected=None).replaced is None
    assert tracking.promote(product, "3", expected="1").replaced == "1"
    champion = tracking.champion(product)
    assert champion is not None
    assert champion.version == "3"


def test_promotion_against_another_champion_is_lost_and_changes_nothing(
    tracking: Tracking, product: str, versions: list[str]
) -> None:
    tracking.promote(product, "1", expected=None)
    for expected in (None, "2"):
        with pytest.raises(LostRace, match="the champion is 1") as lost:
            tracking.promote(product, "3", expected=expected)
        assert lost.value.found == "1"
        assert f"loopline run {product}" in str(lost.value), "the message names the command that mends it"
    assert tracking.version(product, "3").replaced is None
    with pytest.raises(TrackingError, match="no version 9"):
        tracking.promote(product, "9", expected="1")
    assert tracking.champion(product) == tracking.version(product, "1")


def test_promoting_the_champion_again_changes_nothing(tracking: Tracking, product: str, versions: list[str]) -> None:
    tracking.promote(product, "1", expected=None)
    tracking.promote(product, "2", expected="1")
    assert tracking.promote(product, "2", expected="2").replaced == "1"


def test_rollback_goes_back_step_by_step(tracking: Tracking, product: str, versions: list[str]) -> None:
    for version, expected in (("1", None), ("2", "1"), ("3", "2")):
        tracking.promote(product, version, expected=expected)
    assert tracking.rollback(product, expected="3").version == "2"
    assert tracking.rollback(product, expected="2").version == "1"
    with pytest.raises(TrackingError, match="none to go back to"):
        tracking.rollback(product, expected="1")
    with pytest.raises(LostRace):
        tracking.rollback(product, expected="3")
    assert tracking.champion(product) == tracking.version(product, "1")


def test_a_challenger_that_is_promoted_is_a_challenger_no_more(
    tracking: Tracking, product: str, versions: list[str]
) -> None:
    tracking.promote(product, "1", expected=None)
    tracking.challenge(product, "2", expected=None)
    with pytest.raises(LostRace):
        tracking.challenge(product, "3", expected=None)
    tracking.promote(product, "2", expected="1")
    assert tracking.challenger(product) is None
    tracking.challenge(product, "3", expected=None)
    tracking.challenge(product, None, expected="3")
    assert tracking.challenger(product) is None


def test_annotations_stay_with_the_version(tracking: Tracking, product: str, versions: list[str]) -> None:
    tracking.annotate(product, "2", {"loopline.approval": "{}"})
    assert tracking.version(product, "2").tags["loopline.approval"] == "{}"
    assert "loopline.approval" not in tracking.version(product, "1").tags
    with pytest.raises(TrackingError, match="no version 8"):
        tracking.annotate(product, "8", {"x": "y"})


def _race(tracking: Tracking, product: str, version: str, barrier: Any, results: Any) -> None:
    assert tracking.version(product, version).ready  # the connection is open before the start
    barrier.wait(60)
    try:
        tracking.promote(product, version, expected="1")
    except LostRace as lost:
        results.put((version, lost.found))
    else:
        results.put((version, "won"))


def test_of_processes_that_promote_at_once_exactly_one_wins(tracking: Tracking, product: str, bundle: Path) -> None:
    for _ in range(7):
        made(tracking, product, bundle)
    tracking.promote(product, "1", expected=None)
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(6), context.Queue()
    # Each process has a connection of its own: one that was opened before the fork must not be shared.
    fresh = [Tracking(tracking.uri, tracking.artifacts, tracking.lock) for _ in range(6)]
    racers = [context.Process(target=_race, args=(fresh[n], product, str(n + 2), barrier, results)) for n in range(6)]
    for racer in racers:
        racer.start()
    found = dict(results.get(timeout=60) for _ in racers)
    for racer in racers:
        racer.join(60)
    (winner,) = [version for version, result in found.items() if result == "won"]
    assert {result for version, result in found.items() if version != winner} == {winner}
    champion = tracking.champion(product)
    assert champion is not None
    assert (champion.version, champion.replaced) == (winner, "1")
    assert [v.version for v in tracking.versions(product) if v.replaced is not None] == [winner]


def test_mlflow_is_quiet_and_writes_nothing_beside_its_store(tmp_path: Path) -> None:
    code = f"""
import warnings
warnings.simplefilter("error")
from resources.tracking import Tracking
import sys
assert "mlflow" not in sys.modules
uri = "sqlite:///{tmp_path}/store/mlflow.db"
# MLflow's own use of SQLAlchemy is not ours to mend.
warnings.filterwarnings("ignore", module="mlflow|sqlalchemy|alembic|pydantic")
assert Tracking(uri, "{tmp_path}/store/files", uri).champion("loans") is None
assert "git" not in sys.modules
"""
    place = tmp_path / "cwd"
    place.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=place, capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(place.iterdir()) == []
    assert [path.name for path in tmp_path.iterdir() if path.name not in ("cwd", "store")] == []


def test_the_environment_says_where_mlflow_is(tmp_path: Path) -> None:
    local = Tracking.of(load_environment({"LOOPLINE_HOME": str(tmp_path)}))
    assert local.uri == local.lock == f"sqlite:///{tmp_path}/mlflow/mlflow.db"
    server = {"LOOPLINE_HOME": str(tmp_path), "LOOPLINE_MLFLOW_URI": "http://mlflow:5000"}
    served = Tracking.of(load_environment(server))
    assert (served.uri, served.lock) == ("http://mlflow:5000", f"sqlite:///{tmp_path}/bank/bank.db")


def test_mlflows_log_speaks_of_nothing_but_trouble(tracking: Tracking) -> None:
    assert tracking.versions("nothing") == ()
    assert logging.getLogger("mlflow").level == logging.WARNING
