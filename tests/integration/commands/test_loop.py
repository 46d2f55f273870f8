"""The loop of card_fraud over the small bank, for real: from its files to a champion, past every gate."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import dagster as dg
import numpy as np
import onnx
import pyarrow as pa
import pytest

from assets.bundle.bundle import Bundle
from assets.bundle.files import load_bundle
from assets.governance.audit_log import AuditLog
from assets.materialising import asset_key
from assets.product import Product, Rollout
from assets.product.names import EVALUATION, MODEL, REGISTERED_MODEL
from assets.serving.engine import Engine
from assets.vocabulary import Number
from pipelines.build import build_pipeline
from pipelines.connections import clock_of
from pipelines.jobs import daily_name, retrain_name
from pipelines.operations.loop.run_job import RunFailed, run_job
from pipelines.operations.models.approve import AnswerRefused, StillWaits, deploy, record_answer
from pipelines.operations.rollout import waiting_version
from pipelines.products import load_product
from resources.environments import Environment, load_environment
from resources.keys import Keys
from resources.lake import Lake
from resources.people import person
from resources.rollout_store.store import RolloutStore
from resources.tracking import Tracking
from tests.integration.conftest import LAST, SETTINGS

FRAUD = load_product("card_fraud")
PRODUCT = replace(
    FRAUD,
    model=replace(FRAUD.model, trials=2),
    # The bank of these tests is 61 days old: windows of 30 days fill up while the model learns, and scores move.
    gates=replace(FRAUD.gates, max_score_psi=1.0),
)
DATA = [f"{layer}_{source.name}" for source in FRAUD.sources for layer in ("raw", "validated")] + [
    "features",
    "online_store",
]


@dataclass(frozen=True)
class Home:
    """A home whose lake has the whole small bank's features, and its Dagster instance."""

    environment: Environment
    instance: dg.DagsterInstance

    @property
    def lake(self) -> Lake:
        return Lake(self.environment.lake)

    @property
    def tracking(self) -> Tracking:
        return Tracking.of(self.environment)

    @property
    def audit(self) -> AuditLog:
        return AuditLog(self.environment.home / "audit" / "log.jsonl")

    @property
    def champion(self) -> str | None:
        manifest = self._rollout.read_manifest(PRODUCT.name)
        return manifest.champion.version if manifest else None

    @property
    def _rollout(self) -> RolloutStore:
        return RolloutStore.open(self.environment.rollout, self.environment.home / "fetched")

    def retrain(self, product: Product, environment: Environment | None = None, *only: str) -> None:
        """The retrain job, or some of its assets, at the sandbox's clock."""
        clock = clock_of(product, self.environment)
        definitions = build_pipeline(product, environment=environment or self.environment, resources={"clock": clock})
        keys = [asset_key(product, name) for name in only] or None
        run_job(definitions, self.instance, retrain_name(product), selection=keys)

    def deploy(self, product: Product, environment: Environment, version: str) -> None:
        """What `loopline approve` does after it has recorded the answer."""
        clock = clock_of(product, self.environment)
        definitions = build_pipeline(product, environment=environment, resources={"clock": clock})
        deploy(definitions, self.instance, product, version)

    def bundle(self, version: str) -> Bundle:
        digest = self.tracking.version(PRODUCT.name, version).tags["loopline.digest"]
        folder = self._rollout.fetch_bundle(PRODUCT.name, version, digest)
        return load_bundle(folder, Keys.of(self.environment.home).signing, digest)


