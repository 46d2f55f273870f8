"""What a person gets wrong at the command line ends in one sentence and a status, never in a traceback."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.cli import app, console
from resources.environments import load_environment
from resources.lake import Lake

DAYS = [date(2026, 1, 1)]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with one table, of an environment whose sources are not the sandbox's: nothing is filled for it."""
    monkeypatch.setenv("LOOPLINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOOPLINE_PORT_BASE", "64990")
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "1000")
    environment = load_environment().model_copy(update={"sandbox": False})
    monkeypatch.setattr(app, "_environment", lambda: environment)
    monkeypatch.setattr(console, "show_progress", lambda: None)
    table = pa.table({"id": [1], "day": pa.array(DAYS, pa.date32())})
    Lake(environment.lake).replace("credit_risk/features", table, days=DAYS)
    for name, text in {"array": "[1]", "broken": "{", "binary": "\0"}.items():
        (tmp_path / f"{name}.json").write_text(text)
    (tmp_path / "folder").mkdir()
    return tmp_path


def refused(command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """What the command says as it ends with a status other than 0."""
    monkeypatch.setattr("sys.argv", ["loopline", *command.split()])
    with pytest.raises(SystemExit) as end:
        app.main()
    assert end.value.code in (1, 2)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Traceback" not in printed.err
    return printed.err


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("decide credit_risk --request {0}/none.json", "none.json cannot be read (No such file or directory)"),
        ("decide credit_risk --request {0}/[/x]/[old].json", "[/x]/[old].json cannot be read"),
        ("decide credit_risk --request {0}/folder", "folder cannot be read (Is a directory)"),
        ("decide credit_risk --request {0}/array.json", "array.json holds JSON, but no object"),
        ("decide credit_risk --request {0}/broken.json", "broken.json is not JSON"),
        ("decide credit_risk --request {0}/binary.json", "binary.json is not JSON"),
        ("export credit_risk features {0}/none/x.parquet", "there is no folder"),
        ("export credit_risk features {0}/folder", "is a folder; name a file in it"),
        ("export credit_risk features {0}/x.parquet --version 9", "has versions 0 to 0, not 9"),
        ("export credit_risk gone {0}/x.parquet", "table credit_risk/gone does not exist"),
        ("export nothing features {0}/x.parquet", "there is no product 'nothing'"),
        ("tables nothing", "there is no product 'nothing'"),
        ("run nothing", "there is no product 'nothing'"),
        ("run credit_risk --from yesterday", "day 'yesterday' is not a date"),
        ("run credit_risk --from 2024-09-30", "credit_risk has no day 2024-09-30: the first is 2024-10-01, and"),
        ("run credit_risk --from 2024-12-02 --to 2024-12-01", "--to 2024-12-01 is before --from 2024-12-02"),
        ("backfill nothing --from 2025-01-01 --to 2025-01-01", "there is no product 'nothing'"),
        ("backfill credit_risk --from 2024-09-30 --to 2025-01-01", "credit_risk has no day 2024-09-30"),
        ("backfill credit_risk --from 2025-01-01 --to 2025-01-01 --select gone", "no daily asset 'gone'"),
        ("approve nothing 1 --by Ada --reason why", "there is no product 'nothing'"),
        ("approve credit_risk 9 --by Ada --reason why", "credit_risk has no version 9"),
    ],
)
def test_a_mistake_is_one_sentence(
    command: str, said: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sentence names the thing, its value and what would be right."""
    assert said in refused(command.format(home), monkeypatch, capsys)


@pytest.mark.parametrize("command", ["run credit_risk --to {0}", "backfill credit_risk --from {0} --to {0}"])
@pytest.mark.parametrize("ahead", [0, 40])
def test_a_day_that_is_not_over_is_refused(
    command: str, ahead: int, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Today is no day yet, and no later one is; the sentence names the last one that is over."""
    today = datetime.now(UTC).date()
    day = today + timedelta(days=ahead)
    said = refused(command.format(day), monkeypatch, capsys)
    assert f"credit_risk has no day {day}: the first is 2024-10-01, and {today - timedelta(days=1)} is the last" in said


def test_a_request_is_an_object(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An object gets as far as the service, which does not run."""
    (home / "request.json").write_text(json.dumps({"amount": 1}))
    command = f"decide credit_risk --request {home}/request.json"
    assert "does not answer" in refused(command, monkeypatch, capsys)


def test_a_home_that_is_a_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sentence names the variable to set."""
    (tmp_path / "home").touch()
    monkeypatch.setenv("LOOPLINE_HOME", str(tmp_path / "home"))
    assert f"LOOPLINE_HOME is {tmp_path}/home, which is not a folder" in refused("status", monkeypatch, capsys)


def test_a_result_is_on_standard_output_as_text_or_as_json(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that `loopline tables PRODUCT | less` shows them, and `--json | jq` reads nothing else."""
    printed = []
    for option in ([], ["--json"]):
        monkeypatch.setattr("sys.argv", ["loopline", "tables", "credit_risk", *option])
        with pytest.raises(SystemExit) as end:
            app.main()
        assert end.value.code in (0, None)
        printed.append(capsys.readouterr())
    text, both = printed
    (row,) = [line for line in text.out.splitlines() if line.startswith("features")]
    assert row.split()[:5] == ["features", "0", "1", "2026-01-01", "1"]
    assert text.err == ""
    assert [table["name"] for table in json.loads(both.out)["tables"]] == ["features"]
    assert row in both.err
