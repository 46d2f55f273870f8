"""False alarms and power of the evidence of a rollout, over 10,000 streams a test: with `LOOPLINE_CAMPAIGN=1` alone.

Every stream is looked at after every row. `tests/unit/rollout/test_sequential.py` runs the same on fewer streams.
"""

import math
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binom

from tests.support.data.rollout_streams import (
    TRAFFIC,
    EntityStreams,
    Floats,
    Path,
    Streams,
    Traffic,
    deviation_path,
    flip_path,
    paired_path,
    rate_path,
    rate_streams,
    ratio_path,
    score_streams,
    shift_path,
    traffic,
)
from tests.support.processes.killing import CAMPAIGN

STREAMS = 10_000
AT_ONCE = 200
ALPHAS = (0.05, 0.01, 0.001)
CANARY = (0.01, 0.05, 0.25, 0.5)

Draw = Callable[[int, np.random.Generator], Path]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(7200),
    pytest.mark.skipif(not CAMPAIGN, reason="10,000 streams a test take minutes: LOOPLINE_CAMPAIGN=1"),
]


def highest_of(draw: Draw, seed: int, streams: int = STREAMS) -> Floats:
    random = np.random.default_rng(seed)
    return np.concatenate([draw(AT_ONCE, random).highest for _ in range(streams // AT_ONCE)])


def seldom_alarms(name: str, draw: Draw, *, sides: int = 1) -> None:
    """Checks how many streams ever reach log(sides/alpha): the most that chance gives in all but one of 10,000 runs."""
    highest = highest_of(draw, seed=zlib.crc32(name.encode())) - math.log(sides)
    shares = {alpha: int((highest >= -math.log(alpha)).sum()) for alpha in ALPHAS}
    print(f"{name:52}", *(f"{count / STREAMS:8.4f} of {alpha:g}" for alpha, count in shares.items()))
    for alpha, count in shares.items():
        most = int(binom.ppf(1 - 1e-4, STREAMS, alpha))
        assert count <= most, f"{name}: {count} of {STREAMS} streams alarm at {alpha:g}; at most {most} may"


@pytest.mark.parametrize("ratio", [1.0, 1.5])
@pytest.mark.parametrize("share", [0.05, 0.5, CANARY], ids=str)
@pytest.mark.parametrize("kind", TRAFFIC)
def test_rates(kind: Traffic, share: float | tuple[float, ...], ratio: float) -> None:
    """The challenger's rate is the champion's, and at the bound."""

    def draw(streams: int, random: np.random.Generator) -> Path:
        return rate_path(rate_streams(traffic(kind, streams, 4000, random), share, ratio, random), ratio - 1)

    seldom_alarms(f"rate, {kind}, share {share}, ratio {ratio}", draw)


@pytest.mark.parametrize("shift", [0.03, -0.03])
@pytest.mark.parametrize("share", [0.1, CANARY], ids=str)
@pytest.mark.parametrize("kind", TRAFFIC)
def test_scores(kind: Traffic, share: float | tuple[float, ...], shift: float) -> None:
    """The means differ by the bound."""

    def draw(streams: int, random: np.random.Generator) -> Path:
        return shift_path(score_streams(traffic(kind, streams, 1000, random), share, shift, random), 0.03)

    seldom_alarms(f"score, {kind}, share {share}, shift {shift}", draw)


@pytest.mark.parametrize("kind", TRAFFIC)
def test_pairs_and_flips(kind: Traffic) -> None:
    """The spread of differences moves with the traffic, their mean is at the bound; flips are at it or below."""

    def pairs(streams: int, random: np.random.Generator) -> Path:
        level = traffic(kind, streams, 1000, random)
        return paired_path(0.02 + random.uniform(-0.3, 0.3, level.shape) * level, 0.02)

    def flips(streams: int, random: np.random.Generator) -> Path:
        level = traffic(kind, streams, 1000, random)
        return flip_path(random.random(level.shape) < 0.03 * np.minimum(1, 3.5 * level), 0.03)

    seldom_alarms(f"shadow score, {kind}", pairs)
    seldom_alarms(f"flips, {kind}", flips)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.5])
def test_the_sample_ratio(share: float) -> None:
    def draw(streams: int, random: np.random.Generator) -> Path:
        return ratio_path(rate_streams(traffic("constant", streams, 2000, random), share, 1.0, random))

    seldom_alarms(f"sample ratio, share {share}", draw)


@pytest.mark.parametrize("share", [0.2, CANARY], ids=str)
@pytest.mark.parametrize("rule", ["first row", "first adverse row"])
def test_entities_with_many_rows(rule: str, share: float | tuple[float, ...]) -> None:
    """Few entities with many rows, of which some cause most of the events."""

    def draw(streams: int, random: np.random.Generator) -> Path:
        drawn = EntityStreams.drawn(streams, 2000, share, random)
        eligible = drawn.streams.value == 1 if rule == "first adverse row" else drawn.streams.value >= 0
        return rate_path(drawn.streams, 0.0, drawn.first(eligible))

    seldom_alarms(f"rate of entities, {rule}, share {share}", draw)


@pytest.mark.parametrize("kind", TRAFFIC)
def test_intervals(kind: Traffic) -> None:
    """Intervals that miss the average of the true means at any row, on the side that is missed more."""

    def mean(streams: int, random: np.random.Generator) -> Path:
        rate = 0.3 * traffic(kind, streams, 1000, random)
        value = random.random(rate.shape) < rate
        return deviation_path(value - rate, (value - 0.15) ** 2)

    def difference(streams: int, random: np.random.Generator) -> Path:
        level = traffic(kind, streams, 1000, random)
        of = rate_streams(level, 0.2, 2.0, random, highest=0.3)
        weighed = 0.2 * (of.value - 0.15) * np.where(of.challenger, 1 / 0.2, -1 / 0.8)
        return deviation_path(weighed - 0.2 * 0.3 * level, weighed**2)

    seldom_alarms(f"interval of a mean, {kind}", mean, sides=2)
    seldom_alarms(f"interval of a difference, {kind}", difference, sides=2)


# Power: rows until the breach at alpha 0.01, under a daily cycle; the smallest effect that matters is the bound


def rates_until(times: int, share: float) -> Path:
    random = np.random.default_rng(times)
    level = [traffic("daily cycle", 20, 100_000, random) for _ in range(10)]
    ratio = 1 + 0.5 * times
    return joined([rate_path(rate_streams(one, share, ratio, random, highest=0.02), 0.5) for one in level])


def scores_until(times: int, share: float) -> Path:
    random = np.random.default_rng(times)
    level = [traffic("daily cycle", 20, 20_000, random) for _ in range(10)]
    return joined([shift_path(score_streams(one, share, 0.02 * times, random), 0.02) for one in level])


def pairs_until(times: int, share: float) -> Path:
    random = np.random.default_rng(times)
    return paired_path(random.normal(0.01 * times, 0.05, (200, 5000)).clip(-1, 1), 0.01)


def flips_until(times: int, share: float) -> Path:
    return flip_path(np.random.default_rng(times).random((200, 5000)) < 0.01 * times, 0.01)


def ratio_until(times: int, share: float) -> Path:
    """The bound is 0; a step is a loss of 2% of the challenger's rows. Looked at after every 50 rows."""
    random = np.random.default_rng(times)
    kept = share * (1 - 0.02 * times)
    challenger = random.random((200, 50_000)) < kept / (kept + 1 - share)
    return ratio_path(Streams(challenger, np.zeros(challenger.shape), np.full(challenger.shape, share)), every=50)


def joined(paths: list[Path]) -> Path:
    """Paths of different lengths as one; a path stays as it ends."""
    looks = max(path.log_e.shape[1] for path in paths)
    wide = [np.pad(path.log_e, ((0, 0), (0, looks - path.log_e.shape[1])), mode="edge") for path in paths]
    rows = [np.broadcast_to(path.rows, path.log_e.shape) for path in paths]
    return Path(
        np.concatenate(wide), np.concatenate([np.pad(r, ((0, 0), (0, looks - r.shape[1])), mode="edge") for r in rows])
    )


@pytest.mark.parametrize(
    ("signal", "until", "share", "enough"),
    [
        ("rate 1%, bound +50%", rates_until, 0.05, 4),
        ("rate 1%, bound +50%", rates_until, 0.5, 3),
        ("score, bound 0.02", scores_until, 0.05, 4),
        ("score, bound 0.02", scores_until, 0.5, 3),
        ("shadow score, bound 0.01", pairs_until, 1.0, 3),
        ("flips, bound 1%", flips_until, 1.0, 3),
        ("sample ratio, loss of 2%", ratio_until, 0.5, 4),
    ],
)
def test_power(signal: str, until: Callable[[int, float], Path], share: float, enough: int) -> None:
    """Every stream breaches within the rows simulated, from `enough` times the smallest effect on."""
    for times in (1, 2, 3, 4):
        rows = until(times, share).rows_until(-math.log(0.01))
        found = float(np.isfinite(rows).mean())
        median, late = np.quantile(rows, 0.5, method="higher"), rows.max()
        print(f"{signal:28} share {share:<5} x{times}: {found:6.1%} breach, median {median:8,.0f}, worst {late:8,.0f}")
        assert times < enough or found > 0.98
