"""Runs within a run: what MLflow keeps of them."""

from pathlib import Path

import pytest

from resources.tracking import Tracking
from resources.tracking.nested import NestedRun, record_nested
from resources.tracking.tracking import DAGSTER_TAG


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Tracking:
    home: Path = tmp_path_factory.mktemp("mlflow")
    uri = f"sqlite:///{home}/db/mlflow.db"
    return Tracking(uri=uri, artifacts=str(home / "artifacts"), lock=uri)


def test_trials_are_runs_of_their_own_with_settings_figures_and_curves(tracking: Tracking) -> None:
    curve = [1 / (step + 1) for step in range(400)]
    with tracking.run("loans", "training", tags={DAGSTER_TAG: "0b7c"}) as run:
        record_nested(
            run,
            [
                NestedRun("trial 01", {"max_depth": 4, "pruned": "False"}, {"loss": 0.25}, {"loss_fold_1": curve}),
                NestedRun("trial 02", {"max_depth": 2, "pruned": "True"}, {"loss": 0.5}, {"loss_fold_1": curve[:3]}),
            ],
        )
    client = run.client
    experiment = client.get_run(run.run_id).info.experiment_id
    made = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{run.run_id}'")
    found = sorted(made, key=lambda of: of.info.run_name)
    assert [of.info.run_name for of in found] == ["trial 01", "trial 02"]
    assert {of.info.status for of in found} == {"FINISHED"}
    assert {of.data.tags[DAGSTER_TAG] for of in found} == {"0b7c"}
    assert found[0].data.params == {"max_depth": "4", "pruned": "False"}
    assert found[0].data.metrics["loss"] == 0.25
    history = client.get_metric_history(found[0].info.run_id, "loss_fold_1")
    assert {0: 1.0, 399: curve[-1]}.items() <= {point.step: point.value for point in history}.items()
    assert 30 <= len(history) <= 40
    assert all(point.value == curve[point.step] for point in history)
    assert len(client.get_metric_history(found[1].info.run_id, "loss_fold_1")) == 3
