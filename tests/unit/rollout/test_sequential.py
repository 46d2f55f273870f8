"""Evidence that may be looked at after every row: exact values, exact guarantees, false alarms of simulated streams."""

import itertools
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from assets.rollout.evidence.assigned import CONCENTRATION, ArmCounts, SampleRatio
from assets.rollout.evidence.intervals import GRID, DifferenceInterval, MeanInterval, log_deviation_wealth
from assets.rollout.evidence.means import MeanShift, PairedShift, Side
from assets.rollout.evidence.rates import ODDS, FlipShare, RateIncrease, ShareCounts
from assets.rollout.evidence.rows import ArmRows, EvidenceError, SeenEntities
from assets.rollout.evidence.wealth import BETS, State, log_threshold, strongest
from tests.support.data.rollout_streams import (
    TRAFFIC,
    EntityStreams,
    Floats,
    Traffic,
    deviation_path,
    flip_path,
    paired_path,
    rate_path,
    rate_streams,
    score_streams,
    shift_path,
    traffic,
)

STREAMS = 500
ALPHA = 0.05
MOST = int(binom.ppf(1 - 1e-4, STREAMS, ALPHA))
"""Alarms among the streams that a test at ALPHA exceeds once in 10,000 runs."""


def rows_of(
    challenger: Sequence[int], value: Sequence[float], share: float | Sequence[float] = 0.5, counts: Any = True
) -> ArmRows:
    n = len(challenger)
    return ArmRows(
        np.array(challenger, dtype=np.bool_),
        np.array(value, dtype=np.float64),
        np.broadcast_to(np.asarray(share, dtype=np.float64), n),
        np.broadcast_to(np.asarray(counts, dtype=np.bool_), n),
    )


def alarms(highest: Floats) -> int:
    return int((highest >= log_threshold(ALPHA)).sum())


# Exact values, computed by hand or from the definition


def test_the_evidence_of_three_events_is_the_mean_of_their_likelihood_ratios() -> None:
    """Share 0.2 and tolerance 0.5: the challenger has an event with probability 0.3/1.1 at most."""
    state = RateIncrease(tolerance=0.5).update(rows_of([1, 0, 1, 0, 1], [1, 1, 1, 0, 0], 0.2))
    q = 0.2 * 1.5 / (0.2 * 1.5 + 0.8)
    ratios = [(m / (1 - q + q * m)) ** 2 / (1 - q + q * m) for m in ODDS]
    assert math.exp(state.log_e) == pytest.approx(sum(ratios) / 16, rel=1e-12)
    shown = state.evidence("errors", 0.01)
    assert (shown.n_champion, shown.n_challenger, shown.value_champion, shown.value_challenger) == (2, 3, 0.5, 2 / 3)
    assert shown.effect == pytest.approx(1 / 3)
    assert shown.threshold == pytest.approx(math.log(100))


def test_the_evidence_of_the_sample_ratio_is_the_beta_binomial_ratio() -> None:
    """With a = b = 250: (250/500) / 0.5 for one entity; for two of the same arm 250 251 / (500 501) / 0.25."""
    assert CONCENTRATION == 500
    of = {n: SampleRatio().update(rows_of([1] * n, [0] * n)) for n in (1, 2)}
    assert of[1].log_e == pytest.approx(0.0, abs=1e-12)
    assert math.exp(of[2].log_e) == pytest.approx(250 * 251 / (500 * 501) / 0.25, rel=1e-10)
    both = of[2].update(rows_of([0, 1, 1], [0, 0, 0], 0.25, [True, True, False]))
    one_step = (375 / 500) / 0.75 * (125 / 501) / 0.25
    assert math.exp(both.log_e) == pytest.approx(250 * 251 / (500 * 501) / 0.25 * one_step, rel=1e-10)
    shown = both.evidence("arms", 0.01)
    assert (shown.n_champion, shown.n_challenger, shown.value_challenger) == (1, 3, 0.75)
    assert shown.effect == pytest.approx((3 - 2 * 0.5 - 2 * 0.25) / 4)


