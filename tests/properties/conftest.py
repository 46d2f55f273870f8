"""Number of examples, and the Spark session that tests share.

`LOOPLINE_CAMPAIGN=1` tests each property on ten thousand examples, otherwise on a few dozen.
"""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from pyspark.sql import SparkSession

from resources.spark.sessions import SparkSessions

settings.register_profile(
    "everyday", max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "campaign", max_examples=10_000, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("campaign" if os.environ.get("LOOPLINE_CAMPAIGN") == "1" else "everyday")


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """A session of two local cores."""
    sessions = SparkSessions("local[2]", tmp_path_factory.mktemp("spark"))
    yield sessions.session()
    sessions.stop()
