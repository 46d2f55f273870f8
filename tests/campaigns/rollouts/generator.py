"""Traffic of a product in simulated time, and what a champion and a challenger would each answer to it.

Belongs here: times, entities, both possible answers to each request, planted regressions. Does not belong here: who
answers (`glue.py`), what must follow (`oracle.py`). Written from the words of the rollout alone.

Traffic has a daily cycle, bursts (in which all that can go wrong does so more often, in both arms), a drift of risk,
and entities of which a few make a hundred times as many requests as most; an entity keeps its risk and its faults.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["latency", "errors", "fallbacks", "score", "bad_rate"]
DAY = 86_400.0
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Regression:
    """How much worse the challenger is than the champion.

    Attributes:
        multiple: Of the smallest effect that matters: for rates the excess over equal (2 of "half as many again" is
            twice as many), for the score the shift of its mean.
        smallest: That smallest effect as a guard declares it: a ratio of rates, or a difference of scores.
    """

    kind: Kind
    multiple: float
    smallest: float

    @property
    def ratio(self) -> float:
        """The challenger's rate to the champion's."""
        return 1.0 + self.multiple * (self.smallest - 1.0)

    @property
    def shift(self) -> float:
        """How far the challenger's mean score moves."""
        return self.multiple * self.smallest


@dataclass(frozen=True)
class Answers:
    """What one model answers to the requests of a batch, were it to answer them.

    Attributes:
        scores: The chance of a bad outcome as the model sees it, 0 to 1.
        refused: Whether it refuses.
        failed: Whether there is no decision.
        fell_back: Whether the fallback decides.
        milliseconds: Time of the decision in the process.
        bad: Whether the outcome is bad, where it accepts.
    """

    scores: Floats
    refused: Flags
    failed: Flags
    fell_back: Flags
    milliseconds: Floats
    bad: Flags


@dataclass(frozen=True)
class Batch:
    """Requests between two looks, in order of time (seconds since the start of the rollout)."""

    until: float
    times: Floats
    entities: NDArray[np.int64]
    champion: Answers
    challenger: Answers


@dataclass(frozen=True)
class Rates:
    """How often a sound model fails, falls back, is late; where it refuses; how often an accepted outcome is bad."""

    failed: float = 0.004
    fell_back: float = 0.01
    late: float = 0.01
    refuses_from: float = 0.35
    bad: float = 0.08


@dataclass(frozen=True)
class Traffic:
    """The world of one rollout; the same seed gives the same world.

    Attributes:
        an_hour: Requests an hour on the average of a day.
        entities: How many there are.
        budget_ms: A decision that takes longer is late.
        twins: Whether both models are one (each request gets one score); else they are equally good, with scores that
            differ by noise around the same mean.
        lasting_faults: Whether an entity keeps its faults: of those of 1% of entities every second request falls back.
    """

    seed: int
    an_hour: float = 2_000.0
    entities: int = 20_000
    budget_ms: float = 50.0
    rates: Rates = Rates()
    twins: bool = True
    lasting_faults: bool = True
    regression: Regression | None = None

    def batches(self, every: float, until: float) -> Iterator[Batch]:
        """The requests of each `every` seconds, from the start of the rollout to `until`."""
        rng = np.random.default_rng([self.seed, 7])
        people = _People.drawn(rng, self.entities)
        phase, slope = rng.uniform(0.0, DAY), rng.normal(0.0, 0.03)
        bursts = np.sort(rng.uniform(0.0, until, rng.poisson(until / DAY)))
        begin = 0.0
        while begin < until:
            end = min(begin + every, until)
            level = 1.0 + 0.7 * np.sin(2 * np.pi * ((begin + end) / 2 + phase) / DAY)
            is_burst = bool(((bursts < end) & (bursts + 1_800.0 > begin)).any())
            count = int(rng.poisson(self.an_hour * (end - begin) / 3_600.0 * level * (4.0 if is_burst else 1.0)))
            times = np.sort(rng.uniform(begin, end, count))
            who = people.drawing(rng, count)
            logits = people.logits[who] + rng.normal(0.0, 0.6, count) + slope * (times / DAY)
            logits += 0.1 * np.sin(2 * np.pi * (times + phase) / DAY)
            faulty = people.faulty[who] & self.lasting_faults
            trouble = 3.0 if is_burst else 1.0
            champion = self._answers(rng, logits, faulty, trouble, None)
            seen = logits if self.twins else logits + rng.normal(0.0, 0.3, count)
            challenger = self._answers(rng, seen, faulty, trouble, self.regression)
            yield Batch(end, times, who, champion, challenger)
            begin = end

    def _answers(
        self, rng: np.random.Generator, logits: Floats, faulty: Flags, trouble: float, worse: Regression | None
    ) -> Answers:
        size = len(logits)
        ratio: dict[str, float] = {worse.kind: worse.ratio} if worse and worse.kind != "score" else {}
        scores = 1.0 / (1.0 + np.exp(-logits))
        if worse and worse.kind == "score":
            scores = shifted(scores, worse.shift)
        chance = {"fallbacks": np.where(faulty, 0.5, self.rates.fell_back * trouble)}
        chance["errors"] = np.full(size, self.rates.failed * trouble)
        chance["latency"] = np.full(size, self.rates.late * trouble)
        # The chance of a bad outcome follows the risk, whatever a shifted score says about it.
        risk = 1.0 / (1.0 + np.exp(-logits))
        chance["bad_rate"] = self.rates.bad * risk / 0.19
        drawn = {
            kind: rng.uniform(size=size) < np.minimum(rate * ratio.get(kind, 1.0), 1.0) for kind, rate in chance.items()
        }
        quick = self.budget_ms * rng.uniform(0.02, 0.5, size)
        slow = self.budget_ms * rng.uniform(1.01, 4.0, size)
        return Answers(
            scores=scores,
            refused=scores > self.rates.refuses_from,
            failed=drawn["errors"],
            fell_back=drawn["fallbacks"],
            milliseconds=np.where(drawn["latency"], slow, quick),
            bad=drawn["bad_rate"],
        )


def shifted(scores: Floats, shift: float) -> Floats:
    """Scores as after a silent change of a unit: each moves, the uncertain ones most; the mean moves by `shift`."""
    if not len(scores):
        return scores
    logits = np.log(scores / (1.0 - scores))
    low, high = 0.0, 20.0
    for _ in range(40):
        middle = (low + high) / 2
        mean = float((1.0 / (1.0 + np.exp(-(logits + middle))) - scores).mean())
        low, high = (middle, high) if mean < shift else (low, middle)
    return np.asarray(1.0 / (1.0 + np.exp(-(logits + low))))


@dataclass(frozen=True)
class _People:
    cumulated: Floats
    logits: Floats
    faulty: Flags

    @classmethod
    def drawn(cls, rng: np.random.Generator, size: int) -> "_People":
        weights = np.minimum(rng.pareto(1.5, size) + 1.0, 300.0)
        cumulated = np.cumsum(weights) / weights.sum()
        return cls(cumulated, rng.normal(-1.7, 0.7, size), rng.uniform(size=size) < 0.01)

    def drawing(self, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
        found = np.searchsorted(self.cumulated, rng.uniform(size=count))
        return np.minimum(found, len(self.cumulated) - 1).astype(np.int64)