def test_the_wealth_of_three_scores_by_hand() -> None:
    """Centres 0.5, then (0.5 + 0.9)/2 = 0.7, then (0.5 + 0.9 + 0.4)/3 = 0.6; share 0.2, bound 0.05."""
    state = MeanShift(bound=0.05).update(rows_of([1, 0, 1], [0.9, 0.4, 0.2], 0.2))
    differences = (0.4 / 0.2, -0.3 / -0.8, -0.4 / 0.2)
    above = (0.5 / 0.2 + 0.05, 0.7 / 0.2 + 0.05, 0.6 / 0.2 + 0.05)
    below = (0.5 / 0.2 + 0.05, max(0.3 / 0.2, 0.7 / 0.8) + 0.05, 0.4 / 0.2 + 0.05)
    wealth = {
        sign: np.mean([
            math.prod(1 + bet * (sign * d - 0.05) / most for d, most in zip(differences, largest, strict=True))
            for bet in BETS
        ])
        for sign, largest in ((1, above), (-1, below))
    }  # fmt: skip
    assert math.exp(state.log_e) == pytest.approx((wealth[1] + wealth[-1]) / 2, rel=1e-12)
    assert math.exp(replace(state, side="above").log_e) == pytest.approx(wealth[1], rel=1e-12)
    assert math.exp(replace(state, side="below").log_e) == pytest.approx(wealth[-1], rel=1e-12)
    assert state.evidence("score", 0.01).effect == pytest.approx(sum(differences) / 3)


def test_the_wealth_of_two_pairs_and_of_flips_by_hand() -> None:
    pairs = PairedShift(bound=0.1).update(np.array([0.2, 0.5, np.nan]), np.array([0.6, 0.3, 0.1]))
    wealth = [
        np.mean([(1 + bet * (sign * 0.4 - 0.1) / 1.1) * (1 + bet * (sign * -0.2 - 0.1) / 1.1) for bet in BETS])
        for sign in (1, -1)
    ]
    assert math.exp(pairs.log_e) == pytest.approx(sum(wealth) / 2, rel=1e-12)
    assert (pairs.rows, pairs.missing) == (2, 1)
    assert pairs.evidence("shadow_score", 0.01).effect == pytest.approx(0.1)
    flips = FlipShare(tolerance=0.25).update(np.array([1.0, 0.0, np.nan, 1.0]))
    ratios = [m**2 / (0.75 + 0.25 * m) ** 3 for m in ODDS]
    assert math.exp(flips.log_e) == pytest.approx(sum(ratios) / 16, rel=1e-12)
    assert flips.evidence("flips", 0.01).effect == pytest.approx(2 / 3)


def test_an_interval_ends_where_the_mixture_reaches_two_over_alpha() -> None:
    values = np.array([0.2, 0.9, 0.4, 0.7] * 250)
    state = MeanInterval().update(values)
    low, high, estimate = state.interval(ALPHA)
    assert estimate == pytest.approx(0.55)
    assert high - 0.55 == pytest.approx(0.55 - low)
    predicted, known = [0.5], 0.5
    for row, value in enumerate(values[:-1]):
        known += (value - known) / min(row + 2, 100)
        predicted.append(known)
    variance = float(np.sum((values - np.array(predicted)) ** 2))
    deviation = (high - 0.55) * len(values)
    mixture = np.mean([math.exp(bet * deviation - (-math.log(1 - bet) - bet) * variance) for bet in GRID])
    assert mixture == pytest.approx(2 / ALPHA, rel=1e-6)
    fixed = 1.96 * values.std() / math.sqrt(len(values))
    assert fixed < high - 0.55 < 2.1 * fixed, "the price of looking all the time"


