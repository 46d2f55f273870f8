"""Days that are validated in Spark tasks have the tables, verdicts and hashes of days that one process holds."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from assets.validation.publication import Publication
from resources.lake import Lake
from resources.lake.delta import CONTENT
from tests.support.data.large_day_samples import DAYS, contract, held, lake_in, large
from tests.support.data.large_runs import fill, run
from tests.support.processes.killing import CAMPAIGN

pytestmark = pytest.mark.slow


def written(lake: Lake, way: str, publication: Publication) -> dict[str, object]:
    """All that a run leaves behind."""
    publication.quarantine({})
    allowed = publication.allow()
    allowed.publish({})
    names = (f"{way}/quarantine_t", f"{way}/validated_t")
    return {
        "days": publication.outcome.days,
        "failed_by_rule": list(publication.outcome.failed_by_rule.items()),
        "withheld": allowed.withheld,
        "balances": allowed.balances,
        "tables": [lake.read(name).to_pylist() for name in names],
        "schemas": [lake.schema(name) for name in names],
        "contents": [lake.history(name, 1)[0][CONTENT] for name in names],
    }


@pytest.mark.parametrize("block_rows", [25, 60] if CAMPAIGN else [25])
def test_blocks_of_any_size_give_what_one_process_gives(spark: SparkSession, tmp_path: Path, block_rows: int) -> None:
    """Rows of one key, and values that must be unique, lie in different blocks; some blocks have no valid row."""
    lake = lake_in(tmp_path, 90)
    expected = written(lake, "held", held(lake, contract()))
    assert len(dict(expected["failed_by_rule"])) > 20  # type: ignore[call-overload]
    assert 0 < lake.read("held/validated_t").num_rows < 100
    assert expected["withheld"]
    one_by_one = written(lake, "held", held(lake, contract(), at_once=False))
    assert dict(one_by_one.pop("failed_by_rule")) == dict(expected["failed_by_rule"])  # type: ignore[call-overload]
    assert one_by_one == {name: expected[name] for name in one_by_one}
    found = written(lake, "large", large(lake, contract(), spark, block_rows))
    for name, value in expected.items():
        assert found[name] == value, name


def test_a_blocked_day_is_blocked_in_tasks_too(spark: SparkSession, tmp_path: Path) -> None:
    terms = contract(max_quarantined=0.1, volume=None, distribution=None, freshness=None, expectations=())
    lake = lake_in(tmp_path, 40)
    outcome = large(lake, terms, spark, 30).outcome
    assert outcome.blocked == held(lake, terms).outcome.blocked
    assert [day.day for day in outcome.blocked] == list(DAYS)


def test_a_run_of_many_bytes_takes_the_way_through_spark(spark: SparkSession, tmp_path: Path) -> None:
    """The assets choose by the size of the files; the log names the same contents either way."""
    fill(tmp_path, 300)
    lake = Lake(str(tmp_path / "lake"))
    expected = run(tmp_path, "local[2]", large_bytes=2**40)
    assert len(lake.files("card_fraud/scores")) == 2
    held_rows = lake.read("card_fraud/scores")
    assert run(tmp_path, "local[2]", large_bytes=1) == expected
    assert lake.read("card_fraud/scores").equals(held_rows)
    assert lake.files("card_fraud/scores")[0].path.split("/")[1].startswith("day=")
