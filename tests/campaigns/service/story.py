"""What happens to the live bundle while requests go on: swaps, damaged bundles, rollbacks by guard and by hand.

Belongs here: the moves, their order, what each waits for. Does not belong here: requests (`traffic.py`), whether every
promise was kept (`judge.py`).
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Literal

from assets.product import Guard, Step
from tests.campaigns.service.home import PRODUCT, SHARES, Home, policy
from tests.campaigns.service.planted import DAMAGES, failing, slow
from tests.support.processes.in_process import answer_of

Move = Literal[
    "swap", "grow", "damaged champion", "damaged challenger", "errors", "latency", "challenger by hand",
    "champion by hand",
]  # fmt: skip
_SLOW_WIDTH = 1_400
"""Some 25 ms of processor time, which a twentieth of the requests at half the capacity can have."""
_SLOW_SHARE = 0.05
_SLOW_MS = 10.0
_TAKEN_OUT_SECONDS = 90.0
_LAST_BYTES = 500_000
_METRIC = f'loopline_bundle_load_failures_total{{product="{PRODUCT}"}}'


@dataclass
class Story:
    """Tells some moves in an order of chance, each within its part of the time.

    Attributes:
        file: What the clients note.
        swapped: For each change of the champion when it was on disk (seconds since 1970), and the new digest.
        taken_out: Seconds from the start of a rollout to the guard's rollback, by what was planted.
    """

    home: Home
    seed: int
    file: Path
    swapped: list[tuple[float, str]] = field(default_factory=list)
    taken_out: list[tuple[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._chance = Random(self.seed)
        self._damages = list(DAMAGES)
        self._chance.shuffle(self._damages)

    def tell(self, counts: Mapping[Move, int], seconds: float) -> None:
        """The first move is a swap, so that there is a champion to go back to."""
        moves = [move for move, count in counts.items() for _ in range(count)]
        moves.remove("swap")
        self._chance.shuffle(moves)
        begun = time.monotonic()
        for number, move in enumerate(("swap", *moves), start=1):
            self._moves()[move]()
            left = begun + seconds * number / (len(moves) + 1) - time.monotonic()
            time.sleep(max(left, 0.2))

    def _moves(self) -> Mapping[Move, Callable[[], None]]:
        return {
            "swap": self._swap,
            "grow": self._grow,
            "damaged champion": self._damaged_champion,
            "damaged challenger": self._damaged_challenger,
            "errors": partial(self._planted, "errors"),
            "latency": partial(self._planted, "latency"),
            "challenger by hand": self._challenger_by_hand,
            "champion by hand": self._champion_by_hand,
        }

    def _followed(self) -> None:
        self.home.wait_until(self.home.is_followed, f"every process follows state {self.home.state.generation}")

    def _swap(self) -> None:
        release = self.home.publish()
        self.swapped.append((self.home.promote(release), release.digest))
        self._followed()

    def _grow(self) -> None:
        """A version has each share in turn, and decides alone at last."""
        release = self.home.publish()
        self.home.begin((release,), policy())
        self._followed()
        for _ in SHARES[1:]:
            time.sleep(0.5)
            self.home.advance()
            self._followed()
        time.sleep(0.5)
        self.swapped.append((self.home.promote(release), release.digest))
        self._followed()

    def _damaged(self) -> Callable[[], bool]:
        """Publishes a damaged version; what is returned says whether every process has refused it since."""
        before = [_failures(service.get("/metrics")[1]) for service in self.home.services]
        how = self._damages[0]
        self._damages.append(self._damages.pop(0))
        self._damaged_release = self.home.publish_damaged(how, self._chance)
        return lambda: all(
            _failures(service.get("/metrics")[1]) > count
            for service, count in zip(self.home.services, before, strict=True)
        )

    def _damaged_champion(self) -> None:
        refused, kept = self._damaged(), self.home.state.champion
        self.home.promote(self._damaged_release)
        self.home.wait_until(refused, "every process refuses the damaged champion")
        self._by_hand()
        assert self.home.state.champion == kept

    def _damaged_challenger(self) -> None:
        refused = self._damaged()
        self.home.begin((self._damaged_release,), policy())
        self.home.wait_until(refused, "every process refuses the damaged challenger")
        self._by_hand()

    def _planted(self, kind: Literal["errors", "latency"]) -> None:
        """A challenger that is bad; the guard alone takes it out."""
        if kind == "errors":
            release = self.home.publish(failing)
            rollout = policy(steps=(Step(0.5, 10**7, timedelta(0)),))
        else:
            release = self.home.publish(partial(slow, width=_SLOW_WIDTH))
            rollout = policy(
                steps=(Step(_SLOW_SHARE, 10**7, timedelta(0)),), guards=(Guard("latency", 2.0),),
                latency_ms=max(_SLOW_MS, self._usual_ms()),
            )  # fmt: skip
        begun = self.home.begin((release,), rollout)
        self.home.wait_until(lambda: not self.home.state.rollout, f"the guard sees the {kind}", _TAKEN_OUT_SECONDS)
        self.taken_out.append((kind, self.home.note() - begun))
        move = self.home.state.move
        assert (move.action, move.by, move.version) == ("roll_back", "guard", release.version), move
        self._followed()

    def _usual_ms(self) -> float:
        """What nine of ten of the last requests took at most: a busy machine is slow without any fault."""
        with self.file.open("rb") as file:
            file.seek(max(0, self.file.stat().st_size - _LAST_BYTES))
            lines = file.read().split(b"\n")[1:-1]
        taken = sorted(float(line.split(b"\t")[3]) for line in lines)
        return taken[len(taken) * 9 // 10] if taken else 0.0

    def _challenger_by_hand(self) -> None:
        self.home.begin((self.home.publish(),), policy())
        self._followed()
        self._by_hand()

    def _champion_by_hand(self) -> None:
        former = self.home.state.former[0]
        self._by_hand()
        assert self.home.state.champion == former
        self.swapped.append((self.home.state.updated_at.timestamp(), former.digest))

    def _by_hand(self) -> None:
        variables = {"LOOPLINE_HOME": str(self.home.workspace.environment.home)}
        answer = answer_of(["rollback", PRODUCT, "--by", "Ann", "--reason", "a test", "--json"], variables)
        assert answer.status == 0, answer.people
        self.home.note()
        assert (self.home.state.rollout, self.home.state.move.by) == ("", "Ann")
        self._followed()


def _failures(metrics: str) -> float:
    found = [line for line in metrics.splitlines() if line.startswith(_METRIC)]
    return float(found[0].split()[-1]) if found else 0.0
