"""Game days of a year and of two, of as many seeds as are asked for: hours, so only where `LOOPLINE_GAME_SEEDS` is set.

`LOOPLINE_GAME_SEEDS=1,2,3 LOOPLINE_CAMPAIGN=1 pytest -s tests/campaigns/test_game_days.py`; page and JSON of each go to
`LOOPLINE_GAME_PAGES`, by default to the test's own folder. One alone on a machine of two cores takes three quarters of
an hour, and the time of a busy machine says nothing.
"""

import json
import os
from pathlib import Path

import pytest

from pipelines.operations.gameday.apart import play_scenario
from pipelines.operations.gameday.page import to_html
from pipelines.operations.gameday.scenarios import scenario_of
from tests.support.processes.killing import CAMPAIGN
from tests.support.servers.ports import free_ports

SEEDS = [int(text) for text in os.environ.get("LOOPLINE_GAME_SEEDS", "").split(",") if text]

pytestmark = [
    pytest.mark.timeout(4 * 3600),
    pytest.mark.skipif(not (CAMPAIGN and SEEDS), reason="hours; LOOPLINE_CAMPAIGN=1 LOOPLINE_GAME_SEEDS=1,2,3"),
]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ["two_years", "quiet"])
def test_a_game_day_holds(name: str, seed: int, tmp_path: Path) -> None:
    variables = {"LOOPLINE_PORT_BASE": str(free_ports(10))}
    report = play_scenario(scenario_of(name), seed, tmp_path / "home", variables, print)
    place = Path(os.environ.get("LOOPLINE_GAME_PAGES", tmp_path))
    (place / f"{name}-{seed}.html").write_text(to_html(report))
    (place / f"{name}-{seed}.json").write_text(json.dumps(report.to_dict(), indent=1))
    missed = [(str(one.incident.day), one.incident.name, one.verdict) for one in report.timeline.judged
              if one.verdict != "right"]  # fmt: skip
    print(f"{name} of seed {seed}: {report.seconds / 60:.1f} minutes, {report.cpu_seconds / 60:.1f} of processor")
    assert not missed
    assert not report.shortfalls
