"""What an arm is worth by propensities, where the truth is known; explored refusals weigh what they stand for."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from assets.product import Profit, Rollout
from assets.rollout.outcomes.cohorts import Terms
from assets.rollout.outcomes.off_policy import Estimate
from assets.rollout.outcomes.values import arm_values
from tests.unit.rollout.rollout_samples import BEGUN

TERMS = Terms(accept="approve", profit=Profit(good=0.1, bad=0.6), entity="customer")
BANDIT = Rollout(strategy="bandit", metric="profit", floor=0.05)
EXPLORED = 0.1
THRESHOLDS = {"1": 0.5, "2": 0.2}


def outcomes(rows: int, *, exploration: float = 0.0, seed: int = 1) -> pa.Table:
    """Decisions of two versions with other thresholds; the share of the second grows from 0.2 to 0.6 half-way.

    Risk is uniform, and the score is the risk: what each version earns follows.
    """
    chance, found = np.random.default_rng(seed), []
    for number in range(rows):
        share = 0.2 if number < rows / 2 else 0.6
        version = "2" if chance.random() < share else "1"
        own, risk = share if version == "2" else 1.0 - share, chance.random()
        refused = risk >= THRESHOLDS[version]
        explored = refused and chance.random() < exploration
        accepted = not refused or explored
        found.append(
            {
                "customer": f"C{number}", "bundle": version, "role": "challenger" if version == "2" else "champion",
                "share": own, "explored": bool(explored), "score": risk,
                "propensity": own * (exploration if explored else 1.0 - exploration if refused else 1.0),
                "threshold": THRESHOLDS[version], "outcome": "approve" if accepted else "decline",
                "label": int(chance.random() < risk) if accepted else None,
                "decided_at": BEGUN + timedelta(seconds=number),
            }
        )  # fmt: skip
    table = pa.Table.from_pylist(found)
    labels = pa.array([row["label"] for row in found], pa.int8())
    return table.set_column(table.column_names.index("label"), "label", labels)


def worth(threshold: float) -> float:
    """The mean profit of accepting every risk below a threshold: the integral of 0.1 (1 - r) - 0.6 r."""
    return 0.1 * threshold - 0.35 * threshold**2


def named(found: tuple[Estimate, ...]) -> dict[tuple[str, str], Estimate]:
    return {(one.policy, one.method): one for one in found}


def holds(estimate: Estimate, truth: float) -> bool:
    assert estimate.value is not None, estimate.reasons
    assert estimate.standard_error is not None
    # Four standard errors: by chance once in 16,000.
    return abs(estimate.value - truth) < 4.0 * estimate.standard_error


@pytest.mark.parametrize("method", ["inverse propensity", "doubly robust"])
@pytest.mark.parametrize("exploration", [0.0, EXPLORED])
def test_each_arm_is_worth_what_it_earns_without_exploration(method: str, exploration: float) -> None:
    found = named(arm_values(outcomes(12_000, exploration=exploration), BANDIT, TERMS))
    for version, threshold in THRESHOLDS.items():
        assert holds(found[f"version {version}", method], worth(threshold)), (version, found)
    difference = found["version 2 − version 1", method]
    assert holds(difference, worth(0.2) - worth(0.5))
    assert difference.low is not None
    assert difference.low > 0.0


def test_a_refusal_that_was_let_past_weighs_the_inverse_of_its_propensity() -> None:
    rows = outcomes(12_000, exploration=EXPLORED)
    found = named(arm_values(rows, BANDIT, TERMS))
    for version in THRESHOLDS:
        everybody = found[f"version {version}, refusing nobody by score", "inverse propensity"]
        assert holds(everybody, worth(1.0)), everybody
    # Without the exploration in it the propensity would make the few explored rows stand for themselves alone.
    blind = rows.set_column(rows.column_names.index("propensity"), "propensity", rows["share"])
    wrong = named(arm_values(blind, BANDIT, TERMS)).get(("version 1, refusing nobody by score", "inverse propensity"))
    assert wrong is None or wrong.value is None or not holds(wrong, worth(1.0))
    assert not [one for one in arm_values(outcomes(2_000), BANDIT, TERMS) if "refusing nobody" in one.policy]


def test_what_is_known_of_a_request_makes_the_doubly_robust_estimate_sharper() -> None:
    """Stakes differ a hundredfold: the line over the stake takes that off, and leaves the estimate where it was."""
    rows, chance = outcomes(12_000), np.random.default_rng(3)
    stakes = np.exp(chance.uniform(0.0, np.log(100.0), rows.num_rows))
    rows = rows.append_column("amount", pa.array(stakes))
    terms = replace(TERMS, profit=Profit(good=0.5, bad=0.1, stake="amount"), largest_stake=100.0)
    found = named(arm_values(rows, BANDIT, terms))
    truth = (0.5 * 0.5 - 0.3 * 0.5**2) * 99.0 / np.log(100.0)
    plain, robust = (found["version 1", method] for method in ("inverse propensity", "doubly robust"))
    assert holds(plain, truth)
    assert holds(robust, truth)
    assert plain.standard_error is not None
    assert robust.standard_error is not None
    assert robust.standard_error < 0.95 * plain.standard_error


def test_scores_that_differ_between_arms_do_not_bias_an_estimate() -> None:
    """No model of rewards may read them: each arm has its own."""
    rows = outcomes(12_000)
    odd = np.where(np.array(rows["bundle"].to_pylist()) == "2", 0.9, rows["score"].to_numpy())
    moved = rows.set_column(rows.column_names.index("score"), "score", pa.array(odd))
    assert arm_values(moved, BANDIT, TERMS) == arm_values(rows, BANDIT, TERMS)


def test_few_decisions_and_unknown_labels_are_told_as_such() -> None:
    few = arm_values(outcomes(60), BANDIT, TERMS)
    assert {one.state for one in few} == {"inconclusive"}
    assert "60 independent decisions are fewer than 100" in few[0].reasons
    rows = outcomes(3_000)
    unknown = rows.set_column(rows.column_names.index("label"), "label", pa.nulls(rows.num_rows, pa.int8()))
    left = arm_values(unknown, BANDIT, TERMS)
    assert left[0].decisions < 3_000, "accepted decisions without a label are left out"


@pytest.mark.parametrize("unknown", [None, 0.0])
def test_a_decision_without_a_propensity_is_told_and_nothing_is_estimated(unknown: float | None) -> None:
    rows = outcomes(1_000)
    given = [unknown, *rows["propensity"].to_pylist()[1:]]
    lacking = rows.set_column(rows.column_names.index("propensity"), "propensity", pa.array(given, pa.float64()))
    for one in arm_values(lacking, BANDIT, TERMS):
        assert (one.state, one.value) == ("inconclusive", None)
        assert one.reasons[0].startswith("1 of 1,000 decisions have ")


def test_a_bad_rate_is_valued_alike() -> None:
    found = named(arm_values(outcomes(12_000), replace(BANDIT, metric="bad_rate"), TERMS))
    for method in ("inverse propensity", "doubly robust"):
        assert holds(found["version 1", method], 0.5 * 0.5**2)
