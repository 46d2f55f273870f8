"""Training on a Spark cluster of two workers: the model of a local fit within tolerance, and the same one again."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from assets.product import Scale
from assets.training.fitting.export import booster_bytes, export_onnx
from assets.training.large.fits import LargeFits
from assets.training.targets import train_model
from resources.spark.sessions import SparkSessions
from tests.support.claim_rows import claim_rows, spec_of, split_of
from tests.support.servers.spark_cluster import spark_cluster

pytestmark = pytest.mark.skipif(os.environ.get("LOOPLINE_CAMPAIGN") != "1", reason="minutes; run: make campaign")


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSessions]:
    """Two workers of one core each."""
    with spark_cluster(tmp_path_factory.mktemp("cluster"), workers=2, cores=1) as cluster:
        sessions = SparkSessions(cluster.master, tmp_path_factory.mktemp("home"))
        yield sessions
        sessions.stop()


@pytest.mark.timeout(900)
def test_a_cluster_fits_the_model_of_one_machine_within_tolerance(sessions: SparkSessions, tmp_path: Path) -> None:
    rows = claim_rows(60_000)
    split, alone = split_of(rows), {"candidates": ("xgboost",), "trials": 1}
    test = rows.matrix[split.test]
    local = train_model(rows, split, spec_of(**alone)).boosted.predict(test)
    large = LargeFits(sessions.session, tmp_path)
    one, two, again = (
        train_model(
            rows, split, spec_of(**alone, scale=Scale(spark_rows=1_000, spark_workers=workers)), large=large
        ).boosted
        for workers in (1, 2, 2)
    )
    np.testing.assert_allclose(one.predict(test), local, rtol=1e-5)
    away = np.abs(two.predict(test) / local - 1.0)
    print({"median": float(np.median(away)), "largest": float(away.max())})
    assert float(np.median(away)) < 0.02
    assert booster_bytes(two.booster) == booster_bytes(again.booster)
    assert export_onnx(two.booster, test[:500])
