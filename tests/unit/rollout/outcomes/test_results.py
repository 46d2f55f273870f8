"""What labels say of the arms of a rollout: bad outcomes, an A/B test, the next shares of a bandit."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets.product import Profit, Rollout
from assets.rollout.assignment import CHAMPION, arm_of
from assets.rollout.moves import Who, begun, reassigned, taken_out
from assets.rollout.outcomes.cohorts import Terms, arm_results, bad_rate_evidence, bandit_cohorts, experiment, rewards
from assets.rollout.outcomes.results import late_of, results_of
from resources.lake import Lake
from resources.rollout_store.manifest import Release, RolloutManifest
from tests.support.models.evaluated_bundle import PRODUCT
from tests.unit.rollout.rollout_samples import BEGUN, FIRST, SECOND, WHO

THIRD = Release(version="3", digest="3" * 64)
TERMS = Terms(accept="approve", profit=Profit(good=0.1, bad=0.6))
AB_TEST = Rollout(strategy="ab_test", hypothesis="fewer defaults", metric="bad_rate", smallest_effect=0.05, share=0.5)
BANDIT = Rollout(strategy="bandit", metric="profit", share=0.3, floor=0.05)


def outcomes(state: RolloutManifest, rows: int, bad: dict[str, float], seed: int = 1) -> pa.Table:
    """Answered decisions with their labels; each version accepts nine of ten and has its own bad rate."""
    chance = np.random.default_rng(seed)
    shares = [one.share for one in state.challengers]
    found = []
    for number in range(rows):
        arm = arm_of(f"loans/{state.rollout}", [number], shares)
        release = state.champion if arm == CHAMPION else state.challengers[arm].release
        accepted = chance.random() < 0.9
        found.append(
            {
                "decision_id": f"d{number}", "row_id": f"A{number}", "entity": f"E{number}", "rollout": state.rollout,
                "role": "champion" if arm == CHAMPION else "challenger", "bundle": release.version,
                "share": 1.0 - sum(shares) if arm == CHAMPION else shares[arm],
                "propensity": 1.0 - sum(shares) if arm == CHAMPION else shares[arm], "explored": False,
                "score": 0.5 - 0.4 * accepted, "threshold": 0.3,
                "decided_at": BEGUN + timedelta(seconds=number), "outcome": "approve" if accepted else "decline",
                "label": int(chance.random() < bad[release.version]) if accepted else None,
                "day": date(2026, 9, 1),
            }
        )  # fmt: skip
    table = pa.Table.from_pylist(found)
    return table.set_column(
        table.column_names.index("label"), "label", pa.array([row["label"] for row in found], pa.int8())
    )


def ab_test(policy: Rollout = AB_TEST) -> RolloutManifest:
    return begun(FIRST, (SECOND,), policy, WHO)


def test_a_decision_earns_by_its_outcome_and_nothing_where_it_was_refused() -> None:
    rows = pa.table(
        {"outcome": ["approve", "approve", "approve", "decline"], "label": pa.array([0, 1, None, None], pa.int8())}
    )
    assert rewards(rows, TERMS, "profit").tolist() == pytest.approx([0.1, -0.6, float("nan"), 0.0], nan_ok=True)
    assert rewards(rows, TERMS, "bad_rate").tolist() == pytest.approx([0.0, 1.0, float("nan"), 0.0], nan_ok=True)


def test_worse_outcomes_of_the_challenger_are_a_breach_and_equal_ones_are_not() -> None:
    state = ab_test()
    worse = bad_rate_evidence(outcomes(state, 4000, {"1": 0.1, "2": 0.3}), "2", AB_TEST, TERMS)["bad_rate"]
    assert worse.breached
    assert worse.value_challenger == pytest.approx(0.27, abs=0.03)
    equal = bad_rate_evidence(outcomes(state, 4000, {"1": 0.1, "2": 0.1}), "2", AB_TEST, TERMS)["bad_rate"]
    assert not equal.breached


@pytest.mark.parametrize(
    ("bad", "conclusion"), [(0.45, "worse"), (0.02, "better"), (0.2, "no difference that matters")]
)
def test_an_a_b_test_concludes_by_its_interval(bad: float, conclusion: str) -> None:
    found = experiment(outcomes(ab_test(), 12_000, {"1": 0.2, "2": bad}), "2", AB_TEST, TERMS)
    assert found.conclusion == conclusion, found
    assert found.low is not None
    assert found.high is not None
    assert found.low < (bad - 0.2) * 0.9 < found.high


@pytest.mark.parametrize("share", [0.05, 0.1, 0.2, 0.7])
def test_the_share_of_an_a_b_test_is_one_number_whichever_arm_says_it(share: float) -> None:
    """The champion's decisions record its own share, and 1 - (1 - 0.2) is not 0.2."""
    policy = replace(AB_TEST, share=share)
    rows = outcomes(ab_test(policy), 4_000, {"1": 0.2, "2": 0.2})
    found = experiment(rows, "2", policy, TERMS)
    assert found.low is not None, found.reason
    evidence = bad_rate_evidence(rows, "2", policy, TERMS)["bad_rate"]
    assert evidence.effect == pytest.approx(0.0, abs=0.5)


