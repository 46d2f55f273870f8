"""Power cuts at any moment of the decision log's writing: what was acknowledged is there, once, and the log goes on.

The cuts hit a disk with a cache (`cached_disk.py`), of which any part may be lost. Every day a hundred cuts; with
LOOPLINE_CAMPAIGN=1 ten thousand. LOOPLINE_CAMPAIGN_SEED gives others.
"""

import os
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from assets.serving.decision import Decision
from assets.serving.log.decision_log import scan_day
from assets.serving.log.writer import DecisionLog, DecisionLogError
from tests.campaigns.service.cached_disk import CachedDisk
from tests.support.models.decision_samples import DAY, another

CAMPAIGN = os.environ.get("LOOPLINE_CAMPAIGN") == "1"
SEED = int(os.environ.get("LOOPLINE_CAMPAIGN_SEED", "1"))
RUNS = 200 if CAMPAIGN else 2
CUTS, BURSTS, LONGEST_BURST = 12, 25, 12
PRODUCT = "credit_risk"
_ID = re.compile(rb'"decision_id":"([0-9a-f-]+)"[^\n]*\n')

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200 if CAMPAIGN else 300)]


@dataclass
class Cut:
    """A power cut.

    Attributes:
        place: The log as the machine finds it when it is on again.
        acknowledged: The decisions whose callers had been answered.
        held: Those whose whole lines an honest sync had brought to the disk.
    """

    place: Path
    acknowledged: frozenset[str]
    held: frozenset[str]


@dataclass
class Run:
    """A log over such a disk, and the power cuts that hit it."""

    folder: Path
    chance: Random
    disk: CachedDisk
    acknowledged: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    cuts: list[Cut] = field(default_factory=list)

    @classmethod
    def of(cls, folder: Path, seed: str, **rates: float) -> "Run":
        chance = Random(seed)
        return cls(folder, chance, CachedDisk(folder / "log", chance, **rates))

    def write(self) -> None:
        """Bursts of decisions; each change of the disk may be the last one before a power cut."""
        self.disk.before_each = self._perhaps_cut
        log = DecisionLog(self.disk.folder, opener=self.disk.open)
        for _ in range(BURSTS):
            burst = [another() for _ in range(self.chance.randint(1, LONGEST_BURST))]
            futures = [(decision, log.append(decision)) for decision in burst]
            for decision, logged in futures:
                logged.add_done_callback(lambda done, name=decision.id: self._note(name, done.exception()))
            for _, logged in futures:
                logged.exception(20)
        log.close()

    def _note(self, name: str, failure: BaseException | None) -> None:
        assert failure is None or isinstance(failure, DecisionLogError), failure
        (self.acknowledged if failure is None else self.refused).add(name)

    def _perhaps_cut(self) -> None:
        if len(self.cuts) < CUTS and self.chance.random() < 0.15:
            place = self.folder / f"cut-{len(self.cuts)}"
            acknowledged = frozenset(self.acknowledged)
            held = frozenset(name.decode() for name in _ID.findall(self.disk.on_disk()))
            self.disk.after_power_cut(place)
            self.cuts.append(Cut(place, acknowledged, held))


def read(place: Path) -> list[Decision]:
    return list(scan_day(place, PRODUCT, DAY).decisions)


def faults_of(cut: Cut, wanted: frozenset[str]) -> list[str]:
    """What is wrong with the log when the machine is on again, and once it was written to anew."""
    found = Counter(decision.id for decision in read(cut.place))
    faults = [f"{name} is there {count} times" for name, count in found.items() if count > 1]
    faults += [f"{name} is missing" for name in wanted - set(found)]
    log = DecisionLog(cut.place)
    later = [another() for _ in range(3)]
    for decision in later:
        log.append(decision).result(5)
    log.close()
    after = read(cut.place)
    if {one.id for one in after} != set(found) | {one.id for one in later} or len(after) != len(found) + len(later):
        faults.append("what was written after the restart changed what is read")
    return faults


@pytest.mark.parametrize(
    "rates",
    [{}, {"short": 0.3}, {"failing": 0.2}, {"failing": 0.2, "short": 0.3}],
    ids=["honest", "short", "failing", "both"],
)
def test_what_was_acknowledged_survives_every_power_cut(tmp_path: Path, rates: dict[str, float]) -> None:
    cuts = refused = 0
    for number in range(RUNS):
        run = Run.of(tmp_path / str(number), f"{SEED} {number} {sorted(rates)}", **rates)
        run.write()
        assert run.acknowledged
        for cut in run.cuts:
            assert faults_of(cut, cut.acknowledged) == [], f"run {number}, {cut.place}"
        cuts, refused = cuts + len(run.cuts), refused + len(run.refused)
        assert {one.id for one in read(run.disk.folder)} == run.acknowledged, "the log without any power cut"
    assert cuts >= 5 * RUNS
    if CAMPAIGN:
        assert bool(refused) is ("failing" in rates), "a write that fails twice is refused, and no other"


def test_a_disk_that_lies_costs_what_it_lied_about_and_nothing_else(tmp_path: Path) -> None:
    """No log can answer for such a disk. That decisions are missed here shows that the judge sees a missing one."""
    missed = 0
    for number in range(RUNS):
        run = Run.of(tmp_path / str(number), f"{SEED} {number} lies", lying=0.5)
        run.write()
        for cut in run.cuts:
            missed += len(cut.acknowledged - {one.id for one in read(cut.place)})
            assert faults_of(cut, cut.acknowledged & cut.held) == [], f"run {number}, {cut.place}"
    assert missed > 0