@pytest.fixture(scope="module")
def home(filled_bank: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """With a first champion."""
    folder = tmp_path_factory.mktemp("loop") / "home"
    shutil.copytree(filled_bank, folder)
    environment = load_environment({"LOOPLINE_HOME": str(folder)})
    with dg.DagsterInstance.ephemeral() as instance:
        home = Home(environment, instance)
        definitions = build_pipeline(PRODUCT, environment=environment)
        days = (SETTINGS.first_day, LAST)
        run_job(definitions, instance, daily_name(PRODUCT), days=days, selection=[asset_key(PRODUCT, n) for n in DATA])
        home.retrain(PRODUCT)
        yield home


def test_the_first_champion_is_on_record(home: Home) -> None:
    assert home.champion == "1"
    registered = home.tracking.champion("card_fraud")
    assert registered is not None
    assert registered.version == "1"
    bundle = home.bundle("1")
    gates = bundle.parts.metrics["gates"]
    assert gates["action"] == "promote"
    assert len(gates["results"]) == 18
    assert [g["name"] for g in gates["results"] if g["passed"] is not True] == [
        "champion_comparison",
        "slice_auc",
        "selection_ratio",
        "odds_gap",
    ]
    registration, promoted = (entry for entry in home.audit.entries() if entry.version == "1")
    assert (registration.action, registration.details["digest"]) == ("register", bundle.digest)
    assert (promoted.action, promoted.product) == ("promote", "card_fraud")
    assert promoted.actor.startswith("dagster run ")
    assert promoted.details == {"digest": bundle.digest, "generation": 1}
    asked = "all 14 gates passed; not asked: champion_comparison, slice_auc, selection_ratio, odds_gap"
    assert asked in promoted.reason


def test_the_run_in_mlflow_is_a_link(home: Home) -> None:
    """From the pages of the model, its evaluation and its version a person follows it."""
    for name in (MODEL, EVALUATION, REGISTERED_MODEL):
        event = home.instance.get_latest_materialization_event(asset_key(PRODUCT, name))
        assert event is not None
        assert event.asset_materialization is not None
        link = event.asset_materialization.metadata["mlflow_run"]
        assert isinstance(link, dg.UrlMetadataValue)
        assert re.fullmatch(r"http://127\.0\.0\.1:4701/#/experiments/\d+/runs/[0-9a-f]{32}", str(link.url))


def test_the_same_data_give_the_same_model_which_a_person_must_approve(home: Home) -> None:
    """As in production: a product that decides about people, in an environment where people answer for it."""
    product = replace(PRODUCT, impact="high", rollout=Rollout(strategy="direct"))
    environment = home.environment.model_copy(update={"sandbox": False})
    home.retrain(product, environment)
    waiting = waiting_version(home.instance, product.name)
    assert waiting is not None
    assert waiting["version"] == "2"
    assert "waits for an approver other than" in waiting["reason"]
    assert waiting["approve"] == "loopline approve card_fraud 2 --by NAME --reason TEXT"
    assert home.champion == "1"

    first, second = home.bundle("1"), home.bundle("2")
    assert without_name(second.parts.model) == without_name(first.parts.model)
    assert second.parts.booster == first.parts.booster
    rows = home.lake.read("card_fraud/features", days=[LAST])
    assert np.array_equal(Engine(second, None).score(rows), Engine(first, None).score(rows))
    (compared,) = [r for r in second.parts.metrics["gates"]["results"] if r["name"] == "champion_comparison"]
    assert (compared["passed"], compared["value"]) == (True, 0.0)

    record_answer(environment, product, "2", "reject", by="Ada Risk", reason="the data of May are wrong")
    with pytest.raises(
        RunFailed, match="card_fraud version 2: refuse: Ada Risk rejected it: the data of May are wrong"
    ):
        home.deploy(product, environment, "2")
    given = {"reason": "the data of May are right after all", "overturns": "May was delivered again"}
    with pytest.raises(AnswerRefused, match=f"{person()} trained the version and may not overturn it"):
        record_answer(environment, product, "2", "approve", by=person(), **given)
    with pytest.raises(AnswerRefused, match="The rejection stands until it is said why it no longer holds"):
        record_answer(environment, product, "2", "approve", by="Bea Chief", reason="fine")

    home.retrain(product, environment)
    with pytest.raises(
        StillWaits, match="card_fraud version 3 waits for an approver, and was not deployed: all 15 gates"
    ):
        home.deploy(product, environment, "3")
    assert home.instance.get_runs(limit=1)[0].status is dg.DagsterRunStatus.SUCCESS, "waiting is no failed run"
    assert home.champion == "1"
    record_answer(environment, product, "2", "approve", by="Ada Risk", **given)
    home.deploy(product, environment, "2")
    assert home.champion == "2", "what was approved decides, and not the newer version that nobody looked at"
    recorded = [(entry.action, entry.actor, entry.version) for entry in home.audit.entries()]
    assert [version for action, _, version in recorded if action == "register"] == ["1", "2", "3"]
    assert [one for one in recorded if one[0] != "register"][1:-1] == [
        ("reject", "Ada Risk", "2"),
        ("approve", "Ada Risk", "2"),
    ]
    promoted = list(home.audit.entries())[-1]
    assert (promoted.action, promoted.version) == ("promote", "2")
    assert promoted.details == {"digest": second.digest, "replaced": "1", "generation": 2}
    assert promoted.reason.endswith("approved by Ada Risk: the data of May are right after all")


def without_name(model: bytes) -> bytes:
    """An ONNX model without the name of its graph, which its converter draws at random."""
    parsed = onnx.load_model_from_string(model)
    parsed.graph.ClearField("name")
    return bytes(parsed.SerializeToString())


def test_a_label_among_the_features_is_refused(home: Home, tmp_path: Path) -> None:
    environment = home.environment.model_copy(update={"lake": f"{home.environment.lake}-leaking"})
    shutil.copytree(home.environment.lake, environment.lake)
    plant_label(Lake(environment.lake), "chargeback_code")
    told = Number("chargeback_code", description="Filled in by the back office, after the fact")
    product = replace(
        PRODUCT,
        features=replace(FRAUD.features, request=(*FRAUD.features.request, told)),
        contracts=contracts_with("chargeback_code", tmp_path),
    )
    versions, champion = home.tracking.versions("card_fraud"), home.champion
    with pytest.raises(
        RunFailed, match=r"training_set: refused by .*'chargeback_code'.*a leak of the label is suspected"
    ):
        home.retrain(product, environment)
    with pytest.raises(RunFailed, match=r"no model is trained on this training set: .*'chargeback_code'"):
        home.retrain(product, environment, "model")
    assert home.tracking.versions("card_fraud") == versions
    assert home.champion == champion


def contracts_with(name: str, folder: Path) -> Path:
    """The product's contracts, that of the spine with a number more."""
    contracts = Path(shutil.copytree(FRAUD.contracts, folder / "contracts"))
    spine = contracts / f"{FRAUD.spine.source}.yaml"
    spine.write_text(spine.read_text().replace("columns:\n", f"columns:\n  {name}: {{type: number, description: x}}\n"))
    return contracts


def plant_label(lake: Lake, name: str) -> None:
    """A column of the feature table that says what only became known afterwards."""
    labels = lake.read("card_fraud/validated_fraud_labels", columns=["transaction_id", "is_fraud"])
    features = lake.read("card_fraud/features")
    known = dict(zip(labels["transaction_id"].to_pylist(), labels["is_fraud"].to_pylist(), strict=True))
    told = [float(known.get(row, 0)) for row in features["transaction_id"].to_pylist()]
    leaking = features.append_column(name, pa.array(told, pa.float64()))
    lake.replace("card_fraud/features", leaking, days=list(lake.days("card_fraud/features")))
