"""The command that frees space."""

import json

import pytest

from pipelines.cli import app
from resources.environments import Environment
from tests.unit.pipelines.cli.conftest import Refused


def test_a_plan_tells_each_table_and_removes_nothing(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["loopline", "vacuum", "credit_risk", "--plan", "--json"])
    with pytest.raises(SystemExit) as end:
        app.main()
    assert end.value.code == 0
    told = json.loads(capsys.readouterr().out)
    table = {"table": "credit_risk/features", "replaced": 0, "abandoned": 0, "bytes": 0, "kept": [0]}
    assert told == {"removed": False, "files": 0, "bytes": 0, "tables": [table]}


@pytest.mark.usefixtures("environment")
def test_a_mistake_is_one_sentence(refused: Refused) -> None:
    assert "there is no product 'nothing'" in refused("vacuum nothing")
    assert "keep-days" in refused("vacuum credit_risk --keep-days 0")
