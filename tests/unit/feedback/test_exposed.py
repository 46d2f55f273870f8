"""Whom a version that was rolled back has decided for."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assets.feedback.exposed import keep_exposed
from assets.product import Rollout
from assets.rollout.moves import Who, advanced, begun, reassigned, rolled_back, taken_out
from resources.lake import Lake
from resources.rollout_store.manifest import Release, RolloutManifest
from tests.support.models.decision_samples import another, write
from tests.unit.rollout.rollout_samples import BEGUN, FIRST, SECOND, WHO, under_way


def test_whom_a_rolled_back_version_decided_for_is_kept_once(tmp_path: Path) -> None:
    lake, log, now = Lake(str(tmp_path / "lake")), tmp_path / "log", datetime.now(UTC)
    state = advanced(under_way(), WHO)
    of_rollout = [
        another(product="loans", row_id=f"A{n}", bundle=bundle, role=role, rollout=state.rollout, decided_at=now)
        for n, (bundle, role) in enumerate([("1", "champion"), ("2", "challenger"), ("2", "challenger")])
    ]
    shadow = another(product="loans", row_id="A1", bundle="2", role="shadow", rollout=state.rollout, decided_at=now)
    write(log, *of_rollout, shadow)
    assert keep_exposed(lake, log, state) == 0
    back = rolled_back(state, Who("guard", "errors", now))
    assert (keep_exposed(lake, log, back), keep_exposed(lake, log, back)) == (2, 0)
    rows = lake.read("loans/exposed")
    assert rows["row_id"].to_pylist() == ["A1", "A2"]
    assert set(rows["rollout"].to_pylist()) == {state.rollout}


def bandit_of_weeks(log: Path, reassignments: int) -> RolloutManifest:
    """Versions 2 and 3 beside the champion; each of them has decided for one row on the second day."""
    third = Release(version="3", digest="3" * 64)
    state = begun(FIRST, (SECOND, third), Rollout(strategy="bandit", share=0.4), WHO)
    day = BEGUN + timedelta(days=1)
    write(
        log,
        *(
            another(product="loans", row_id=f"A{bundle}", bundle=bundle, rollout=state.rollout, decided_at=day)
            for bundle in ("1", "2", "3")
        ),
    )
    for number in range(reassignments):
        who = Who("steward", "results", BEGUN + timedelta(days=2, hours=number))
        state = reassigned(state, who, {"2": 0.2, "3": 0.2})
    return state


@pytest.mark.parametrize("reassignments", [1, 120])
def test_whom_one_of_several_challengers_decided_for_weeks_ago_is_kept(tmp_path: Path, reassignments: int) -> None:
    """Changes name all challengers together; after many of them the beginning is no longer remembered."""
    lake, log = Lake(str(tmp_path / "lake")), tmp_path / "log"
    state = bandit_of_weeks(log, reassignments)
    who = Who("guard", "errors", BEGUN + timedelta(days=40))
    state = taken_out(state, who, "2")
    assert (keep_exposed(lake, log, state), lake.read("loans/exposed")["row_id"].to_pylist()) == (1, ["A2"])
    assert keep_exposed(lake, log, rolled_back(state, who)) == 1
    assert lake.read("loans/exposed")["row_id"].to_pylist() == ["A2", "A3"]