def test_an_arm_beside_other_challengers_is_compared_with_the_champion_alone() -> None:
    """Of both arms' entities the challenger has its share over that of both, not its share of all."""
    policy = replace(AB_TEST, share=0.6)
    state = begun(FIRST, (SECOND, THIRD), policy, WHO)
    equal = {"1": 0.3, "2": 0.3, "3": 0.3}
    for version in ("2", "3"):
        breaches = 0
        for seed in range(3):
            rows = outcomes(state, 3_000, equal, seed)
            found = experiment(rows, version, policy, TERMS)
            assert found.low is not None, found.reason
            assert found.high is not None
            assert found.low < 0.0 < found.high
            breaches += bad_rate_evidence(rows, version, policy, TERMS)["bad_rate"].breached
        assert breaches == 0
    worse = bad_rate_evidence(outcomes(state, 3_000, equal | {"3": 0.7}), "3", policy, TERMS)["bad_rate"]
    assert worse.breached


def test_an_a_b_test_whose_shares_changed_says_so() -> None:
    """Another challenger was taken out: the champion decides for more since."""
    policy = replace(AB_TEST, share=0.6)
    state = begun(FIRST, (SECOND, THIRD), policy, WHO)
    later = taken_out(state, WHO, "3")
    rows = [outcomes(one, 500, {"1": 0.2, "2": 0.2, "3": 0.2}) for one in (state, later)]
    after = pc.add(rows[1]["decided_at"], pa.scalar(timedelta(days=1)))
    rows[1] = rows[1].set_column(rows[1].column_names.index("decided_at"), "decided_at", after)
    found = experiment(pa.concat_tables(rows), "2", policy, TERMS)
    assert found.conclusion == "inconclusive"
    assert found.reason.startswith("the challenger had the shares 0.3, 0.4286 of both arms")


def test_few_labels_are_inconclusive() -> None:
    found = experiment(outcomes(ab_test(), 60, {"1": 0.2, "2": 0.4}), "2", AB_TEST, TERMS)
    assert found.conclusion == "inconclusive"


def test_the_shares_of_a_bandit_follow_the_better_arm_and_keep_their_floor(tmp_path: Path) -> None:
    lake, state = Lake(str(tmp_path)), ab_test(BANDIT)
    for _ in range(8):
        rows = outcomes(state, 3000, {"1": 0.3, "2": 0.05})
        lake.replace("loans/outcomes", rows, days=[date(2026, 9, 1)])
        results = results_of(lake, PRODUCT, state)
        assert results.allocation is not None
        if results.allocation.action == "move":
            who = Who("steward", "; ".join(results.allocation.reasons), datetime.now(UTC))
            state = reassigned(state, who, results.allocation.shares)
    assert state.challengers[0].share == pytest.approx(0.95, abs=0.01)
    assert {arm.arm for arm in results.arms} == {"champion", "challenger"}


