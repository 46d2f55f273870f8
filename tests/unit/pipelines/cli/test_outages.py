"""Servers that are down: each command ends within seconds, with one sentence."""

import json
import time
from pathlib import Path

import pytest

from pipelines.cli import app
from resources.environments import load_environment
from tests.support.servers.ports import free_port
from tests.unit.pipelines.cli.conftest import Refused, use

MLFLOW = "LOOPLINE_MLFLOW_URI", "http://127.0.0.1:{port}"
REDIS = "LOOPLINE_ONLINE_STORE", "redis://127.0.0.1:{port}/0"
DATABASE = "LOOPLINE_DATABASE_URL", "postgresql://bank:secret@127.0.0.1:{port}/bank"
LAKE = "LOOPLINE_LAKE", "s3://lake/loopline"
BUNDLES = "LOOPLINE_ROLLOUT", "s3://bundles/loopline"
RECORDS = "LOOPLINE_RECORDS", "postgresql://loopline:secret@127.0.0.1:{port}/loopline"
DAYS = "--from 2026-09-01 --to 2026-09-02"


@pytest.fixture
def down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The port of a server that is not there; home and S3 of every command."""
    port = str(free_port())
    variables = {
        "LOOPLINE_HOME": str(tmp_path),
        "LOOPLINE_PORT_BASE": "64990",
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return port


@pytest.mark.parametrize(
    ("command", "dead"),
    [
        ("reject credit_risk 1 --by Ada --reason why", MLFLOW),
        ("approve credit_risk 1 --by Ada --reason why", MLFLOW),
        ("repair credit_risk", MLFLOW),
        ("repair credit_risk", BUNDLES),
        ("repair credit_risk", RECORDS),
        ("reject credit_risk 1 --by Ada --reason why", RECORDS),
        ("run credit_risk", RECORDS),
        ("features credit_risk", MLFLOW),
        ("run credit_risk", MLFLOW),
        ("run credit_risk --through validation", DATABASE),
        ("run card_fraud", LAKE),
        (f"backfill card_fraud {DAYS}", REDIS),
        (f"backfill card_fraud {DAYS}", LAKE),
        ("load card_fraud", REDIS),
        ("load card_fraud", LAKE),
        ("tables card_fraud", LAKE),
        ("export card_fraud features out.parquet", LAKE),
        ("replay card_fraud", LAKE),
    ],
)
def test_a_server_that_is_down_is_one_sentence(
    command: str, dead: tuple[str, str], down: str, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, address = dead
    monkeypatch.setenv(name, address.format(port=down))
    use(load_environment(), monkeypatch)
    begun = time.monotonic()
    said = refused(command)
    assert time.monotonic() - begun < 15
    assert "does not answer" in said
    assert name in said
    assert "secret" not in said


def test_doctor_asks_every_server(
    down: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    servers = dict((MLFLOW, REDIS, DATABASE, LAKE, BUNDLES, RECORDS))
    for name, address in servers.items():
        monkeypatch.setenv(name, address.format(port=down))
    monkeypatch.setattr("sys.argv", ["loopline", "doctor", "--json"])
    with pytest.raises(SystemExit) as end:
        app.main()
    assert end.value.code == 1
    found = json.loads(capsys.readouterr().out)["findings"]
    remedies = [finding["remedy"] for finding in found if "does not answer" in finding["detail"]]
    assert sorted(remedy.rpartition(" ")[2] for remedy in remedies) == sorted(servers)
