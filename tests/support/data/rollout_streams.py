"""Many streams of traffic of a rollout at once, and the evidence of each after every row.

Belongs here: simulated rows of both arms as arrays [streams, rows], and the wealth along them, by the functions that
the states of `assets.rollout.evidence` use. Does not belong here: what is expected of them.

`traffic` gives a level between 0 and 1 that both arms share: constant, or moved as real traffic is, by a daily cycle, a
trend, an abrupt shift, bursts (two states of a Markov chain) and an autoregressive level.
"""

from dataclasses import dataclass
from typing import Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from assets.rollout.evidence.assigned import log_ratio_wealth
from assets.rollout.evidence.intervals import log_deviation_wealth
from assets.rollout.evidence.means import Side, centres, log_sides, paired_growth, shift_growth, weighted
from assets.rollout.evidence.rates import RateIncrease, log_event_wealth
from assets.rollout.evidence.rows import ArmRows, SeenEntities
from assets.rollout.evidence.wealth import running

Traffic = Literal["constant", "daily cycle", "trend", "abrupt shift", "bursts", "autoregressive"]
TRAFFIC: tuple[Traffic, ...] = get_args(Traffic)

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def traffic(kind: Traffic, streams: int, rows: int, random: np.random.Generator) -> Floats:
    """The level of each row, 0 to 1."""
    time = np.arange(rows) / rows
    if kind == "constant":
        return np.full((streams, rows), 0.3)
    if kind == "daily cycle":
        return 0.5 + 0.45 * np.sin(2 * np.pi * (5 * time + random.random((streams, 1))))
    if kind == "trend":
        return np.broadcast_to(0.05 + 0.9 * time, (streams, rows))
    if kind == "abrupt shift":
        return np.where(time > random.random((streams, 1)), 0.9, 0.1)
    level = np.empty((streams, rows))
    state = np.zeros(streams)
    for row in range(rows):
        if kind == "bursts":
            state = np.where(random.random(streams) < np.where(state > 0, 0.03, 0.006), 1 - state, state)
            level[:, row] = np.where(state > 0, 0.95, 0.05)
        else:
            state = 0.98 * state + 0.2 * random.standard_normal(streams)
            level[:, row] = 1 / (1 + np.exp(-state))
    return level


@dataclass(frozen=True, eq=False)
class Streams:
    """Rows of many streams, [streams, rows] each: as `ArmRows`, all of which count."""

    challenger: Bools
    value: Floats
    share: Floats

    def rows(self, stream: int) -> ArmRows:
        every = np.ones(self.value.shape[1], dtype=np.bool_)
        return ArmRows(self.challenger[stream], self.value[stream], self.share[stream], every)