def test_a_range_scales_an_interval() -> None:
    random = np.random.default_rng(3)
    value, challenger = random.random(400), random.random(400) < 0.4
    unit = MeanInterval().update(value).interval(0.1)
    euros = MeanInterval(low=-100, high=300).update(400 * value - 100).interval(0.1)
    assert euros == pytest.approx(tuple(400 * end - 100 for end in unit))
    of_unit = DifferenceInterval(share=0.4).update(rows_of(list(challenger), list(value), 0.4)).interval(0.1)
    of_euros = DifferenceInterval(share=0.4, low=-100, high=300).update(
        rows_of(list(challenger), list(400 * value - 100), 0.4)
    )
    assert of_euros.interval(0.1) == pytest.approx(tuple(400 * end for end in of_unit))
    assert MeanInterval(low=-100, high=300).interval(0.1) == (-100, 300, None)


# Exact guarantees: the mean of the wealth over every possible stream


def mean_wealth(
    probability: Callable[[tuple[int, ...]], float], log_e: Callable[[tuple[int, ...]], float], n: int
) -> float:
    return sum(probability(path) * math.exp(log_e(path)) for path in itertools.product((0, 1), repeat=n))


def bernoulli(path: tuple[int, ...], chances: Sequence[float]) -> float:
    return math.prod(p if one else 1 - p for one, p in zip(path, chances, strict=True))


def test_at_the_bound_the_mean_wealth_of_rates_is_one_whatever_the_rates_do() -> None:
    """Four rows under changing rates and shares: half of the bits are arms, half are events."""
    rates, share, tolerance = (0.05, 0.6, 0.01, 0.3), (0.1, 0.1, 0.5, 0.5), 0.5

    def chance(path: tuple[int, ...]) -> float:
        arms, events = path[:4], path[4:]
        of = [rate * (1 + tolerance * arm) for rate, arm in zip(rates, arms, strict=True)]
        return bernoulli(arms, share) * bernoulli(events, of)

    def log_e(path: tuple[int, ...]) -> float:
        return RateIncrease(tolerance=tolerance).update(rows_of(path[:4], path[4:], share)).log_e

    assert mean_wealth(chance, log_e, 8) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize(("side", "sign"), [("above", 1), ("below", -1)])
def test_at_the_bound_the_mean_wealth_of_means_is_one_whatever_the_means_do(side: Side, sign: int) -> None:
    means, share, bound = (0.2, 0.7, 0.4, 0.15), (0.1, 0.1, 0.5, 0.5), 0.1

    def chance(path: tuple[int, ...]) -> float:
        arms, values = path[:4], path[4:]
        of = [mean + sign * bound * arm for mean, arm in zip(means, arms, strict=True)]
        return bernoulli(arms, share) * bernoulli(values, of)

    def log_e(path: tuple[int, ...]) -> float:
        return MeanShift(bound=bound, side=side).update(rows_of(path[:4], path[4:], share)).log_e

    assert mean_wealth(chance, log_e, 8) == pytest.approx(1.0, abs=1e-12)


def test_the_mean_wealth_of_the_other_tests_is_at_most_one() -> None:
    n, bound = 6, 0.25
    pairs = mean_wealth(
        lambda path: bernoulli(path, [(1 + bound) / 2] * n),
        lambda path: PairedShift(bound=bound, side="above").update(1.0 - np.array(path), np.array(path) * 1.0).log_e,
        n,
    )
    flips = mean_wealth(
        lambda path: bernoulli(path, [bound] * n),
        lambda path: FlipShare(tolerance=bound).update(np.array(path, dtype=np.float64)).log_e,
        n,
    )
    ratio = mean_wealth(
        lambda path: bernoulli(path, [bound] * n),
        lambda path: SampleRatio().update(rows_of(path, [0] * n, bound)).log_e,
        n,
    )
    assert (pairs, flips, ratio) == pytest.approx((1.0, 1.0, 1.0), abs=1e-10)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_mean_wealth_of_an_interval_is_at_most_one_at_the_true_mean(sign: int) -> None:
    means = (0.3, 0.9, 0.5, 0.1, 0.6, 0.3)

    def log_e(path: tuple[int, ...]) -> float:
        state = MeanInterval().update(np.array(path, dtype=np.float64))
        deviation = sign * (state.total - sum(means))
        return float(log_deviation_wealth(np.array(deviation), np.array(state.variance)))

    assert 0.3 < mean_wealth(lambda path: bernoulli(path, means), log_e, 6) <= 1


