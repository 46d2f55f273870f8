"""A shadow that fails as often as the champion is equal to it, whichever requests they fail on.

Over HTTP in this process, every day: the real guard notes what the service answered and what the shadow did.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.models.serving_samples import PRODUCT, REQUEST, sample_parts
from tests.unit.serving.http.test_guard import Trial
from tests.unit.serving.http.test_routes import started

REQUESTS = 240
FAILS = 0.25

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Trial]:
    with started(tmp_path / "home", sample_parts("1", rounds=3)) as served:
        yield Trial(served)


def _flaky(decide: Callable[..., Any], chance: np.random.Generator) -> Callable[..., Any]:
    def call(*args: Any, **terms: Any) -> Any:
        if chance.random() < FAILS:
            raise MemoryError("a fault that comes and goes")
        return decide(*args, **terms)

    return call


def test_a_shadow_that_fails_as_often_as_the_champion_is_left_alone(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial.begin(sample_parts("2", rounds=3), canary=False)
    live = trial.served.app.state.application.live[PRODUCT]
    for engine, seed in ((live.champion, 1), (live.shadow, 2)):
        monkeypatch.setattr(engine, "decide", _flaky(engine.decide, np.random.default_rng(seed)))
    statuses = [
        trial.served.post("/decide", {"product": PRODUCT, "request": REQUEST | {"customer_id": f"E{number}"}})[0]
        for number in range(REQUESTS)
    ]
    assert 0.5 * FAILS < sum(status == 500 for status in statuses) / REQUESTS < 1.5 * FAILS
    # The guard looks once a second.
    time.sleep(3)
    assert trial.state.rollout, trial.state.reason
