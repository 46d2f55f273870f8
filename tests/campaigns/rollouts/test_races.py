"""Two stewards, a guard and a person over one state: each generation has one winner, no step is lost.

Every day 12 races; with LOOPLINE_CAMPAIGN=1 a thousand. LOOPLINE_CAMPAIGN_SEED gives others.
"""

import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from assets.rollout.by_hand import HandAction
from assets.rollout.moves import NoSuchMove
from tests.campaigns.rollouts.glue_store import BAD, GOOD, PRODUCT, Home, LostRace, step_of
from tests.campaigns.rollouts.oracle import race_faults

CAMPAIGN = os.environ.get("LOOPLINE_CAMPAIGN") == "1"
SEED = int(os.environ.get("LOOPLINE_CAMPAIGN_SEED", "1"))
RACES = 1_000 if CAMPAIGN else 12
# The audit log is read whole at every look: a home for so many races.
RACES_A_HOME = 50
ACTIONS: tuple[HandAction, ...] = ("pause", "promote", "roll_back", "freeze", "advance")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200 if CAMPAIGN else 300)]


def _together(acts: dict[str, Callable[[], None]], delays: list[float]) -> list[str]:
    """Runs all at once, each after its delay; returns what went wrong."""
    barrier, faults = threading.Barrier(len(acts)), []

    def run(name: str, act: Callable[[], None], delay: float) -> None:
        barrier.wait()
        time.sleep(delay)
        try:
            act()
        except (LostRace, NoSuchMove) as error:
            if name != "Ada":
                faults.append(f"{name} was told {error}")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a fault of the race
            faults.append(f"{name}: {error!r}")

    threads = [
        threading.Thread(target=run, args=(name, act, delay))
        for (name, act), delay in zip(acts.items(), delays, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return faults


def _race(home: Home, chance: np.random.Generator, *, locked: bool) -> tuple[list[str], str]:
    """One race; returns its faults, and who won.

    Args:
        locked: Whether stewards and person wait for each other, as commands and Dagster do; else the state alone parts
            them.
    """
    keeper_of = home.keeper if locked else home.moving
    if not home.state.rollout:
        if home.state.hold == "frozen":
            home.person(keeper_of("Ada"), "resume")
        home.person(keeper_of("Ada"), "start")
    home.seen(GOOD)
    before, is_bad = home.state, chance.random() < 0.5
    action: HandAction = "resume" if before.hold != "none" else ACTIONS[int(chance.integers(len(ACTIONS)))]
    home.writes.clear()

    def watch() -> None:
        if is_bad:
            home.seen(BAD)
        home.guard(home.keeper("guard"), looks=20 if is_bad else 1)

    # Made beforehand, so that the threads begin with the state.
    one, two, ada = (keeper_of(name) for name in ("steward one", "steward two", "Ada"))
    acts: dict[str, Callable[[], None]] = {
        "steward one": lambda: home.steward(one), "steward two": lambda: home.steward(two),
        "Ada": lambda: home.person(ada, action), "guard": watch,
    }  # fmt: skip
    faults = _together(acts, (chance.random(4) * 0.01).tolist())
    keeper = home.keeper("steward one")
    with keeper.tracking.alone(PRODUCT):
        keeper.follow(PRODUCT)
    after, won = home.state, [write for write in home.writes if write.won]
    moves = {move.generation: move.action for move in after.moves}
    entries = [entry for entry in home.audited() if before.generation < entry[0]]
    faults += race_faults(
        home.writes, before.generation, after.generation, step_of(after), entries,
        {(write.read + 1, moves[write.read + 1]) for write in won},
    )  # fmt: skip
    if is_bad and after.rollout == before.rollout:
        faults.append(f"the guard saw errors, and {step_of(after)} goes on")
    lost = Counter(write.by for write in home.writes if not write.won)
    return faults, f"{won[0].by if won else 'nobody'} first, {len(won)} moves, {sum(lost.values())} lost"


def test_each_race_has_one_winner_and_no_step_is_lost(tmp_path: Path) -> None:
    chance, faults, told = np.random.default_rng(SEED), [], Counter[str]()
    home = Home.made(tmp_path / "home-0")
    for number in range(RACES):
        if number and number % RACES_A_HOME == 0:
            home = Home.made(tmp_path / f"home-{number}")
        found, winner = _race(home, chance, locked=number % 5 == 0)
        faults += [f"race {number}: {fault}" for fault in found]
        told[winner] += 1
    print("\n" + "\n".join(f"{count:>5} {text}" for text, count in told.most_common()))
    assert faults == []
