"""Whether the loop trains, deploys or leaves the model as it is: the pure verdict."""

import pytest

from pipelines.operations.model_state import Candidate, ModelAction, ModelSignals, model_verdict


def candidate(*, current: bool = True, rejected: bool = False, compared_with: str = "1") -> Candidate:
    return Candidate("2", current, rejected, compared_with)


@pytest.mark.parametrize(
    ("signals", "action", "reason"),
    [
        (ModelSignals("1", True, None, None), "none", "version 1 was trained from the present tables"),
        (ModelSignals(None, False, None, None), "train", "no version decides"),
        (ModelSignals("1", False, None, None), "train", "older content"),
        (ModelSignals("1", False, candidate(current=False), None), "train", "older content"),
        (ModelSignals("1", False, candidate(), None), "deploy", "registered and not deployed"),
        (ModelSignals(None, False, candidate(compared_with=""), None), "deploy", "registered and not deployed"),
        (ModelSignals("1", False, candidate(compared_with="0"), None), "train", "older content"),
        (ModelSignals("1", False, candidate(), "2"), "none", "waits for an approver"),
        (ModelSignals(None, False, candidate(), "2"), "none", "waits for an approver"),
        (ModelSignals("1", False, candidate(current=False), "2"), "train", "older content"),
        (ModelSignals("1", False, candidate(rejected=True), None), "none", "was rejected"),
        (ModelSignals(None, False, candidate(rejected=True), None), "train", "no version decides"),
        (ModelSignals("1", False, candidate(current=False), None, ("it leaks",)), "none", "was refused: it leaks"),
        (ModelSignals(None, False, None, None, ("it leaks",)), "train", "no version decides"),
    ],
)
def test_a_training_that_came_to_a_result_is_not_repeated(
    signals: ModelSignals, action: ModelAction, reason: str
) -> None:
    verdict = model_verdict(signals)
    assert verdict.action == action
    assert reason in verdict.reasons[0]
