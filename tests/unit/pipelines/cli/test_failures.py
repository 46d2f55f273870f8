"""Commands that fail: with `--json`, standard output still is one JSON object; without, nothing is on it."""

import json

import pytest

from pipelines.cli import app
from pipelines.cli.data import inspect
from resources.environments import Environment

FAILING = {
    "run nosuch": ("UnknownProduct", "there is no product 'nosuch'"),
    "backfill card_fraud --from 2026-09-02 --to 2026-09-01": ("BadParameter", "--to 2026-09-01 is before"),
    "backfill card_fraud --from 2026-09-01": ("MissingParameter", "--to"),
    "run card_fraud --from yesterday": ("BadName", "day 'yesterday' is not a date"),
    "run card_fraud --through nowhere": ("BadParameter", "--through nowhere: write one of"),
    "run card_fraud --unknown": ("NoSuchOption", "--unknown"),
    "nosuch": ("NoSuchCommand", "nosuch"),
    "replay card_fraud --day 2026-09-01 --decision 1": ("BadParameter", "give one of them"),
    "load nosuch": ("UnknownProduct", "nosuch"),
    "tables nosuch": ("UnknownProduct", "nosuch"),
    "features nosuch": ("UnknownProduct", "nosuch"),
    "export card_fraud nosuch out.parquet": ("MissingTable", "nosuch"),
    "approve card_fraud 1 --by Ada": ("MissingParameter", "--reason"),
    "repair nosuch": ("UnknownProduct", "nosuch"),
    "decide card_fraud --request nosuch.json": ("UnreadableRequest", "nosuch.json"),
}


@pytest.mark.parametrize("command", FAILING)
def test_a_failure_is_one_json_object(
    command: str, environment: Environment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["loopline", *command.split(), "--json"])
    with pytest.raises(SystemExit) as end:
        app.main()
    assert end.value.code in (1, 2)
    printed = capsys.readouterr()
    (line,) = printed.out.splitlines()
    kind, words = FAILING[command]
    error = json.loads(line)["error"]
    assert error["kind"] == kind
    assert words in error["message"]
    assert error["message"].splitlines()[0][:40] in printed.err.replace("Error: ", "")


def test_a_fault_of_the_code_is_told_too_and_keeps_its_traceback(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> Environment:
        raise KeyError("a fault")

    monkeypatch.setattr(inspect, "load_environment", broken)
    monkeypatch.setattr("sys.argv", ["loopline", "tables", "card_fraud", "--json"])
    with pytest.raises(KeyError, match="a fault"):
        app.main()
    assert json.loads(capsys.readouterr().out)["error"] == {"kind": "KeyError", "message": "'a fault'"}