def test_a_bandit_compares_arms_within_periods_of_equal_shares(tmp_path: Path) -> None:
    """The challenger is better in a good month and in a bad one, and decided for most in the bad one."""
    lake, first = Lake(str(tmp_path)), ab_test(replace(BANDIT, share=0.1))
    look = Who("steward", "results", BEGUN + timedelta(days=30))
    second = reassigned(first, look, {"2": 0.9})
    good = outcomes(first, 6_000, {"1": 0.10, "2": 0.03})
    bad = outcomes(second, 6_000, {"1": 0.45, "2": 0.38})
    later = pc.add(bad["decided_at"], pa.scalar(timedelta(days=31)))
    bad = bad.set_column(bad.column_names.index("decided_at"), "decided_at", later)
    lake.replace("loans/outcomes", pa.concat_tables([good, bad]), days=[date(2026, 9, 1)])
    allocation = results_of(lake, PRODUCT, second).allocation
    assert allocation is not None
    assert allocation.best["2"] > 0.95
    # A period that lacks an arm says nothing of the others.
    alone = good.filter(pc.equal(good["bundle"], "1"))
    lake.replace("loans/outcomes", pa.concat_tables([alone, bad]), days=[date(2026, 9, 1)])
    allocation = results_of(lake, PRODUCT, second).allocation
    assert allocation is not None
    assert allocation.best["2"] > 0.95


def test_labels_are_read_from_the_outcomes_of_the_rollout_alone(tmp_path: Path) -> None:
    lake, state = Lake(str(tmp_path)), ab_test()
    assert late_of(lake, PRODUCT, state).evidence == {}
    other = begun(FIRST.changed("pause", by="x", reason="y", at=BEGUN), (SECOND,), AB_TEST, WHO)
    both = pa.concat_tables(
        [outcomes(state, 500, {"1": 0.1, "2": 0.1}), outcomes(other, 500, {"1": 0.1, "2": 0.9}, seed=2)]
    )
    lake.replace("loans/outcomes", both, days=[date(2026, 9, 1)])
    assert not late_of(lake, PRODUCT, state).evidence["2"]["bad_rate"].breached
    assert late_of(lake, PRODUCT, other).evidence["2"]["bad_rate"].breached
    assert late_of(lake, PRODUCT, FIRST).evidence == {}
    assert [arm.decisions for arm in arm_results(outcomes(state, 100, {"1": 0.1, "2": 0.1}), TERMS)] != []
    cohorts = bandit_cohorts(outcomes(state, 100, {"1": 0.1, "2": 0.1}), TERMS, "profit", timedelta(days=90))
    assert [cohort.arm for cohort in cohorts] == ["1", "2"]


def test_outcomes_that_older_code_made_are_judged_by_row_and_share(tmp_path: Path) -> None:
    lake, state = Lake(str(tmp_path)), ab_test()
    rows = outcomes(state, 600, {"1": 0.1, "2": 0.1}).drop_columns(["entity", "propensity", "explored"])
    lake.replace("loans/outcomes", rows, days=[date(2026, 9, 1)])
    old = results_of(lake, PRODUCT, state)
    lake.replace("loans/outcomes", outcomes(state, 600, {"1": 0.1, "2": 0.1}), days=[date(2026, 9, 1)])
    assert results_of(lake, PRODUCT, state) == old
    assert old.values[0].state == "estimated"


def test_rows_of_one_entity_count_once() -> None:
    """Its arm was thrown once: twenty rows of each of a hundred entities say no more than a hundred."""
    state = ab_test()
    rows = outcomes(state, 2_000, {"1": 0.1, "2": 0.4})
    whose = rows.set_column(
        rows.column_names.index("entity"), "entity", pa.array([f"E{number % 100}" for number in range(2_000)])
    )
    alone, together = (experiment(table, "2", AB_TEST, replace(TERMS, entity="entity")) for table in (rows, whose))
    assert "over 1" in alone.reason
    assert "over 9" in together.reason or "over 100 " in together.reason
