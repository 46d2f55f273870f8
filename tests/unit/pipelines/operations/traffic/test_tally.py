"""What became of requests: reading answers, and counting them."""

import json

import pytest

from pipelines.operations.traffic.tally import Answer, Tally, read_answer

DECISION = {"decision_id": "x", "outcome": "accept", "role": "champion", "bundle": "3", "fallback": None}


def decided(seconds: float = 0.01, **change: object) -> Answer:
    return read_answer(200, json.dumps(DECISION | change).encode(), seconds)


def test_answers_are_counted_by_what_they_say() -> None:
    tally = Tally(sent=8, held_back=2)
    for answer in (
        decided(),
        decided(outcome="refuse", role="challenger", bundle="4"),
        decided(fallback="policy"),
        read_answer(400, b'{"error": "the request is invalid", "problems": ["field a is missing", "b too"]}', 0.001),
        read_answer(400, b'{"error": "another", "problems": []}', 0.001),
        read_answer(503, b"<html>a proxy</html>", 0.001),
        Answer(2.0, silence="timeout", said="no answer within 2 s"),
    ):
        tally.add(answer)
    found = tally.summary(4.0)
    assert (found.planned, found.sent, found.held_back, found.decided, found.answered) == (10, 8, 2, 3, 6)
    assert (found.refused, found.unanswered) == ({"400": 2, "503": 1}, {"timeout": 1})
    assert (found.outcomes, found.roles) == ({"accept": 2, "refuse": 1}, {"champion": 2, "challenger": 1})
    assert (found.bundles, found.fallbacks) == ({"3": 2, "4": 1}, {"policy": 1})
    assert found.said == {
        "400": "the request is invalid; field a is missing; b too",
        "503": "<html>a proxy</html>",
        "timeout": "no answer within 2 s",
    }
    assert json.loads(json.dumps(found.to_dict()))["answered"] == 6


def test_latency_is_of_decisions_alone() -> None:
    """A service that refuses at once is not fast."""
    tally = Tally()
    for milliseconds in range(1, 102):
        tally.add(decided(milliseconds / 1000))
        tally.add(read_answer(503, b"", 0.0))
    found = tally.summary(1.0)
    assert (found.p50_ms, found.p99_ms) == (pytest.approx(51.0), pytest.approx(100.0))


def test_without_decisions_there_is_no_latency() -> None:
    assert (Tally().summary(1.0).p50_ms, Tally().summary(1.0).p99_ms) == (None, None)


@pytest.mark.parametrize("content", [b"", b"[1]", b'{"outcome": "accept"}', b"\xff\xfe"])
def test_what_is_no_decision_counts_as_refused(content: bytes) -> None:
    """Whatever answers on the port: only a decision is a decision."""
    answer = read_answer(200, content, 0.0)
    assert (answer.decision, answer.status) == (None, 200)
    tally = Tally()
    tally.add(answer)
    assert tally.summary(1.0).refused == {"200": 1}


def test_a_long_refusal_is_cut() -> None:
    assert len(read_answer(500, b"x" * 10_000, 0.0).said) == 300