@pytest.mark.parametrize(("ratio", "tolerance"), [(1.0, 0.0), (0.3, 0.0), (1.5, 0.5)])
def test_the_first_adverse_row_of_an_entity_alarms_with_the_declared_chance_at_most(
    ratio: float, tolerance: float
) -> None:
    """Every stream of three entities with two rows each; exact, at every level that the evidence can reach."""
    share, entity = 0.25, np.array([0, 1, 2, 1, 0, 2])
    rates = np.array([0.3, 0.6, 0.1, 0.6, 0.3, 0.1])
    highest: dict[float, float] = {}
    for path in itertools.product((0, 1), repeat=9):
        arms, adverse = np.array(path[:3]), np.array(path[3:], dtype=np.bool_)
        of = rates * np.where(arms[entity] == 1, ratio, 1.0)
        chance = bernoulli(path[:3], [share] * 3) * bernoulli(path[3:], list(of))
        counts, _ = SeenEntities.none(3).first(entity / 3, adverse)
        rows = rows_of(list(arms[entity]), list(adverse), share, counts)
        looks = [RateIncrease(tolerance=tolerance).update(first_rows(rows, end)).log_e for end in range(7)]
        highest[max(looks)] = highest.get(max(looks), 0.0) + chance
    assert sum(highest.values()) == pytest.approx(1.0)
    for level in highest:
        assert sum(chance for log_e, chance in highest.items() if log_e >= level) <= math.exp(-level) + 1e-12


def first_rows(rows: ArmRows, end: int, begin: int = 0) -> ArmRows:
    return ArmRows(*(getattr(rows, name)[begin:end] for name in ("challenger", "value", "share", "counts")))


# False alarms of simulated streams, looked at after every row


@pytest.mark.parametrize("kind", TRAFFIC)
def test_rates_at_the_bound_seldom_alarm(kind: Traffic) -> None:
    random = np.random.default_rng(11)
    level = traffic(kind, STREAMS, 2000, random)
    for share in (0.05, (0.05, 0.25, 0.5)):
        path = rate_path(rate_streams(level, share, 1.5, random), 0.5)
        assert alarms(path.highest) <= MOST


@pytest.mark.parametrize("kind", TRAFFIC)
def test_scores_at_the_bound_seldom_alarm(kind: Traffic) -> None:
    random = np.random.default_rng(12)
    level = traffic(kind, STREAMS, 500, random)
    assert alarms(shift_path(score_streams(level, (0.1, 0.5), 0.03, random), 0.03).highest) <= MOST


def test_the_other_tests_seldom_alarm() -> None:
    random = np.random.default_rng(13)
    level = traffic("bursts", STREAMS, 500, random)
    pairs = np.clip(random.normal(0.02, 0.05, level.shape) * (0.2 + level), -1, 1)
    assert alarms(paired_path(pairs, 0.03).highest) <= MOST
    assert alarms(flip_path(random.random(level.shape) < 0.02, 0.02).highest) <= MOST
    mean = level * 0.2
    happened = random.random(level.shape) < mean
    assert alarms(deviation_path(happened - mean, (happened - 0.1) ** 2).highest - math.log(2)) <= MOST


