"""`loopline rollout` as it is typed: what labels say of the arms, the page, and a lake that cannot be read."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from assets.bundle.files import write_bundle
from assets.product import Rollout
from assets.rollout.moves import Who, begun
from pipelines.cli import app, rollout
from resources.environments import Environment
from resources.keys import Keys
from resources.lake import Lake
from resources.rollout_store.manifest import Release, RolloutManifest
from resources.rollout_store.store import RolloutStore
from tests.support.models.evaluated_bundle import evaluated_parts
from tests.unit.pipelines.cli.conftest import Refused
from tests.unit.rollout.outcomes.test_results import outcomes
from tests.unit.rollout.rollout_samples import FIRST

POLICY = Rollout(strategy="ab_test", hypothesis="more profit", metric="profit", smallest_effect=50.0, share=0.5)


@pytest.fixture
def state(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> RolloutManifest:
    """An A/B test of credit_risk with 2,000 outcomes."""
    monkeypatch.setattr(rollout, "load_environment", lambda: environment)
    store = RolloutStore.open(environment.rollout, environment.home / "fetched")
    one, two = (_published(store, version, environment.home) for version in ("1", "2"))
    first = replace(FIRST, product="credit_risk", champion=one)
    found = begun(first, (two,), POLICY, Who("Ada Risk", "a test", datetime(2026, 3, 1, tzinfo=UTC)))
    store.publish_manifest("credit_risk", first)
    store.publish_manifest("credit_risk", found)
    rows = outcomes(found, 2_000, {"1": 0.2, "2": 0.05}).append_column("amount", pa.array([1_000.0] * 2_000))
    Lake(environment.lake).replace("credit_risk/outcomes", rows, days=[date(2026, 9, 1)])
    return found


def _published(store: RolloutStore, version: str, home: Path) -> Release:
    folder = home / f"bundle-{version}"
    parts = replace(evaluated_parts(), product="credit_risk", version=version)
    digest = write_bundle(parts, folder, Keys.of(home).signing)
    store.publish_bundle("credit_risk", version, folder)
    return Release(version=version, digest=digest)


def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str) -> str:
    monkeypatch.setattr("sys.argv", ["loopline", *command.split()])
    with pytest.raises(SystemExit) as end:
        app.main()
    assert not end.value.code
    return capsys.readouterr().out


@pytest.mark.usefixtures("state")
def test_it_shows_the_arms_and_what_each_is_worth_by_propensities(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    page = tmp_path / "test.html"
    shown = typed(monkeypatch, capsys, f"rollout credit_risk --page {page}")
    assert "doubly robust" in shown
    assert "more profit" in page.read_text()
    found: dict[str, Any] = json.loads(typed(monkeypatch, capsys, "rollout credit_risk --json"))
    values = {(one["policy"], one["method"]): one for one in found["results"]["values"]}
    assert values["version 2 − version 1", "doubly robust"]["state"] == "estimated"
    assert [arm["version"] for arm in found["results"]["arms"]] == ["2", "1"]
    assert (found["unread"], found["verdict"]) == ("", "pause")


@pytest.mark.usefixtures("state")
def test_a_damaged_table_hides_nothing_but_the_labels(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], refused: Refused
) -> None:
    for file in Path(environment.lake, "credit_risk", "outcomes").rglob("*.parquet"):
        file.unlink()
    found = json.loads(typed(monkeypatch, capsys, "rollout credit_risk --json"))
    assert (found["results"], found["challengers"][0]["version"]) == (None, "2")
    assert "labels were not read: " in found["unread"]
    assert "labels were not read: " in refused("rollout credit_risk --page x.html")


@pytest.mark.usefixtures("state")
def test_a_page_of_another_kind_or_of_a_move_is_refused_before_anything_moves(
    refused: Refused, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "write a name that ends in .html" in refused("rollout credit_risk --page x.pdf")
    assert "leave the verb out" in refused("rollout credit_risk pause --by Ada --reason why --page x.html")
    assert json.loads(typed(monkeypatch, capsys, "rollout credit_risk --json"))["hold"] == "none"
