"""State, aliases, audit log and service agree after an end at every durable write of a rollout.

Every day every third write ends by an exception; with LOOPLINE_CAMPAIGN=1 every write, by an exception and by kill -9.
A repair completes the one half, a look of the steward the other.
"""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.campaigns.rollouts.glue_store import PRODUCT, Home, roles
from tests.campaigns.rollouts.interruptions import Killed, Sequence, ended_before, raise_killed, rest, run
from tests.campaigns.rollouts.oracle import agreement_faults

CAMPAIGN = os.environ.get("LOOPLINE_CAMPAIGN") == "1"
_MOST_WRITES = 60
ACTIONS = {"promotion": ["start", "advance", "advance", "promote"], "rollback": ["start", "roll_back"]}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200 if CAMPAIGN else 300)]


def _disagreement(home: Home) -> list[str]:
    state, watcher = home.state, home.watcher()
    others = home.records(watcher)
    serves = {engine.bundle.version for _, engine in watcher.live[PRODUCT].engines()}
    generations = list(range(1, state.generation + 1))
    watcher.close()
    return agreement_faults(
        roles(state), generations, others, [generation for generation, _ in home.audited()], serves
    )  # fmt: skip


def _completed(home: Home, sequence: Sequence, write: int, before: int) -> list[str]:
    """Completes what was interrupted; returns the faults."""
    champion = home.state.champion.version
    if write % 2:
        keeper = home.keeper("repair")
        with keeper.tracking.alone(PRODUCT):
            keeper.repair(PRODUCT, at=datetime.now(UTC))
    else:
        home.steward(home.keeper("steward"))
    faults = [f"after the repair: {fault}" for fault in _disagreement(home)]
    begun, is_over = home.state.generation > before, not home.state.rollout
    if not begun:
        run(home, sequence)
    elif not is_over:
        rest(home, sequence)
    faults += [f"at the end: {fault}" for fault in _disagreement(home)]
    done = [action for generation, action in sorted(home.audited()) if generation > before]
    if done != ACTIONS[sequence]:
        faults.append(f"done was {done}, from champion {champion}")
    return faults


@pytest.mark.parametrize("sequence", ["promotion", "rollback"])
def test_a_rollout_goes_on_after_an_exception_at_any_write(tmp_path: Path, sequence: Sequence) -> None:
    home, faults, names = Home.made(tmp_path / "home"), [], []
    for write in range(1, _MOST_WRITES, 1 if CAMPAIGN else 3):
        before = home.state.generation
        try:
            with ended_before(write, raise_killed) as names:
                run(home, sequence)
            break
        except Killed:
            faults += [
                f"{sequence}, before write {write} ({names[-1]}): {fault}"
                for fault in _completed(home, sequence, write, before)
            ]
    print(f"\n{sequence}: {len(names)} writes: {' '.join(names)}")
    assert len(names) < write, "not all writes were interrupted"
    assert faults == []


@pytest.mark.skipif(not CAMPAIGN, reason="a process for each write")
@pytest.mark.parametrize("sequence", ["promotion", "rollback"])
def test_a_rollout_goes_on_after_kill_9_at_any_write(tmp_path: Path, sequence: Sequence) -> None:
    home, faults, ended = Home.made(tmp_path / "home"), [], False
    for write in range(1, _MOST_WRITES):
        before = home.state.generation
        command = [
            sys.executable,
            "-m",
            "tests.campaigns.rollouts.interruptions",
            str(home.place),
            sequence,
            str(write),
        ]
        process = subprocess.run(command, capture_output=True, text=True, check=False)
        ended = process.returncode == 0
        if ended:
            break
        assert process.returncode == -9, process.stderr
        faults += [f"{sequence}, write {write}: {fault}" for fault in _completed(home, sequence, write, before)]
    assert ended, "not all writes were interrupted"
    assert faults == []
