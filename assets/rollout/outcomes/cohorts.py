"""What the labels say of a rollout: cohorts of decisions whose label is due, each arm beside the other.

Belongs here: rewards of answered decisions, the guard of bad outcomes, the result of an A/B test. Does not belong here:
the join of decisions and labels (`assets.feedback`), signals of the decision process (`trial.py`), shares that follow
results (`bandit.py`).

A decision is in a cohort once its label is due, whatever the label is and whenever it came: so the labels of both arms
have the same age. Decisions are counted once an entity, in the order in which they were made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assets.product import Profit
from assets.product.names import LABEL_AMOUNT
from assets.product.policies.rollout import Rollout
from assets.rollout.assignment import place
from assets.rollout.evidence.intervals import DifferenceInterval, MeanInterval
from assets.rollout.evidence.power import Asked, needed
from assets.rollout.evidence.rates import RateIncrease
from assets.rollout.evidence.rows import ArmRows, SeenEntities, shares_of_both
from assets.rollout.evidence.wealth import Evidence
from assets.rollout.outcomes.bandit import Cohort
from resources.moments import EPOCH

Conclusion = Literal["better", "worse", "no difference that matters", "inconclusive"]
CONFIDENCE = 0.05
"""The chance that the interval of an A/B test misses the truth, at any look."""


@dataclass(frozen=True)
class Terms:
    """What a decision is worth.

    Attributes:
        accept: The outcome of an accepted decision.
        entity: The column that tells entities apart.
        largest_stake: The largest value of the stake; 1 without a stake.
        amounts: The least and the largest amount of outcomes whose target is an amount; `None` of a binary one.
    """

    accept: str
    profit: Profit
    entity: str = "row_id"
    largest_stake: float = 1.0
    amounts: tuple[float, float] | None = None


@dataclass(frozen=True)
class ArmResult:
    """The results of an arm.

    Attributes:
        decisions: Whose label is due.
        accepted, labelled: Of these.
        bad_rate: Share of bad outcomes among the labelled; `None` without any.
        profit: Mean profit a decision; `None` without any.
        profit_low, profit_high: Its interval, which holds whenever one looks.
    """

    arm: str
    version: str
    decisions: int
    accepted: int
    labelled: int
    bad_rate: float | None
    profit: float | None
    profit_low: float
    profit_high: float


@dataclass(frozen=True)
class Experiment:
    """The result of an A/B test so far; it may be read at any time.

    Attributes:
        low, high, estimate: The challenger's metric less the champion's, and its interval.
    """

    hypothesis: str
    metric: str
    smallest_effect: float
    version: str
    low: float | None
    high: float | None
    estimate: float | None
    conclusion: Conclusion
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Point:
    """The interval of an A/B test once so many decisions were counted.

    Attributes:
        at: When the last of them was made.
    """

    at: datetime
    decisions: int
    low: float
    high: float
    estimate: float | None


def rewards(rows: pa.Table, terms: Terms, metric: str) -> NDArray[np.float64]:
    """The profit of each decision, or whether it was accepted and turned out bad, float64 [n]; NaN where unknown.

    A decision that was not accepted earns nothing and cannot turn out bad.

    Args:
        rows: Outcomes: `outcome`, `label` (0, 1, null where unobserved), the amount where the target is one, and the
            stake if the profit has one; `final` where decisions are reviewed.
    """
    accepted = _accepted(rows, terms).to_numpy()
    label = pc.cast(rows["label"], pa.float64()).to_numpy()
    if metric == "bad_rate":
        return np.where(accepted, label, 0.0)
    stake = np.ones(rows.num_rows)
    if terms.profit.stake is not None:
        stake = pc.cast(rows[terms.profit.stake], pa.float64()).to_numpy()
    earned = np.where(label == 1.0, -terms.profit.bad, terms.profit.good) * stake
    if terms.amounts is not None:
        amount = pc.cast(rows[LABEL_AMOUNT], pa.float64()).to_numpy()
        earned = terms.profit.good * stake - terms.profit.bad * amount
    return np.where(accepted, np.where(np.isnan(label), np.nan, earned), 0.0)


def arm_results(rows: pa.Table, terms: Terms) -> tuple[ArmResult, ...]:
    """The results of each arm, by role and version."""
    found = []
    pairs = sorted(set(zip(rows["role"].to_pylist(), rows["bundle"].to_pylist(), strict=True)))
    for role, version in pairs:
        own = rows.filter(pc.and_(pc.equal(rows["role"], role), pc.equal(rows["bundle"], version)))
        profit, bad = rewards(own, terms, "profit"), own["label"].drop_null()
        low, high = _range(terms, "profit")
        interval = MeanInterval(low=low, high=high).update(profit).interval(CONFIDENCE)
        accepted = pc.sum(_accepted(own, terms)).as_py() or 0
        found.append(
            ArmResult(
                role, version, own.num_rows, accepted, len(bad),
                pc.mean(bad).as_py(), interval.estimate, interval.low, interval.high,
            )
        )  # fmt: skip
    return tuple(found)


def bad_rate_evidence(rows: pa.Table, version: str, policy: Rollout, terms: Terms) -> Mapping[str, Evidence]:
    """The evidence of the guard `bad_rate`, and the decisions that it needs at the last share; empty without a guard.

    Args:
        rows: Outcomes of one rollout.
        version: The challenger's.
    """
    guard = policy.guard_of("bad_rate")
    if guard is None:
        return {}
    arms, places = _compared(rows, version, rewards(rows, terms, "bad_rate"), terms)
    counts, _ = SeenEntities.none().first(places, arms.value == 1)
    test = RateIncrease(tolerance=guard.tolerated).update(ArmRows(arms.challenger, arms.value, arms.share, counts))
    evidence = test.evidence("bad_rate", guard.false_alarms)
    if len(arms.share):
        asked = Asked(guard.effect(1.0), guard.false_alarms, float(arms.share[-1]), guard.rare)
        evidence = replace(evidence, needed=needed(test, asked))
    return {"bad_rate": evidence}


def experiment(rows: pa.Table, version: str, policy: Rollout, terms: Terms) -> Experiment:
    """The result of an A/B test on a challenger so far.

    Args:
        rows: Outcomes of the rollout.
    """
    metric, smallest = policy.metric, policy.smallest_effect
    unclear = Experiment(
        policy.hypothesis, metric, smallest, version, None, None, None, "inconclusive", "no label is due yet"
    )
    begun, rows_of, _ = _differences(rows, version, policy, terms)
    if begun is None:
        shares = [f"{share:.4g}" for share in np.unique(rows_of.share)]
        several = f"the challenger had the shares {', '.join(shares)} of both arms, and an interval is of one share"
        return replace(unclear, reason=several) if shares else unclear
    state = begun.update(rows_of)
    interval = state.interval(CONFIDENCE)
    side = -1.0 if metric == "bad_rate" else 1.0
    worst, best = sorted((side * interval.low, side * interval.high))
    conclusion: Conclusion = "inconclusive"
    if worst > 0.0:
        conclusion = "better"
    elif best < 0.0:
        conclusion = "worse"
    elif -smallest < worst and best < smallest:
        conclusion = "no difference that matters"
    reason = f"{metric} differs by {interval.low:.4g} to {interval.high:.4g} over {state.rows} decisions"
    return Experiment(
        policy.hypothesis, metric, smallest, version, interval.low, interval.high, interval.estimate, conclusion, reason
    )


def interval_path(rows: pa.Table, version: str, policy: Rollout, terms: Terms, points: int = 60) -> tuple[Point, ...]:
    """How the interval of an A/B test became what it is, decision by decision; it held at every point.

    Args:
        rows: Outcomes of the rollout.
        points: How many are told, at most.
    """
    state, all_rows, times = _differences(rows, version, policy, terms)
    found: list[Point] = []
    if state is None:
        return ()
    for part in np.array_split(np.arange(len(times)), min(points, len(times))):
        state = state.update(
            ArmRows(all_rows.challenger[part], all_rows.value[part], all_rows.share[part], all_rows.counts[part])
        )
        interval = state.interval(CONFIDENCE)
        at = EPOCH + timedelta(microseconds=int(times[part[-1]]))
        found.append(Point(at, state.rows, interval.low, interval.high, interval.estimate))
    return tuple(found)


def _differences(
    rows: pa.Table, version: str, policy: Rollout, terms: Terms
) -> tuple[DifferenceInterval | None, ArmRows, NDArray[np.int64]]:
    """The empty interval of an A/B test (`None` without decisions of one share), its rows and their times."""
    arms, places = _compared(rows, version, rewards(rows, terms, policy.metric), terms)
    first, _ = SeenEntities.none().first(places, np.ones(len(places), np.bool_))
    shares, (low, high) = np.unique(arms.share), _range(terms, policy.metric)
    state = DifferenceInterval(low=low, high=high, share=float(shares[0])) if len(shares) == 1 else None
    times = np.sort(_moments(rows)[_of_arms(rows, version)])
    return state, ArmRows(arms.challenger, arms.value, arms.share, first), times


def bandit_cohorts(
    rows: pa.Table, terms: Terms, metric: str, maturity: timedelta, changed: Sequence[datetime] = ()
) -> tuple[Cohort, ...]:
    """A cohort for each version among the outcomes of a rollout, and for each period of equal shares.

    Args:
        changed: When shares changed, in order; each is the end of a period and the beginning of the next one.
    """
    ends = np.array([(moment - EPOCH) // timedelta(microseconds=1) for moment in changed], dtype=np.int64)
    period, found = np.searchsorted(ends, _moments(rows), side="right"), []
    values, versions = rewards(rows, terms, metric), np.array(rows["bundle"].to_pylist(), dtype=object)
    for version in sorted(set(versions.tolist())):
        for number in np.unique(period[versions == version]).tolist():
            own = values[(versions == version) & (period == number) & ~np.isnan(values)]
            since = changed[number - 1].isoformat() if number else ""
            found.append(Cohort(version, len(own), float(own.sum()), float((own**2).sum()), maturity, since))
    return tuple(found)


def _compared(
    rows: pa.Table, version: str, values: NDArray[np.float64], terms: Terms
) -> tuple[ArmRows, NDArray[np.float64]]:
    """The decisions of champion and challenger in their order, and the place of each entity."""
    order, chosen = np.argsort(_moments(rows), kind="stable"), _of_arms(rows, version)
    kept = order[chosen[order]]
    challenger, others = pc.equal(rows["bundle"], version), pc.equal(rows["role"], "challenger")
    is_alone = not pc.any(pc.and_(others, pc.invert(challenger))).as_py()
    is_own = challenger.to_numpy()[kept]
    shares = shares_of_both(rows["share"].to_numpy()[kept], is_own, is_alone=is_alone)
    entities = rows[terms.entity].combine_chunks().dictionary_encode(null_encoding="encode")
    of_each = np.array([place("cohorts", [entity]) for entity in entities.dictionary.to_pylist()])
    places = of_each[entities.indices.to_numpy()[kept]]
    counted = np.ones(len(kept), np.bool_)
    return ArmRows(is_own, values[kept], shares, counted), places


def _moments(rows: pa.Table) -> NDArray[np.int64]:
    return np.asarray(rows["decided_at"].cast(pa.int64()).to_numpy(), dtype=np.int64)


def _of_arms(rows: pa.Table, version: str) -> NDArray[np.bool_]:
    """The decisions of champion and challenger while both decided."""
    bundles, roles = np.array(rows["bundle"].to_pylist()), np.array(rows["role"].to_pylist())
    return np.asarray(((roles == "champion") | (bundles == version)) & (rows["share"].to_numpy() < 1.0))


def _accepted(rows: pa.Table, terms: Terms) -> pa.ChunkedArray:
    """Whether each decision accepted in the end: a person may have had the last word."""
    answer = rows["final"] if "final" in rows.column_names else rows["outcome"]
    return pc.fill_null(pc.equal(answer, terms.accept), False)


def _range(terms: Terms, metric: str) -> tuple[float, float]:
    if metric == "bad_rate":
        return 0.0, 1.0
    good = terms.profit.good * terms.largest_stake
    if terms.amounts is not None:
        least, largest = terms.amounts
        return min(0.0, -terms.profit.bad * largest), good + max(0.0, -terms.profit.bad * least)
    return -terms.profit.bad * terms.largest_stake, good
