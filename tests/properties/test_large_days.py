"""Days that are validated in Spark tasks have the tables, verdicts and hashes of days that one process holds."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from assets.validation.publication import Publication
from resources.lake import Lake
from resources.lake.delta import CONTENT
from tests.properties.large_day_samples import DAYS, KEY, consents, contract, held, lake_in, large

pytestmark = pytest.mark.slow


def written(lake: Lake, way: str, publication: Publication) -> dict[str, object]:
    """All that a run leaves behind."""
    publication.quarantine({})
    allowed = publication.allow(KEY, consents())
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


@pytest.mark.parametrize("block_rows", [25, 60])
def test_blocks_of_any_size_give_what_one_process_gives(spark: SparkSession, tmp_path: Path, block_rows: int) -> None:
    """Rows of one key, and values that must be unique, lie in different blocks; some blocks have no valid row."""
    lake = lake_in(tmp_path, 90)
    expected = written(lake, "held", held(lake, contract()))
    assert len(dict(expected["failed_by_rule"])) > 20  # type: ignore[call-overload]
    assert 0 < lake.read("held/validated_t").num_rows < 100
    assert expected["withheld"]
    found = written(lake, "large", large(lake, contract(), spark, block_rows))
    for name, value in expected.items():
        assert found[name] == value, name


def test_a_blocked_day_is_blocked_in_tasks_too(spark: SparkSession, tmp_path: Path) -> None:
    terms = contract(max_quarantined=0.1, volume=None, distribution=None, freshness=None, expectations=())
    lake = lake_in(tmp_path, 40)
    outcome = large(lake, terms, spark, 30).outcome
    assert outcome.blocked == held(lake, terms).outcome.blocked
    assert [day.day for day in outcome.blocked] == list(DAYS)