def test_a_test_for_one_look_alarms_far_too_often_on_the_same_streams() -> None:
    """The streams can tell: a two-sample z test at 5%, looked at after every row, alarms on a third of them."""
    random = np.random.default_rng(14)
    streams = rate_streams(traffic("constant", STREAMS, 2000, random), 0.5, 1.0, random)
    n1 = np.cumsum(streams.challenger, axis=1)
    n0 = np.arange(1, 2001) - n1
    k1, k0 = (
        np.cumsum(streams.value * streams.challenger, axis=1),
        np.cumsum(streams.value * ~streams.challenger, axis=1),
    )
    p = (k0 + k1) / (n0 + n1)
    with np.errstate(all="ignore"):
        z = (k1 / n1 - k0 / n0) / np.sqrt(p * (1 - p) * (1 / n0 + 1 / n1))
    assert (np.nanmax(z[:, 100:], axis=1) > 1.645).mean() > 0.2


def test_entities_with_many_rows_count_once_or_alarm_falsely() -> None:
    random = np.random.default_rng(15)
    drawn = EntityStreams.drawn(STREAMS, 2000, 0.2, random, entities=60)
    every = np.ones(drawn.places.shape, dtype=np.bool_)
    assert alarms(rate_path(drawn.streams, 0.0).highest) > 1.5 * MOST
    assert alarms(rate_path(drawn.streams, 0.0, drawn.first(drawn.streams.value == 1)).highest) <= MOST
    assert alarms(rate_path(drawn.streams, 0.0, drawn.first(every)).highest) <= MOST


def test_entities_keep_their_arm_while_the_share_grows() -> None:
    random = np.random.default_rng(19)
    drawn = EntityStreams.drawn(STREAMS, 2000, (0.05, 0.25, 0.5), random)
    assert alarms(rate_path(drawn.streams, 0.0, drawn.first(drawn.streams.value == 1)).highest) <= MOST


def test_entities_that_count_again_in_each_period_need_the_strongest() -> None:
    """Twenty periods with the same entities: the sum of their evidence alarms falsely, the strongest does not."""
    random = np.random.default_rng(20)
    drawn = EntityStreams.drawn(STREAMS, 4000, 0.2, random, entities=60)
    event = drawn.streams.value == 1
    period = np.arange(4000) // 200
    counts = [drawn.first(event & (period == number)) for number in range(20)]
    paths = [rate_path(drawn.streams, 0.0, one).highest for one in counts]
    assert alarms(rate_path(drawn.streams, 0.0, np.any(counts, axis=0)).highest) > 1.5 * MOST
    assert alarms(np.array([strongest(of) for of in np.transpose(paths).tolist()])) <= MOST


def test_effects_that_matter_are_found() -> None:
    random = np.random.default_rng(16)
    level = traffic("daily cycle", 100, 8000, random)
    assert np.isfinite(rate_path(rate_streams(level, 0.25, 3.0, random), 0.5).rows_until(log_threshold(0.01))).all()
    level = level[:, :2000]
    for shift in (0.12, -0.12):
        path = shift_path(score_streams(level, 0.25, shift, random), 0.03)
        assert np.isfinite(path.rows_until(log_threshold(0.01))).all()


def test_paths_are_those_of_the_states() -> None:
    random = np.random.default_rng(17)
    level = traffic("trend", 3, 300, random)
    rates, scores = rate_streams(level, (0.1, 0.5), 2.0, random), score_streams(level, (0.1, 0.5), 0.1, random)
    rate, shift = rate_path(rates, 0.2), shift_path(scores, 0.05)
    difference = np.clip(random.normal(0, 0.2, level.shape), -0.5, 0.5)
    pairs = paired_path(difference, 0.05)
    for stream in range(3):
        assert rate.log_e[stream, -1] == pytest.approx(RateIncrease(tolerance=0.2).update(rates.rows(stream)).log_e)
        assert shift.log_e[stream, -1] == pytest.approx(MeanShift(bound=0.05).update(scores.rows(stream)).log_e)
        paired = PairedShift(bound=0.05).update(np.full(300, 0.5), 0.5 + difference[stream])
        assert pairs.log_e[stream, -1] == pytest.approx(paired.log_e)


# States: batches, JSON, several processes, size, faults


