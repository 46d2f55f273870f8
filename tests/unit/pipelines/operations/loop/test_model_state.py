"""Whether the loop trains, deploys or leaves the model as it is: the verdict, and the records that it is made from."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from assets.bundle.released import champion_bundle
from assets.materialising import asset_key
from pipelines.operations.loop.model_state import Candidate, ModelAction, ModelSignals, model_signals, model_verdict
from pipelines.products import load_product
from resources.keys import Keys
from resources.lake import Lake
from resources.rollout_store.store import RolloutStore
from tests.support.models.registered import RegisteredHome

PRODUCT = replace(load_product("card_fraud"), name="loans")


def candidate(*, current: bool = True, rejected: bool = False, compared_with: str = "1") -> Candidate:
    return Candidate("2", current, rejected, compared_with)


@pytest.mark.parametrize(
    ("signals", "action", "reason"),
    [
        (ModelSignals("1", True, None, None), "none", "version 1 was trained from the present tables"),
        (ModelSignals(None, False, None, None), "train", "no version decides"),
        (ModelSignals("1", False, None, None), "train", "older content"),
        (ModelSignals("1", False, candidate(current=False), None), "train", "older content"),
        (ModelSignals("1", False, candidate(), None), "deploy", "registered and not deployed"),
        (ModelSignals(None, False, candidate(compared_with=""), None), "deploy", "registered and not deployed"),
        (ModelSignals("1", False, candidate(compared_with="0"), None), "train", "older content"),
        (ModelSignals("1", False, candidate(), "2"), "none", "waits for an approver"),
        (ModelSignals(None, False, candidate(), "2"), "none", "waits for an approver"),
        (ModelSignals("1", False, candidate(current=False), "2"), "train", "older content"),
        (ModelSignals("1", False, candidate(rejected=True), None), "none", "was rejected"),
        (ModelSignals(None, False, candidate(rejected=True), None), "train", "no version decides"),
        (ModelSignals("1", False, candidate(current=False), None, ("it leaks",)), "none", "was refused: it leaks"),
        (ModelSignals(None, False, None, None, ("it leaks",)), "train", "no version decides"),
    ],
)
def test_a_training_that_came_to_a_result_is_not_repeated(
    signals: ModelSignals, action: ModelAction, reason: str
) -> None:
    verdict = model_verdict(signals)
    assert verdict.action == action
    assert reason in verdict.reasons[0]


def test_a_killed_run_is_known_by_its_records(tmp_path: Path) -> None:
    """The bundles of these versions were trained from version 41 of the features."""
    home, day = RegisteredHome(tmp_path / "home"), date(2026, 1, 1)
    lake, rollout = Lake(home.environment.lake), RolloutStore.open(home.environment.rollout, tmp_path / "fetched")

    def features(value: int) -> None:
        rows = pa.table({"value": [value], "day": pa.array([day], pa.date32())})
        lake.replace("loans/features", rows, days=[day])

    with dg.DagsterInstance.ephemeral() as instance:

        def action() -> ModelAction:
            champion = champion_bundle(PRODUCT.name, rollout, Keys.of(home.home).signing)
            return model_verdict(model_signals(PRODUCT, home.environment, instance, champion, None)).action

        def recorded(asset: str, **metadata: object) -> None:
            event = dg.AssetMaterialization(asset_key(PRODUCT, asset), metadata=metadata)  # type: ignore[arg-type]
            instance.report_runless_asset_event(event)

        for _ in range(42):
            features(0)
        assert action() == "train", "nothing was trained"
        recorded("training_set", pins={"loans/features": 41})
        assert action() == "train", "it was killed before it had a version"
        first = home.register()
        assert action() == "train", "it was killed before the version was recorded as complete"
        recorded("registered_model", version=first.version)
        assert action() == "deploy"
        home.move(first)
        assert action() == "none"
        features(0)
        assert action() == "none", "equal content in a new version"
        features(1)
        assert action() == "train"
        recorded("training_set", pins={"loans/features": 43})
        assert action() == "train", "the candidate is not registered, and the registered one is of older content"
