from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from assets.monitoring.retraining.helped import Compared, Fate, HelpAction, Retraining, help_verdict

BETTER = Compared(0.80, 0.75, "on the same test rows", 0.02, 0.08)
SAME = Compared(0.752, 0.75, "on the same test rows", -0.01, 0.014)
WORSE = Compared(0.70, 0.75, "on the same test rows", -0.08, -0.02)
FOUND = Retraining(
    kinds=frozenset({"performance"}), since=date(2026, 1, 1), trained_at=datetime(2026, 6, 1, tzinfo=UTC), version="4",
    fate="decides", compared=(BETTER,), maturity=timedelta(days=90),
)  # fmt: skip


def test_a_model_that_is_better_beyond_chance_helped() -> None:
    found = help_verdict(FOUND)
    assert found.action == "helped"
    assert found.reasons == ("AUC 0.800, 0.750 before: +0.050 (95%: +0.020 to +0.080), on the same test rows",)


@pytest.mark.parametrize(
    ("compared", "said"), [(SAME, "cannot be told from the model before"), (WORSE, "ranks worse than the model before")]
)
def test_one_that_is_not_is_said_with_what_else_may_be_wrong(compared: Compared, said: str) -> None:
    found = help_verdict(replace(FOUND, compared=(compared,)))
    assert found.action == "no help"
    assert said in found.reasons[0]
    assert found.reasons[-1].startswith("what else may be wrong: the features do not tell what changed")


def test_the_same_cause_for_the_new_champion_outweighs_a_better_test() -> None:
    found = help_verdict(replace(FOUND, asks_again=frozenset({"performance", "drift"})))
    assert (found.action, found.reasons[0]) == ("no help", "performance asks for a retraining of version 4 too")
    other = help_verdict(replace(FOUND, asks_again=frozenset({"drift"})))
    assert other.action == "helped", "another cause is another matter"


def test_the_newest_comparison_decides() -> None:
    realised = Compared(0.70, 0.76, "by the labels of 28 days", -0.09, -0.03)
    assert help_verdict(replace(FOUND, compared=(BETTER, realised))).action == "no help"


@pytest.mark.parametrize(
    ("fate", "action"),
    [("in rollout", "open"), ("waits", "open"), ("rolled back", "no help"), ("succeeded", "unknown"),
     ("refused", "no help")],
)  # fmt: skip
def test_where_the_version_stands_counts(fate: Fate, action: HelpAction) -> None:
    assert help_verdict(replace(FOUND, fate=fate, refused=("min_auc: 0.6 below 0.7",))).action == action


def test_a_change_that_is_younger_than_its_labels_is_suspected() -> None:
    young = replace(FOUND, compared=(SAME,), trained_at=datetime(2026, 2, 1, tzinfo=UTC))
    told = "labels of rows since 2026-01-01 are final from 2026-04-01 on"
    assert any(told in reason for reason in help_verdict(young).reasons)
    old = replace(young, trained_at=datetime(2026, 4, 2, tzinfo=UTC))
    assert not any("too young" in reason for reason in help_verdict(old).reasons)


def test_a_standing_data_fault_is_suspected_first() -> None:
    found = help_verdict(replace(FOUND, compared=(SAME,), faults=("scaled: amount is 100 times",)))
    suspected = [reason for reason in found.reasons if reason.startswith("what else")]
    assert suspected[0] == "what else may be wrong: a data fault stands: scaled: amount is 100 times"


def test_a_scheduled_one_need_not_be_better() -> None:
    routine = replace(FOUND, kinds=frozenset({"schedule"}), since=None, compared=(SAME,))
    assert help_verdict(routine).action == "helped"
    assert help_verdict(replace(routine, compared=())).action == "unknown"
    assert help_verdict(replace(routine, compared=(WORSE,))).action == "no help"
