"""A code location whose schedules and sensors are evaluated with a real instance and a real lake."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
import yaml

from assets.materialising import asset_key
from assets.monitoring.distributions.figures import Drift, drift_table
from assets.monitoring.performance.figures import PERFORMANCE_SCHEMA
from pipelines.build import build_pipeline
from pipelines.connections import connections
from pipelines.products import load_product
from resources.environments import CHECKOUT, Environment, load_environment
from resources.lake import Lake
from resources.rollout_store.manifest import Release, RolloutManifest
from resources.rollout_store.store import RolloutStore
from tests.support.clocks import StoppedClock

PRODUCT = load_product("card_fraud")
TODAY = date(2026, 10, 1)
YESTERDAY = TODAY - timedelta(days=1)
NOW = datetime(2026, 10, 1, tzinfo=UTC)
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class Ticking:
    """The code location of card_fraud, and the instance in which its schedules and sensors are evaluated."""

    environment: Environment
    instance: dg.DagsterInstance
    clock: StoppedClock
    definitions: dg.Definitions

    @property
    def lake(self) -> Lake:
        return Lake(self.environment.lake)

    def ask(self, name: str, at: datetime = NOW) -> dg.RunRequest | str:
        """The run request of one tick of a schedule or sensor, or its reason to skip."""
        repository = self.definitions.get_repository_def()
        known: dict[str, Any] = {**connections(PRODUCT, self.environment), "clock": self.clock}
        is_schedule = name.endswith("_schedule")
        asked = repository.get_schedule_def(name) if is_schedule else repository.get_sensor_def(name)
        resources = {key: known[key] for key in asked.required_resource_keys}
        tick: Any
        if isinstance(asked, dg.ScheduleDefinition):
            with dg.build_schedule_context(
                self.instance, scheduled_execution_time=at, resources=resources, repository_def=repository
            ) as context:
                tick = asked.evaluate_tick(context)
        else:
            with dg.build_sensor_context(
                self.instance, resources=resources, repository_def=repository
            ) as sensor_context:
                tick = asked.evaluate_tick(sensor_context)
        if not tick.run_requests:
            return str(tick.skip_message)
        (request,) = tick.run_requests
        assert isinstance(request, dg.RunRequest)
        return request

    def crown(self, version: str) -> None:
        """The version decides from now on, as its rollout manifest says; sensors do not open its bundle."""
        release = Release(version=version, digest="ab" * 32)
        manifest = RolloutManifest(product=PRODUCT.name, champion=release, updated_at=NOW, by="tests", reason="tests")
        store = RolloutStore.open(self.environment.rollout, self.environment.home / "fetched")
        store.backend.replace(f"{PRODUCT.name}/manifest.json", manifest.to_json())

    def made(self, asset: str, *days: date) -> None:
        for partition in [day.isoformat() for day in days] or [None]:
            event = dg.AssetMaterialization(asset_key(PRODUCT, asset), partition=partition)
            self.instance.report_runless_asset_event(event)

    def record_drift(self, psi: dict[date, float], *, rows: int = 900, model: str = "3") -> None:
        """Records drift for each day: one feature and the score, both at the given distance from the reference."""
        by_day = {day: tuple(_figure(name, kind, value, rows) for name, kind in _COLUMNS) for day, value in psi.items()}
        self._record("drift", drift_table(by_day), list(psi), model)

    def record_performance(self, auc: dict[date, float], *, labelled: int = 4_000, model: str = "3") -> None:
        """Records each day's realised AUC; the approved AUC is 0.9."""
        common = {
            "rows": labelled, "labelled": labelled, "unlabelled": 0, "positives": labelled // 10, "scored": labelled,
            "accepted": labelled // 2, "over": "all",
        }  # fmt: skip
        days = [{"day": day, **common, "auc": value} for day, value in auc.items()]
        table = pa.Table.from_pylist(days, schema=PERFORMANCE_SCHEMA)
        table = table.append_column("approved_auc", pa.array([0.9] * len(auc), pa.float64()))
        self._record("batch_performance", table, list(auc), model)

    def _record(self, name: str, table: pa.Table, days: Sequence[date], model: str) -> None:
        table = table.append_column("model_version", pa.array([model] * table.num_rows, pa.string()))
        self.lake.replace(f"{PRODUCT.name}/{name}", table, days=days)


_COLUMNS = (("amount", "numeric"), ("score", "score"))


def _figure(name: str, kind: Any, psi: float, rows: int) -> Drift:
    return Drift(
        name=name, kind=kind, psi=psi, ks=0.0, p_value=1.0, rows=rows, missing_share=0.0,
        psi_limit=0.25, limits_from="tests",
    )  # fmt: skip


RETRIES = yaml.safe_load((CHECKOUT / "infra/dagster/local.yaml").read_text(encoding="utf-8"))["run_retries"]


@pytest.fixture
def ticking(tmp_path: Path) -> Iterator[Ticking]:
    with dg.DagsterInstance.ephemeral(settings={"run_retries": RETRIES}) as instance:
        yield over(instance, tmp_path)


@pytest.fixture
def ticking_on_disk(tmp_path: Path) -> Iterator[Ticking]:
    """Evaluating a schedule needs an instance that can be opened a second time."""
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides={"run_retries": RETRIES}) as instance:
        yield over(instance, tmp_path)


def over(instance: dg.DagsterInstance, folder: Path) -> Ticking:
    environment, clock = load_environment({"LOOPLINE_HOME": str(folder / "home")}), StoppedClock(TODAY)
    definitions = build_pipeline(PRODUCT, environment=environment, resources={"clock": clock})
    ticking = Ticking(environment, instance, clock, definitions)
    ticking.crown("3")
    return ticking
