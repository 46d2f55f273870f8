"""Against a real MLflow in SQLite, made once; each test has a product of its own."""

import json
import logging
import multiprocessing
import os
import shutil
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
from resources.tracking import RegisteredVersion, Tracking, TrackingError
from resources.tracking.run import UnrecordableValue
from resources.tracking.tracking import DAGSTER_TAG

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
        tracking.follow(product, lambda: {"champion": number})
    with pytest.raises(TrackingError, match="no bundle"):
        tracking.bundle(product, number, tmp_path / "fetched")
    with pytest.raises(TrackingError, match="write it before"):
        tracking.register(product, run.run_id, tmp_path / "nothing", {})


def test_two_runs_never_get_one_number(tracking: Tracking, product: str) -> None:
    runs = []
    for _ in range(2):
        with tracking.run(product, "training") as run:
            runs.append(run.run_id)
    assert [tracking.next_version(product, run_id) for run_id in (*runs, runs[0])] == ["1", "2", "1"]


def test_aliases_follow_the_rollout_state(tracking: Tracking, product: str, versions: list[str]) -> None:
    def alias() -> str | None:
        champion = tracking.champion(product)
        return champion.version if champion else None

    assert tracking.follow(product, lambda: {"champion": "1", "challenger": "2"}) == ("champion", "challenger")
    assert tracking.follow(product, lambda: {"champion": "1", "challenger": "2"}) == ()
    assert tracking.follow(product, lambda: {"champion": "2", "challenger": None}) == ("champion", "challenger")
    assert tracking.follow(product, lambda: {"champion": "2", "challenger": None}) == ()
    assert alias() == "2"
    with pytest.raises(TrackingError, match="no version 9"):
        tracking.follow(product, lambda: {"champion": "9"})
    assert alias() == "2"


def test_a_bundle_that_is_gone_from_the_registry_is_named(
    tracking: Tracking, product: str, bundle: Path, tmp_path: Path
) -> None:
    version = made(tracking, product, bundle)
    copied = tracking.bundle(product, version.version, tmp_path / "one")
    assert (copied / "model.onnx").read_bytes() == (bundle / "model.onnx").read_bytes()
    shutil.rmtree(Path(tracking.artifacts) / product / version.run_id)
    with pytest.raises(TrackingError, match=f"bundle of version 1 .run {version.run_id}. cannot be read"):
        tracking.bundle(product, version.version, tmp_path / "two")


def test_annotations_stay_with_the_version(tracking: Tracking, product: str, versions: list[str]) -> None:
    tracking.annotate(product, "2", {"loopline.approval": "{}"})
    assert tracking.version(product, "2").tags["loopline.approval"] == "{}"
    assert "loopline.approval" not in tracking.version(product, "1").tags
    with pytest.raises(TrackingError, match="no version 8"):
        tracking.annotate(product, "8", {"x": "y"})


def _follow(tracking: Tracking, product: str, state: Path, number: int, barrier: Any) -> None:
    assert tracking.version(product, "1").ready  # the connection is open before the start
    barrier.wait(60)
    beside = state.with_name(str(number))
    beside.write_text(str(number))
    beside.replace(state)
    tracking.follow(product, lambda: {"champion": state.read_text()})


def test_whoever_follows_last_follows_the_newest_state(
    tracking: Tracking, product: str, bundle: Path, tmp_path: Path
) -> None:
    for _ in range(6):
        made(tracking, product, bundle)
    context, state = multiprocessing.get_context("fork"), tmp_path / "state"
    barrier = context.Barrier(6)
    # Each process has a connection of its own: one that was opened before the fork must not be shared.
    fresh = [Tracking(tracking.uri, tracking.artifacts, tracking.lock) for _ in range(6)]
    racers = [context.Process(target=_follow, args=(fresh[n], product, state, n + 1, barrier)) for n in range(6)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(60)
    champion = tracking.champion(product)
    assert champion is not None
    assert champion.version == state.read_text()


def test_mlflow_is_quiet_and_writes_nothing_beside_its_store(tmp_path: Path) -> None:
    code = f"""
import warnings
warnings.simplefilter("error")
from resources.tracking import Tracking
import sys
assert "mlflow" not in sys.modules
uri = "sqlite:///{tmp_path}/store/mlflow.db"
# MLflow's own use of SQLAlchemy is not ours to fix.
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
    assert (served.uri, served.lock) == ("http://mlflow:5000", f"{tmp_path}/audit")


def test_mlflows_log_speaks_of_nothing_but_trouble(tracking: Tracking) -> None:
    assert tracking.versions("nothing") == ()
    assert logging.getLogger("mlflow").level == logging.WARNING


def test_runs_of_killed_processes_are_ended(tracking: Tracking, product: str) -> None:
    """A killed training leaves its run open for ever; one that is under way, or of another origin, is left alone."""
    client = tracking._client
    with tracking.run(product, "ended", tags={DAGSTER_TAG: "over"}):
        pass
    experiment = client.get_experiment_by_name(product)
    assert experiment is not None
    origins = [{DAGSTER_TAG: "over"}, {DAGSTER_TAG: "under way"}, {}]
    killed, *others = [client.create_run(experiment.experiment_id, tags=tags).info.run_id for tags in origins]
    assert tracking.end_left_open(product, lambda run_id: run_id == "over") == (killed,)
    assert kept(tracking, killed).info.status == "KILLED"
    assert {kept(tracking, run_id).info.status for run_id in others} == {"RUNNING"}
    assert tracking.end_left_open("never_trained", lambda _: True) == ()
