"""The commands over what is recorded: their results, and what a person gets wrong."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.serving.decision import Decision, new_id
from assets.serving.log.writer import DecisionLog
from pipelines.cli import app
from resources.environments import Environment
from resources.lake import Lake
from tests.unit.pipelines.cli.conftest import DAYS, Refused, use

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DECISION = Decision(
    id=new_id(NOW), product="credit_risk", bundle="3", digest="ab" * 32, row_id=17, keys={"customer_id": "C1"},
    as_of=NOW, decided_at=NOW, score=0.3, outcome="decline", threshold=0.25, reasons=(), inputs={}, features={},
    store_version="v7",
)  # fmt: skip


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("export credit_risk features {0}/none/x.parquet", "there is no folder"),
        ("export credit_risk features {0}/folder", "is a folder; name a file in it"),
        ("export credit_risk features {0}/x.parquet --version 9", "has versions 0 to 0, not 9"),
        ("export credit_risk features {0}/x.parquet --as-of yesterday", "write a time, such as 2026-03-01T12:00:00Z"),
        (
            "export credit_risk features {0}/x.parquet --as-of 2020-01-01",
            "no version at 2020-01-01T00:00:00",
        ),
        ("export credit_risk features {0}/x.parquet --as-of 2026-01-01 --version 0", "give one of them"),
        ("export credit_risk gone {0}/x.parquet", "table credit_risk/gone does not exist"),
        ("export nothing features {0}/x.parquet", "there is no product 'nothing'"),
        ("features", "name a product, or a word that all are searched for: --search WORD"),
        ("features credit_risk --search card", "--search goes through all products: give it alone"),
        ("tables nothing", "there is no product 'nothing'"),
        ("replay credit_risk --day 2026-01-01 --decision x", "--day and --decision: give one of them"),
    ],
)
@pytest.mark.usefixtures("environment")
def test_a_mistake_is_one_sentence(command: str, said: str, tmp_path: Path, refused: Refused) -> None:
    """The sentence names the thing, its value and what would be right."""
    (tmp_path / "folder").mkdir()
    assert said in refused(command.format(tmp_path))


def test_an_online_store_without_an_address_is_one_sentence(
    environment: Environment, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A StoreError on its way through a command."""
    use(environment.model_copy(update={"online_store": "ftp://store"}), monkeypatch)
    log = DecisionLog(environment.decision_log)
    log.append(DECISION).result(5)
    log.close()
    said = refused(f"replay credit_risk --decision {DECISION.id}")
    assert said == "✗ online store 'ftp://store' is not an address; write lmdb:///folder or redis://host:port/db\n"


@pytest.mark.usefixtures("environment")
def test_a_result_is_on_standard_output_as_text_or_as_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
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


def test_a_table_is_exported_as_of_a_time(
    environment: Environment, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later version does not show in an earlier one."""
    time.sleep(0.01)
    between = datetime.now(UTC)
    time.sleep(0.01)
    table = pa.table({"id": [1, 2], "day": pa.array(DAYS * 2, pa.date32())})
    Lake(environment.lake).replace("credit_risk/features", table, days=DAYS)
    found = []
    for moment in (between, datetime.now(UTC)):
        file = tmp_path / "x.parquet"
        command = ["loopline", "export", "credit_risk", "features", str(file), "--as-of", moment.isoformat(), "--json"]
        monkeypatch.setattr("sys.argv", command)
        with pytest.raises(SystemExit):
            app.main()
        found.append((json.loads(capsys.readouterr().out)["version"], pq.read_table(file).num_rows))
    assert found == [(0, 1), (1, 2)]
