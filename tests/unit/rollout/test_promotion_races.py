"""Two promotions at the same moment: one of them wins, and the audit log has every change and no other."""

import threading
from pathlib import Path

from assets.rollout.moves import Who, promoted
from resources.rollout_store.manifest import LostRace, Release
from tests.support.models.evaluated_bundle import NOW
from tests.support.models.registered import RegisteredHome

RACES = 100


def test_of_a_hundred_races_each_has_one_winner_and_one_entry(tmp_path: Path) -> None:
    home = RegisteredHome(tmp_path / "home")
    releases = [home.register(), home.register(compared_with="1"), home.register(compared_with="1")]
    home.move(releases[0])
    home.keeper.follow("loans")
    winners: list[str] = []
    for number in range(RACES):
        won, lost = race(home, number, releases)
        assert (len(won), len(lost)) == (1, 1)
        winners += won
    home.keeper.follow("loans")
    state, moves = home.keeper.state("loans"), home.audit
    assert state is not None
    assert [entry.details["generation"] for entry in moves] == list(range(1, RACES + 2))
    assert [entry.actor for entry in moves[1:]] == winners
    assert (state.generation, home.alias) == (RACES + 1, state.champion.version)
    assert home.keeper.audit.verify() == RACES + 1 + len(releases), "the registrations too"


def race(home: RegisteredHome, number: int, releases: list[Release]) -> tuple[list[str], list[str]]:
    """Two people read the same state, and each promotes another version."""
    state = home.keeper.state("loans")
    assert state is not None
    others = [release for release in releases if release != state.champion][:2]
    barrier, won, lost = threading.Barrier(2), list[str](), list[str]()

    def promote(name: str, index: int) -> None:
        keeper, next_state = home.keeper, promoted(state, Who(name, "mine is better", NOW), others[index])
        barrier.wait()
        try:
            keeper.apply(next_state)
        except LostRace:
            lost.append(name)
        else:
            won.append(name)
            keeper.record(next_state)

    threads = [
        threading.Thread(target=promote, args=(f"{who} {number}", index)) for index, who in enumerate(("Ada", "Bea"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return won, lost