def shares(share: float | tuple[float, ...], rows: int) -> Floats:
    """The share of each row: of a canary with several, each for the same number of rows."""
    steps = share if isinstance(share, tuple) else (share,)
    return np.array(steps)[np.arange(rows) * len(steps) // rows]


def rate_streams(
    level: Floats, share: float | tuple[float, ...], ratio: float, random: np.random.Generator, *, highest: float = 0.1
) -> Streams:
    """Adverse events: the champion's rate is the level times `highest`, the challenger's `ratio` times that."""
    of = np.broadcast_to(shares(share, level.shape[1]), level.shape)
    challenger = random.random(level.shape) < of
    rate = highest * level * np.where(challenger, ratio, 1.0)
    return Streams(challenger, (random.random(level.shape) < rate).astype(np.float64), of)


def score_streams(
    level: Floats, share: float | tuple[float, ...], shift: float, random: np.random.Generator
) -> Streams:
    """Scores about the level, with a spread of 0.1 to both sides; the challenger's are higher by the shift."""
    of = np.broadcast_to(shares(share, level.shape[1]), level.shape)
    challenger = random.random(level.shape) < of
    noise = random.uniform(-0.1, 0.1, level.shape)
    return Streams(challenger, 0.2 + 0.6 * level + noise + shift * challenger, of)


@dataclass(frozen=True, eq=False)
class Path:
    """Evidence of each stream at its looks, [streams, looks]; `rows` is the number of rows until then."""

    log_e: Floats
    rows: NDArray[np.int64]

    @property
    def highest(self) -> Floats:
        """The most evidence of each stream at any look."""
        return np.asarray(self.log_e.max(axis=1))

    def rows_until(self, threshold: float) -> Floats:
        """Rows until the threshold is reached; infinite where it never is."""
        reached = self.log_e >= threshold
        first = reached.argmax(axis=1)
        rows = np.broadcast_to(self.rows, reached.shape)[np.arange(len(first)), first].astype(np.float64)
        return np.where(reached.any(axis=1), rows, np.inf)


def rate_path(streams: Streams, tolerance: float, counts: Bools | None = None) -> Path:
    """`RateIncrease` after each row that counts as an event; between events its evidence does not move."""
    event = streams.value == 1 if counts is None else (streams.value == 1) & counts
    stream, row = np.nonzero(event)
    number = np.cumsum(event, axis=1)[stream, row] - 1
    shape = (len(event), int(event.sum(axis=1).max(initial=1)))
    levels = np.unique(streams.share)
    won, trials = np.zeros(shape), np.zeros((*shape, len(levels)))
    at = np.full(shape, event.shape[1])
    won[stream, number] = streams.challenger[stream, row]
    trials[stream, number, np.searchsorted(levels, streams.share[stream, row])] = 1
    at[stream, number] = row + 1
    limit = RateIncrease(tolerance=tolerance).limits(levels)
    log_e = log_event_wealth(np.cumsum(won, axis=1).astype(np.int64), np.cumsum(trials, axis=1).astype(np.int64), limit)
    return Path(log_e, at)


def flip_path(flips: Bools, tolerance: float) -> Path:
    """`FlipShare` after each row."""
    rows = np.arange(1, flips.shape[1] + 1)
    trials = np.broadcast_to(rows, flips.shape)[..., None]
    return Path(log_event_wealth(np.cumsum(flips, axis=1), trials, np.array([tolerance])), rows)


def shift_path(streams: Streams, bound: float, side: Side = "either") -> Path:
    """`MeanShift` after each row."""
    value, rows = streams.value.T, np.arange(streams.value.shape[1])
    centre = centres(0.5, 0, value)[:-1]
    difference = weighted(value, streams.challenger.T, streams.share.T, centre)
    above, below = shift_growth(difference, streams.share.T, centre, bound)
    return Path(log_sides(running(0.0, above)[1:], running(0.0, below)[1:], side).T, rows + 1)


def ratio_path(streams: Streams, *, every: int = 1) -> Path:
    """`SampleRatio` after each row, or after every so many; all rows have one share."""
    challenger = np.cumsum(streams.challenger, axis=1)[:, every - 1 :: every].astype(np.float64)
    rows = np.arange(every, streams.challenger.shape[1] + 1, every)
    return Path(log_ratio_wealth(challenger, rows - challenger, streams.share[:, :1]), rows)


def paired_path(difference: Floats, bound: float) -> Path:
    """`PairedShift` after each row."""
    above, below = paired_growth(difference.T, bound)
    rows = np.arange(1, difference.shape[1] + 1)
    return Path(log_sides(running(0.0, above)[1:], running(0.0, below)[1:], "either").T, rows)


def deviation_path(deviation: Floats, squares: Floats) -> Path:
    """The wealth of a confidence sequence at the true mean, the larger of both sides, after each row."""
    total, variance = np.cumsum(deviation, axis=1), np.cumsum(squares, axis=1)
    wealth = np.maximum(log_deviation_wealth(total, variance), log_deviation_wealth(-total, variance))
    return Path(wealth, np.arange(1, deviation.shape[1] + 1))


@dataclass(frozen=True, eq=False)
class EntityStreams:
    """Streams in which few entities have many rows each: the arm is the entity's, and so is most of the risk."""

    streams: Streams
    places: Floats

    @classmethod
    def drawn(
        cls,
        count: int,
        rows: int,
        share: float | tuple[float, ...],
        random: np.random.Generator,
        *,
        entities: int = 150,
    ) -> Self:
        """A tenth of the entities causes nearly all adverse events; some have far more rows than others.

        An entity in the challenger's arm stays there while the share grows.
        """
        weight = random.exponential(size=(count, entities)).cumsum(axis=1)
        entity = np.stack([np.searchsorted(w, random.random(rows) * w[-1]) for w in weight])
        assigned = random.random((count, entities))
        risk = np.where(random.random((count, entities)) < 0.1, 0.3, 0.002)
        of_entity = (assigned, risk, random.random((count, entities)))
        assignment, rate, places = (np.take_along_axis(of, entity, axis=1) for of in of_entity)
        adverse = (random.random((count, rows)) < rate).astype(np.float64)
        of = np.broadcast_to(shares(share, rows), (count, rows))
        return cls(Streams(assignment < of, adverse, of), places)

    def first(self, eligible: Bools, slots: int = 2**12) -> Bools:
        """The rows of each stream that count."""
        none = SeenEntities.none(slots)
        return np.stack([none.first(at, of)[0] for at, of in zip(self.places, eligible, strict=True)])
