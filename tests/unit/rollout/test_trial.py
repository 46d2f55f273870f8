"""What processes have seen of a rollout: counted once, read together, told as JSON."""

from datetime import timedelta

import numpy as np
import pytest

from assets.rollout.evidence.rows import EvidenceError
from assets.rollout.moves import advanced
from assets.rollout.steps import ASSIGNMENT
from assets.rollout.trial import Trial, read_together, trials_of
from tests.unit.rollout.rollout_samples import BEGUN, POLICY, WHO, seen, under_way

LATER = BEGUN + timedelta(minutes=1)
NONE = Trial.none("rollout-2", POLICY, BEGUN)


def test_a_trial_is_read_back_as_it_was_written() -> None:
    canary = advanced(under_way(), WHO)
    trial = NONE.after(list(seen(under_way(), 50, np.random.default_rng(1))), LATER)
    trial = trial.after(list(seen(canary, 500, np.random.default_rng(2))), LATER)
    again = Trial.from_json(trial.to_json())
    assert again.to_json() == trial.to_json()
    assert (again.requests, again.tests) == (trial.requests, trial.tests)
    assert 20 < trial.requests[1] < 90
    assert trial.requests[0] == 50
    with pytest.raises(EvidenceError):
        Trial.from_json(b"{}")


def test_a_record_that_cannot_be_read_and_those_of_other_versions_are_left_out() -> None:
    records = {"2.a-1": NONE.to_json(), "2.b-2": b"torn", "22.a-1": NONE.to_json()}
    assert len(trials_of("loans", "2", records)) == 1


def test_one_batch_or_several_give_the_same() -> None:
    rows = list(seen(advanced(under_way(), WHO), 600, np.random.default_rng(3), errors=0.05))
    whole, parts = NONE.after(rows, LATER), NONE
    for start in range(0, len(rows), 70):
        parts = parts.after(rows[start : start + 70], LATER)
    assert parts.to_json() == whole.to_json()


def test_an_entity_that_another_process_has_counted_counts_no_more() -> None:
    rows = list(seen(advanced(under_way(), WHO), 400, np.random.default_rng(4), errors=0.2))
    one = NONE.after(rows, LATER)
    other = NONE.after(rows, LATER, elsewhere=[one])
    alone, both = (read_together(trials, POLICY, "canary") for trials in ([one], [one, other]))
    assert both.requests[1] == 2 * alone.requests[1]
    for signal in ("errors", "score", ASSIGNMENT):
        assert both.evidence[signal].log_e == pytest.approx(alone.evidence[signal].log_e), signal


def test_evidence_of_several_processes_multiplies() -> None:
    canary = advanced(under_way(), WHO)
    trials = [
        NONE.after(list(seen(canary, 300, np.random.default_rng(n), errors=0.3)), LATER) for n in range(3)
    ]  # fmt: skip
    together = read_together(trials, POLICY, "canary").evidence["errors"]
    assert together.log_e > max(read_together([one], POLICY, "canary").evidence["errors"].log_e for one in trials) + 3


@pytest.mark.parametrize("share_step", [0, 1, 2])
@pytest.mark.parametrize(("fault", "signal"), [({"errors": 0.1}, "errors"), ({"shift": 0.25}, "score")])
def test_a_planted_fault_is_found_and_an_equal_model_is_not(
    share_step: int, fault: dict[str, float], signal: str
) -> None:
    state = under_way()
    for _ in range(share_step):
        state = advanced(state, WHO)
    chance = np.random.default_rng(5)
    rows = list(seen(state, 6000 if share_step == 1 else 2000, chance, **fault))  # type: ignore[arg-type]
    bad = read_together([NONE.after(rows, LATER)], POLICY, state.stage)
    assert bad.evidence[signal].breached, bad.evidence[signal]
    good = read_together([NONE.after(list(seen(state, 4000, chance)), LATER)], POLICY, state.stage)
    assert [name for name, one in good.evidence.items() if one.breached] == []
