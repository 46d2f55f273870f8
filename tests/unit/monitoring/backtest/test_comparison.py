"""The two columns of a backtest, by hand."""

import numpy as np
import pytest

from assets.bundle.answers import ACCEPT, REFER, REFUSE
from assets.monitoring.backtest.comparison import Judged, difference, differences_by_group
from assets.product import DecisionPolicy, Profit

PROFIT = Profit(good=10.0, bad=100.0)
POLICY = DecisionPolicy(accept="yes", refuse="no", profit=PROFIT)
REVIEWED = DecisionPolicy(
    accept="yes", refuse="no", profit=PROFIT, refer="look", review_cost=2.0, review_accuracy=0.9
)  # fmt: skip


def judged(
    decided: list[int], other: list[int], label: list[int], *, expected: float = 0.0, cluster: list[int] | None = None
) -> Judged:
    labels = np.array(label, np.int8)
    earned = np.where(labels < 0, np.nan, np.where(labels == 1, -PROFIT.bad, PROFIT.good))
    rows = len(label)
    return Judged(
        np.array(decided, np.int8), np.array(other, np.int8), labels, earned, np.full(rows, expected),
        np.arange(rows) if cluster is None else np.array(cluster), {"sex": np.array(["f", "m"] * rows)[:rows]},
    )  # fmt: skip


def test_a_bad_row_that_would_have_been_refused_is_a_gain() -> None:
    found = difference(judged([ACCEPT] * 4, [ACCEPT, REFUSE, REFUSE, ACCEPT], [0, 1, 0, 0]), POLICY)
    assert (found.decided.profit, found.other.profit, found.gain) == (-70.0, 20.0, 90.0)
    assert (found.decided.bad_rate, found.other.bad_rate) == (0.25, 0.0)
    (flip,) = found.flips
    assert (flip.before, flip.after, flip.rows, flip.labelled, flip.bad, flip.gain) == (
        "accepted", "refused", 2, 2, 1, 90.0
    )  # fmt: skip
    assert found.over == "all"


def test_what_a_refused_row_would_have_earned_is_not_known() -> None:
    """It is counted and its expectation stands beside, but it is in no profit."""
    rows = judged([ACCEPT, REFUSE, REFUSE], [ACCEPT, ACCEPT, REFUSE], [0, -1, -1], expected=4.0)
    found = difference(rows, POLICY)
    assert (found.over, found.labelled, found.rows, found.gain) == ("accepted", 1, 3, 0.0)
    (flip,) = found.flips
    assert (flip.before, flip.after, flip.labelled, flip.expected) == ("refused", "accepted", 0, 4.0)


def test_a_review_earns_what_it_decides_rightly_less_its_cost() -> None:
    found = difference(judged([ACCEPT, ACCEPT], [REFER, REFER], [0, 1]), REVIEWED)
    assert found.other.profit == pytest.approx(10.0 * 0.9 - 2.0 - 100.0 * 0.1 - 2.0)
    assert (found.other.referred, found.other.accepted) == (2, 0)


def test_the_interval_counts_an_entity_once() -> None:
    """Ten rows of each entity turn out alike: the interval is that of the entities, and so the wider."""
    rng = np.random.default_rng(1)
    entities = 200
    label = np.repeat((rng.random(entities) < 0.2).astype(int), 10).tolist()
    decided, other = [ACCEPT] * len(label), [REFUSE] * len(label)
    alone = difference(judged(decided, other, label), POLICY)
    alike = difference(judged(decided, other, label, cluster=np.repeat(np.arange(entities), 10).tolist()), POLICY)
    assert alone.low is not None
    assert alone.high is not None
    assert alike.low is not None
    assert alike.high is not None
    assert alone.gain == alike.gain
    assert (alike.high - alike.low) / (alone.high - alone.low) == pytest.approx(np.sqrt(10), rel=0.01)


def test_the_interval_holds_the_true_gain_in_most_cases() -> None:
    """Of 400 draws with a known mean the 95% interval misses about 20."""
    rng, missed = np.random.default_rng(2), 0
    for _ in range(400):
        label = (rng.random(500) < 0.3).astype(int).tolist()
        found = difference(judged([ACCEPT] * 500, [REFUSE] * 500, label), POLICY)
        assert found.low is not None
        assert found.high is not None
        missed += not found.low <= 500 * (0.3 * 100 - 0.7 * 10) <= found.high
    assert 8 <= missed <= 36


def test_rows_that_do_not_change_have_no_interval_and_no_flips() -> None:
    found = difference(judged([ACCEPT, REFUSE], [ACCEPT, REFUSE], [0, -1]), POLICY)
    assert (found.gain, found.low, found.flips) == (0.0, None, ())


def test_groups_add_up() -> None:
    rows = judged([ACCEPT] * 4, [ACCEPT, REFUSE, REFUSE, ACCEPT], [0, 1, 0, 0])
    by_group = differences_by_group(rows, POLICY)["sex"]
    assert sum(one.gain for one in by_group.values()) == difference(rows, POLICY).gain
    assert {name: one.rows for name, one in by_group.items()} == {"f": 2, "m": 2}
