"""`loopline benchmark card_fraud` on the published data: no worse than the best published figures."""

import json
import os

import pytest
from typer.testing import CliRunner

from pipelines.cli.app import app
from tests.unit.features.kernel.test_kernel_protocol import DATA

pytestmark = [
    pytest.mark.skipif(os.environ.get("LOOPLINE_CAMPAIGN") != "1", reason="a minute; run: make campaign"),
    pytest.mark.skipif(not DATA.is_dir(), reason=f"the published card transactions are not at {DATA}"),
]


def test_the_product_is_at_least_as_good_as_the_published_models(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOPLINE_HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.delenv("LOOPLINE_ENV", raising=False)
    done = CliRunner().invoke(app, ["benchmark", "card_fraud", "--data", str(DATA), "--json"], catch_exceptions=False)
    told = json.loads(done.stdout)
    print(json.dumps({part: told[part] for part in ("model", "single_split", "four_folds", "seconds")}, indent=2))
    single, four = told["single_split"], told["four_folds"]
    assert single["auc"] >= 0.875
    assert single["average_precision"] >= 0.66
    assert single["card_precision"] >= 0.29
    assert four["auc"] >= 0.879
    assert four["average_precision"] >= 0.690
    assert four["card_precision"] >= 0.305
    assert told["test_period_looked_at"] == 1
