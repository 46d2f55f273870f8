"""What MLflow keeps of an evaluation: what made it, and the way back."""

import json
from importlib import metadata

from assets.evaluation.evaluate import Evaluation
from assets.evaluation.recording import documents, installed_packages, origin_tags, packages_digest, study_metrics
from tests.support.models.evaluated_bundle import PRODUCT


def test_another_version_of_one_package_is_another_environment() -> None:
    packages = installed_packages()
    assert packages["numpy"] == metadata.version("numpy")
    assert packages_digest(packages) == packages_digest(dict(reversed(packages.items())))
    assert packages_digest(packages) != packages_digest({**packages, "numpy": "0"})


def test_the_run_links_the_dagster_run() -> None:
    tags = origin_tags(code="abc", packages={"numpy": "2"}, dagster_run="7f", dagster_url="http://127.0.0.1:3000/")
    assert tags["dagster_run_url"] == "http://127.0.0.1:3000/runs/7f"
    assert "[7f](http://127.0.0.1:3000/runs/7f)" in tags["mlflow.note.content"]
    assert tags["mlflow.source.git.commit"] == "abc"
    unknown = origin_tags(code="abc", packages={}, dagster_run="7f", dagster_url="")
    assert unknown["dagster_run_url"] == "not known"


def test_figures_have_their_intervals_and_curves_their_points(evaluation: Evaluation) -> None:
    assert evaluation.study is not None
    found = study_metrics(evaluation.study)
    assert (found["test_auc_low"] or 0) < (found["test_auc"] or 0) < (found["test_auc_high"] or 0)
    curves = {name: band.to_dict() for name, band in evaluation.study.curves.items()}
    kept = json.loads(json.dumps(documents(PRODUCT, curves, {"numpy": "2"}), allow_nan=False))
    assert set(kept) == {"configuration", "curves", "packages"}
    assert len(kept["curves"]["roc"]["value"]) == len(kept["curves"]["roc"]["low"]) == 41
    assert kept["configuration"]["model"]["trials"] == PRODUCT.model.trials
    assert kept["configuration"]["gates"]["max_overfit"] == PRODUCT.gates.max_overfit
