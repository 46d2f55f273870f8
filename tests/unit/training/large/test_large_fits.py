"""Large fits: in Spark tasks equal to a local one within tolerance; a killed fit ends as a whole one."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import xgboost as xgb

from assets.product import Amount, ProductError, Scale
from assets.training.fitting.boosting import fixed_parameters
from assets.training.large.checkpoints import checkpointed_fit
from assets.training.large.fits import LargeFits
from assets.training.search.space import DEFAULTS
from assets.training.targets import train_model
from resources.environments import CHECKOUT
from resources.spark.sessions import SparkSessions
from tests.support.claim_rows import GAMMA, claim_rows, spec_of, split_of

ROUNDS = 30
ROWS = claim_rows(1_500)


def parameters() -> dict[str, object]:
    return {**fixed_parameters(ROWS, spec_of()), **DEFAULTS}


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSessions]:
    sessions = SparkSessions("local[2]", tmp_path_factory.mktemp("spark"))
    yield sessions
    sessions.stop()


def test_a_model_of_many_rows_is_fitted_in_spark_tasks_and_is_the_local_one_within_tolerance(
    spark: SparkSessions, tmp_path: Path
) -> None:
    split, large = split_of(ROWS), LargeFits(spark.session, tmp_path)
    alone = {"candidates": ("xgboost",)}
    local = train_model(ROWS, split, spec_of(**alone))
    one, two = (
        train_model(
            ROWS, split, spec_of(**alone, scale=Scale(spark_rows=100, spark_workers=workers)), large=large
        ).boosted
        for workers in (1, 2)
    )
    test = ROWS.matrix[split.test]
    wanted = local.boosted.predict(test)
    np.testing.assert_allclose(one.predict(test), wanted, rtol=1e-5)
    # Two tasks merge their sketches: some thresholds differ, and rows near them.
    assert float(np.median(np.abs(two.predict(test) / wanted - 1.0))) < 0.05
    assert one.booster.attributes() == {}
    assert one.booster.feature_names is None


def test_fewer_rows_than_the_policy_says_need_no_session(tmp_path: Path) -> None:
    def refused() -> object:
        raise AssertionError("no session is needed")

    large = LargeFits(refused, tmp_path)  # type: ignore[arg-type]
    spec = spec_of(candidates=("xgboost",), scale=Scale(spark_rows=len(ROWS)))
    found = train_model(ROWS, split_of(ROWS), spec, large=large)
    assert found.choice.chosen == "xgboost"


def test_a_fit_that_is_killed_goes_on_to_the_model_of_a_whole_one(tmp_path: Path) -> None:
    whole = checkpointed_fit(None, 4, parameters(), ROWS.matrix, ROWS.amounts, ROUNDS)
    script = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "from assets.training.large import checkpoints\n"
        "from tests.unit.training.large.test_large_fits import ROUNDS, ROWS, parameters\n"
        "kept = checkpoints.replace_file\n"
        "def write(file, content, *, mode):\n"
        "    kept(file, content, mode=mode)\n"
        "    write.times += 1\n"
        "    if write.times == 3:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "write.times = 0\n"
        "checkpoints.replace_file = write\n"
        f"place = Path({str(tmp_path)!r})\n"
        "checkpoints.checkpointed_fit(place, 4, parameters(), ROWS.matrix, ROWS.amounts, ROUNDS)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": str(CHECKOUT)}, cwd=CHECKOUT, check=False
    )
    assert done.returncode == -signal.SIGKILL
    (file,) = tmp_path.iterdir()
    assert xgb.Booster(model_file=bytearray(file.read_bytes())).num_boosted_rounds() == 12
    gone_on = checkpointed_fit(tmp_path, 4, parameters(), ROWS.matrix, ROWS.amounts, ROUNDS)
    assert bytes(gone_on.save_raw("ubj")) == bytes(whole.save_raw("ubj"))
    assert gone_on.num_boosted_rounds() == ROUNDS


def test_other_rows_do_not_go_on_with_a_checkpoint(tmp_path: Path) -> None:
    checkpointed_fit(tmp_path, 4, parameters(), ROWS.matrix, ROWS.amounts, 4)
    checkpointed_fit(tmp_path, 4, parameters(), ROWS.matrix, ROWS.amounts + 1.0, 4)
    assert len(list(tmp_path.iterdir())) == 2


def test_rebuilding_a_fit_with_checkpoints_needs_no_folder_and_gives_its_bytes(tmp_path: Path) -> None:
    spec, split = spec_of(candidates=("xgboost",), scale=Scale(checkpoint_rounds=5)), split_of(ROWS)
    large = LargeFits(lambda: pytest.fail("no session is needed"), tmp_path)
    made, again = train_model(ROWS, split, spec, large=large), train_model(ROWS, split, spec)
    assert list(tmp_path.iterdir())
    assert made.boosted.booster.save_raw("ubj") == again.boosted.booster.save_raw("ubj")


@pytest.mark.parametrize(
    ("scale", "word"),
    [
        (Scale(spark_rows=0), "spark_rows"), (Scale(spark_workers=0), "spark_workers"),
        (Scale(checkpoint_rounds=0), "checkpoint_rounds"),
    ],
)  # fmt: skip
def test_a_senseless_policy_is_refused(scale: Scale, word: str) -> None:
    with pytest.raises(ProductError, match=word):
        spec_of(GAMMA, scale=scale)


def test_a_target_is_a_declared_one() -> None:
    with pytest.raises(ProductError, match="unit is empty"):
        spec_of(Amount(unit=""))