def all_states(rows: ArmRows, cuts: Sequence[int]) -> list[State]:
    """One state of each kind, after the rows in batches."""
    batches = [first_rows(rows, end, begin) for begin, end in itertools.pairwise((0, *cuts, len(rows.value)))]
    states: list[Any] = [RateIncrease(tolerance=0.5), SampleRatio(), MeanShift(bound=0.02), MeanInterval()]
    states += [PairedShift(bound=0.01), FlipShare(tolerance=0.1), DifferenceInterval(share=0.25)]
    for batch in batches:
        event = np.where(batch.missing, np.nan, (batch.value > 0.5).astype(float))
        quarter = replace(batch, share=np.full(len(batch.share), 0.25))
        states = [
            states[0].update(replace(batch, value=event)), states[1].update(batch), states[2].update(batch),
            states[3].update(batch.value), states[4].update(batch.value, batch.share), states[5].update(event),
            states[6].update(quarter),
        ]  # fmt: skip
    return states


@st.composite
def some_rows(draw: st.DrawFn) -> ArmRows:
    n = draw(st.integers(0, 40))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    value = np.where(random.random(n) < 0.1, np.nan, random.random(n))
    return ArmRows(random.random(n) < 0.4, value, random.choice([0.01, 0.5], n), random.random(n) < 0.8)


@given(rows=some_rows(), at=st.lists(st.integers(0, 40), max_size=4))
@settings(max_examples=60, deadline=None)
def test_rows_in_one_batch_or_in_several_give_the_same_state(rows: ArmRows, at: list[int]) -> None:
    cuts = sorted(min(cut, len(rows.value)) for cut in at)
    assert all_states(rows, cuts) == all_states(rows, [])


@given(rows=some_rows())
@settings(max_examples=40, deadline=None)
def test_a_state_survives_json(rows: ArmRows) -> None:
    for state in all_states(rows, []):
        assert type(state).from_json(json.loads(json.dumps(state.to_json()))) == state


@given(rows=some_rows(), cut=st.integers(0, 40))
@settings(max_examples=40, deadline=None)
def test_counts_of_several_processes_are_those_of_one(rows: ArmRows, cut: int) -> None:
    """Rates, flips and the sample ratio know no order; the wealths of means multiply."""
    whole = all_states(rows, [])
    parts = [all_states(first_rows(rows, cut), []), all_states(first_rows(rows, len(rows.value), cut), [])]
    joined = [type(one).combined([one, other]) for one, other in zip(*parts, strict=True)]
    assert [joined[k] for k in (0, 1, 5)] == [whole[k] for k in (0, 1, 5)]
    for k in (2, 4):
        for side in ("above", "below"):
            wealth = [np.array(getattr(states[k], side)) for states in (joined, *parts)]
            assert wealth[0] == pytest.approx(wealth[1] + wealth[2], abs=1e-12)
    assert joined[3].rows == whole[3].rows
    assert joined[6].interval(0.1).high >= joined[6].interval(0.1).low


