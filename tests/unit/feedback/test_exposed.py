"""Whom a version that was rolled back has decided for."""

from datetime import UTC, datetime
from pathlib import Path

from assets.feedback.exposed import keep_exposed
from assets.rollout.moves import Who, advanced, rolled_back
from resources.lake import Lake
from tests.support.decision_samples import another, write
from tests.unit.rollout.rollout_samples import WHO, under_way


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
