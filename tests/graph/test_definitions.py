"""The graph: each code location loads by itself, quietly, and is the one that was reviewed.

A change of the graph shows as a change of its snapshot: LOOPLINE_UPDATE_SNAPSHOTS=1 writes them anew, and the
difference is what a reviewer reads.
"""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.materialising import definition_of
from assets.vocabulary import FeatureError, Sum
from pipelines.build import build_pipeline
from pipelines.partitions import partitions_of
from pipelines.products import load_product, product_names
from pipelines.workspace import code_locations, served_products
from resources.environments import CHECKOUT, load_environment

SNAPSHOTS = Path(__file__).parent / "snapshots"

_LOAD_ALONE = """
import importlib, json, os, socket, sys, warnings

def refuse(*_):
    raise AssertionError("a code location opened a connection while it was loaded")

socket.socket.connect = socket.socket.connect_ex = refuse
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    definitions = importlib.import_module(sys.argv[1]).defs
    definitions.get_repository_def()
kinds = (DeprecationWarning, PendingDeprecationWarning, FutureWarning)
caught = [w for w in caught if issubclass(w.category, kinds) and w.filename.startswith(os.getcwd())]
ours = [f"{w.filename}: {w.message}" for w in caught]
spark = sys.modules.get("pyspark")
started = spark is not None and spark.SparkContext._active_spark_context is not None
heavy = sorted({"mlflow", "great_expectations", "bentoml", "xgboost", "sklearn", "scipy.stats"} & set(sys.modules))
print(json.dumps({"warnings": ours, "spark": started, "heavy": heavy}))
"""


@pytest.mark.parametrize("product", product_names())
def test_a_code_location_loads_in_a_fresh_interpreter(product: str, tmp_path: Path) -> None:
    variables = {**os.environ, "LOOPLINE_HOME": str(tmp_path), "LOOPLINE_ENV": "local"}
    command = [sys.executable, "-c", _LOAD_ALONE, f"pipelines.{product}.definitions"]
    done = subprocess.run(
        command, cwd=CHECKOUT, env=variables, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {"warnings": [], "spark": False, "heavy": []}
    assert list(tmp_path.iterdir()) == [], "loading a code location wrote something"


def test_the_workspace_has_one_location_a_product() -> None:
    assert sorted(served_products()) == list(product_names())
    assert [location.name for location in code_locations()] == list(served_products())


@pytest.mark.parametrize("product", product_names())
def test_the_graph_is_the_reviewed_one(product: str, tmp_path: Path) -> None:
    environment = load_environment({"LOOPLINE_HOME": str(tmp_path)})
    found = _graph(build_pipeline(load_product(product), environment=environment))
    file = SNAPSHOTS / f"{product}.json"
    if os.environ.get("LOOPLINE_UPDATE_SNAPSHOTS") == "1":
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    assert found == json.loads(file.read_text(encoding="utf-8")), (
        "the graph has changed; if it should have: LOOPLINE_UPDATE_SNAPSHOTS=1 pytest tests/graph, then commit it"
    )


@pytest.mark.parametrize(("product", "first"), [("credit_risk", "2024-10-01"), ("card_fraud", "2026-04-01")])
def test_a_sandbox_offers_the_days_that_its_bank_has(product: str, first: str, tmp_path: Path) -> None:
    """The days end where the bank ends, whatever the machine's clock says; those of real sources go on."""
    sandbox = load_environment({"LOOPLINE_HOME": str(tmp_path)})
    days = definition_of(partitions_of(load_product(product), sandbox)).get_partition_keys()
    assert (days[0], days[-1]) == (first, "2026-09-30")
    elsewhere = sandbox.model_copy(update={"sandbox": False})
    brought = sandbox.model_copy(update={"card_transactions": str(tmp_path)})
    for environment in [elsewhere, *([brought] if product == "card_fraud" else [])]:
        unbound = definition_of(partitions_of(load_product(product), environment))
        assert unbound.end is None
        assert unbound.get_first_partition_key() == load_product(product).start.isoformat()


@pytest.mark.parametrize("product", product_names())
def test_the_assets_of_a_job_have_one_backfill_policy(product: str, tmp_path: Path) -> None:
    """Dagster's page of a job then says that a range is one run, and not that policies vary."""
    definitions = build_pipeline(load_product(product), environment=load_environment({"LOOPLINE_HOME": str(tmp_path)}))
    graph = definitions.resolve_asset_graph()
    for job in (f"{product}_daily", f"{product}_retrain"):
        keys = definitions.resolve_job_def(job).asset_layer.executable_asset_keys
        assert {graph.get(key).backfill_policy for key in keys} == {dg.BackfillPolicy.single_run()}


def test_units_that_do_not_go_together_do_not_load(tmp_path: Path) -> None:
    """A product whose contracts make one of its features a sum of euros and loans is refused when it is loaded."""
    product = load_product("credit_risk")
    wrong = Sum("owed", of=("existing_debt", "inquiries_6m"))
    features = replace(product.features, derived=(*product.features.derived, wrong))
    environment = load_environment({"LOOPLINE_HOME": str(tmp_path)})
    with pytest.raises(FeatureError, match="'owed': 'existing_debt' is in EUR, 'inquiries_6m' in inquiries"):
        build_pipeline(replace(product, features=features), environment=environment)


def test_an_environment_that_is_none_of_ours_does_not_load(tmp_path: Path) -> None:
    variables = {**os.environ, "LOOPLINE_HOME": str(tmp_path), "LOOPLINE_ENV": "production"}
    command = [sys.executable, "-c", "import pipelines.credit_risk.definitions"]
    done = subprocess.run(
        command, cwd=CHECKOUT, env=variables, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode != 0
    assert "LOOPLINE_ENV is 'production'; set it to one of local, staging, prod" in done.stderr


def _graph(definitions: dg.Definitions) -> dict[str, Any]:
    graph = definitions.resolve_asset_graph()
    repository = definitions.get_repository_def()
    return {
        "assets": {
            key.to_user_string(): {
                "group": graph.get(key).group_name,
                "daily": graph.get(key).partitions_def is not None,
                "external": key not in graph.executable_asset_keys,
                "from": sorted(parent.to_user_string() for parent in graph.get(key).parent_keys),
                "checks": sorted(check.name for check in graph.get_check_keys_for_assets({key})),
            }
            for key in graph.toposorted_asset_keys
        },
        "jobs": sorted(job.name for job in repository.get_all_jobs() if not job.name.startswith("__")),
        "schedules": {s.name: s.cron_schedule for s in repository.schedule_defs},
        "sensors": sorted(sensor.name for sensor in repository.sensor_defs),
    }