def test_ten_million_rows_overflow_nothing() -> None:
    many = 10_000_000
    counts = tuple(ShareCounts(s, many, many, many, many, many, many) for s in (0.01, 0.5))
    for state in (
        RateIncrease(tolerance=0.1, counts=counts),
        FlipShare(tolerance=0.01, rows=many, flips=many),
        FlipShare(tolerance=0.01, rows=many),
        SampleRatio(counts=(ArmCounts(0.01, 0, many), ArmCounts(0.5, many, many))),
    ):
        assert math.isfinite(state.log_e)
    random = np.random.default_rng(18)
    n = 20_000
    challenger = random.random(n) < 0.5
    rows = ArmRows(challenger, challenger * 1.0, np.full(n, 0.5), np.ones(n, dtype=np.bool_))
    shift = MeanShift.combined([MeanShift(bound=0.01).update(rows)] * (many // n))
    assert math.isfinite(shift.log_e)
    assert shift.rows_champion + shift.rows_challenger == many
    assert shift.log_e > 1e6
    wide = MeanInterval.combined([MeanInterval().update(rows.value)] * (many // n)).interval(0.01)
    assert 0 < wide.high - wide.low < 0.002


def test_the_strongest_of_dependent_states_pays_for_their_number() -> None:
    assert strongest([5.0]) == pytest.approx(5 - math.log(2))
    assert strongest([5.0, 9.0, 1.0]) == pytest.approx(9 - math.log(6))
    with pytest.raises(EvidenceError, match="no evidence"):
        strongest([])


def test_an_entity_counts_once_across_batches_and_only_by_eligible_rows() -> None:
    seen = SeenEntities.none(10)
    places = np.array([0.11, 0.55, 0.12, 0.91])
    counts, seen = seen.first(places, np.array([False, True, True, True]))
    assert counts.tolist() == [False, True, True, True]
    counts, seen = seen.first(np.array([0.11, 0.33, 0.33]), np.ones(3, dtype=np.bool_))
    assert counts.tolist() == [False, True, False]
    assert seen.filled == pytest.approx(0.4)


def test_without_rows_there_is_no_evidence() -> None:
    none: list[Any] = [RateIncrease(tolerance=0.5), SampleRatio(), MeanShift(bound=0.02), PairedShift(bound=0.01)]
    for state in [*none, FlipShare(tolerance=0.1)]:
        shown = state.evidence("signal", 0.01)
        assert (shown.log_e, shown.effect, shown.breached) == (0.0, None, False)
    missing = RateIncrease(tolerance=0.5).update(rows_of([1, 0, 0], [np.nan, np.nan, 0]))
    assert (missing.missing, missing.evidence("errors", 0.01).n_challenger) == (2, 0)


def test_a_breach_is_the_declared_threshold() -> None:
    state = RateIncrease(tolerance=0.5).update(rows_of([1] * 9, [1] * 9, 0.1))
    assert state.evidence("errors", 0.01).breached
    assert not state.evidence("errors", math.exp(-state.log_e) / 2).breached


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rows_of([1, 0], [1.0]), "different lengths"),
        (lambda: rows_of([1], [1.0], 1.0), "share 0 or 1"),
        (lambda: rows_of([1], [1.0], 1.5), "share has the value 1.5, outside 0 to 1"),
        (lambda: RateIncrease(tolerance=-0.1), "it must be 0 or more"),
        (lambda: RateIncrease(tolerance=0.1).update(rows_of([1], [0.5])), "neither 0 nor 1"),
        (lambda: FlipShare(tolerance=0), "above 0 and below 1"),
        (lambda: FlipShare(tolerance=0.1).update(np.array([0.5])), "neither 0 nor 1"),
        (lambda: MeanShift(bound=1.0), "below 1"),
        (lambda: MeanShift(bound=0.1).update(rows_of([1], [3.0])), "value has the value 3, outside 0 to 1; scale it"),
        (lambda: MeanShift(bound=0.1, above=(0.0,)), "has 1 bets, not 16"),
        (lambda: MeanShift.from_json({"limit": 0.1}), "no MeanShift: .*begin a new state"),
        (lambda: RateIncrease.from_json({"tolerance": 0.1}), "no counts of this release"),
        (lambda: PairedShift(bound=0.1).update(np.zeros(2), np.zeros(3)), "pass pairs"),
        (lambda: MeanShift.combined([]), "no states"),
        (lambda: MeanShift.combined([MeanShift(bound=0.1), MeanShift(bound=0.2)]), "differ in bound"),
        (lambda: MeanInterval(low=1, high=1), "range 1 to 1 is empty"),
        (lambda: DifferenceInterval(share=0.5).update(rows_of([1], [1.0], 0.1)), "another share than 0.5"),
        (lambda: DifferenceInterval(share=1.0), "share is 1"),
        (lambda: log_threshold(1.0), "below 1"),
    ],
)
def test_what_cannot_be_evidence_is_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(EvidenceError, match=message):
        call()
