"""The results of a rollout's arms, from the lake's outcomes.

Belongs here: reading the outcomes of a rollout, the terms by which a product judges them. Does not belong here: the
figures and tests over them (`cohorts.py`, `bandit.py`), the join of decisions and labels (`assets.feedback`).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.product import Product
from assets.product.names import LABEL_AMOUNT, OUTCOMES, table_name
from assets.product.policies.rollout import Rollout
from assets.rollout.moves import last_begun, policy_of
from assets.rollout.outcomes.bandit import Allocation, BanditPolicy, next_shares
from assets.rollout.outcomes.cohorts import (
    ArmResult,
    Experiment,
    Point,
    Terms,
    arm_results,
    bad_rate_evidence,
    bandit_cohorts,
    experiment,
    interval_path,
)
from assets.rollout.outcomes.off_policy import Estimate
from assets.rollout.outcomes.values import arm_values
from assets.rollout.steward import Late
from resources.lake import Lake
from resources.rollout_store.manifest import RolloutManifest

_FEWEST = 2


def outcomes_of(lake: Lake, product: Product, rollout: str) -> pa.Table | None:
    """The outcomes of the decisions of a rollout; `None` where there are none yet.

    Raises:
        LakeError: The table is damaged.
    """
    name = table_name(product.name, OUTCOMES)
    if not lake.exists(name):
        return None
    rows = lake.read(name)
    rows = rows.filter(pc.equal(rows["rollout"], rollout))
    return _whole(rows) if rows.num_rows else None


def _whole(rows: pa.Table) -> pa.Table:
    """Outcomes of days that older code made lack what tells entities apart, and the propensity."""
    nothing = pa.nulls(rows.num_rows, pa.bool_())
    for name, known in (("entity", rows["row_id"]), ("propensity", rows["share"]), ("explored", nothing)):
        if name in rows.column_names:
            known = pc.coalesce(rows[name], known)
            rows = rows.drop_columns([name])
        rows = rows.append_column(name, known)
    return rows


def terms_of(product: Product, rows: pa.Table) -> Terms:
    """How the product judges outcomes. The largest stake is that of the rows, as contracts need not bound it."""
    decision = product.decision
    stake = decision.profit.stake
    largest = 1.0 if stake is None else float(pc.max(rows[stake]).as_py() or 1.0)
    ends = None
    if LABEL_AMOUNT in rows.column_names:
        least, most = pc.min_max(rows[LABEL_AMOUNT]).as_py().values()
        ends = (float(least or 0.0), float(most or 0.0))
    return Terms(accept=decision.accept, profit=decision.profit, entity="entity", largest_stake=largest, amounts=ends)


def late_of(lake: Lake, product: Product, state: RolloutManifest | None) -> Late:
    """What the labels say of the rollout under way.

    Raises:
        LakeError: The table is damaged.
    """
    maturity = product.label.maturity
    rows = None if state is None or not state.rollout else outcomes_of(lake, product, state.rollout)
    if state is None or rows is None:
        return Late(maturity)
    terms, policy = terms_of(product, rows), policy_of(state)
    versions = [one.release.version for one in state.challengers]
    return Late(maturity, {version: bad_rate_evidence(rows, version, policy, terms) for version in versions})


@dataclass(frozen=True)
class Results:
    """What the labels say of the arms of a rollout so far.

    Attributes:
        arms: The results of each arm.
        experiments: Of each challenger beside the champion; empty but in an A/B test.
        paths: How the interval of each experiment became what it is.
        allocation: The next shares of a bandit under way; `None` but then.
        values: What each arm is worth by propensities; empty but in an A/B test or a bandit.
    """

    arms: tuple[ArmResult, ...] = ()
    experiments: tuple[Experiment, ...] = ()
    paths: tuple[tuple[Point, ...], ...] = ()
    allocation: Allocation | None = None
    values: tuple[Estimate, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON values, without the paths."""
        return {
            "arms": [asdict(arm) for arm in self.arms],
            "experiments": [one.to_dict() for one in self.experiments],
            "allocation": None if self.allocation is None else self.allocation.to_dict(),
            "values": [one.to_dict() for one in self.values],
        }


def results_of(lake: Lake, product: Product, state: RolloutManifest | None) -> Results:
    """The results of the rollout under way, or else of the last one; empty while no label is due.

    Raises:
        LakeError: The table is damaged.
    """
    begun = None if state is None else last_begun(state)
    rows = None if begun is None else outcomes_of(lake, product, begun.rollout)
    if state is None or begun is None or rows is None:
        return Results()
    terms, policy = terms_of(product, rows), begun.policy
    compared = begun.versions if policy.strategy == "ab_test" else ()
    is_moving = policy.strategy == "bandit" and bool(state.rollout)
    return Results(
        arms=arm_results(rows, terms),
        experiments=tuple(experiment(rows, version, policy, terms) for version in compared),
        paths=tuple(interval_path(rows, version, policy, terms) for version in compared),
        allocation=_allocation(rows, product, state, policy, terms) if is_moving else None,
        values=arm_values(rows, policy, terms) if policy.strategy in ("ab_test", "bandit") else (),
    )


def _allocation(rows: pa.Table, product: Product, state: RolloutManifest, policy: Rollout, terms: Terms) -> Allocation:
    shares = {one.release.version: one.share for one in state.challengers}
    shares = {state.champion.version: 1.0 - sum(shares.values()), **shares}
    changed = sorted(move.at for move in state.moves if move.action in ("reassign", "roll_back"))
    cohorts = bandit_cohorts(rows, terms, policy.metric, product.label.maturity, changed)
    # A period in which an arm has hardly decided compares nothing.
    there: dict[str, set[str]] = {}
    for one in cohorts:
        if one.decisions >= _FEWEST:
            there.setdefault(one.period, set()).add(one.arm)
    known = [one for one in cohorts if one.arm in shares and shares.keys() <= there.get(one.period, set())]
    bandit = BanditPolicy(reward=policy.metric, maturity=product.label.maturity, floor=policy.floor)
    return next_shares(known, shares, bandit, seed=state.generation)


def brief(values: Sequence[Estimate]) -> list[dict[str, Any]]:
    """What each arm is worth, as it is recorded with a move that follows from it."""
    names = ("policy", "method", "state", "value", "low", "high")
    return [{name: getattr(one, name) for name in names} for one in values]
