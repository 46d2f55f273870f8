"""What became of the requests.

Belongs here: reading an answer, counting answers, the summary. Does not belong here: sending (`drive.py`), text for the
terminal (`pipelines.cli.render.traffic`).
"""

import json
from array import array
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

Silence = Literal["timeout", "connection"]
_LONGEST = 300


@dataclass(frozen=True)
class Answer:
    """What came back for one request.

    Attributes:
        seconds: From the time at which the request was due to its answer.
        status: The HTTP status; `None` if no answer came.
        silence: Why no answer came: the client waited long enough, or the connection failed.
        decision: The decision; `None` for a refusal.
        said: The reason of a refusal, or of the silence.
    """

    seconds: float
    status: int | None = None
    silence: Silence | None = None
    decision: dict[str, Any] | None = None
    said: str = ""


def read_answer(status: int, content: bytes, seconds: float) -> Answer:
    """The answer of the decision service; what is no decision is a refusal, with the beginning of its text."""
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if status == 200 and isinstance(found, dict) and "decision_id" in found:
        return Answer(seconds, status, decision=found)
    if isinstance(found, dict) and "error" in found:
        said = "; ".join([str(found["error"]), *map(str, found.get("problems", ()))])
    else:
        said = content.decode("utf-8", "replace")
    return Answer(seconds, status, said=said[:_LONGEST])


@dataclass(frozen=True)
class Summary:
    """The counts of some traffic.

    Attributes:
        seconds: How long it took.
        planned: Requests whose time came.
        sent: Requests that left.
        held_back: Requests that could not leave at their time: enough were in flight, or the client stalled.
        decided: Requests that were answered with a decision.
        refused: How many were refused, by HTTP status.
        unanswered: How many had no answer, by reason.
        said: For each of these statuses and reasons, the first text.
        fallbacks: Decisions that are fallbacks, by kind.
        outcomes, roles, bundles: Decisions by outcome, by role of the bundle that decided, by its version.
        p50_ms, p99_ms: Latency of decisions, from the time at which the request was due; `None` without decisions.
    """

    seconds: float
    planned: int
    sent: int
    held_back: int
    decided: int
    refused: dict[str, int]
    unanswered: dict[str, int]
    said: dict[str, str]
    fallbacks: dict[str, int]
    outcomes: dict[str, int]
    roles: dict[str, int]
    bundles: dict[str, int]
    p50_ms: float | None
    p99_ms: float | None

    @property
    def answered(self) -> int:
        """Requests that were decided or refused."""
        return self.decided + sum(self.refused.values())

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {**asdict(self), "answered": self.answered}


@dataclass
class Tally:
    """Counts answers as they come."""

    sent: int = 0
    held_back: int = 0
    _refused: Counter[str] = field(default_factory=Counter)
    _unanswered: Counter[str] = field(default_factory=Counter)
    _said: dict[str, str] = field(default_factory=dict)
    _fallbacks: Counter[str] = field(default_factory=Counter)
    _outcomes: Counter[str] = field(default_factory=Counter)
    _roles: Counter[str] = field(default_factory=Counter)
    _bundles: Counter[str] = field(default_factory=Counter)
    _seconds: "array[float]" = field(default_factory=lambda: array("d"))

    def add(self, answer: Answer) -> None:
        """Counts an answer, or that none came."""
        if answer.decision is not None:
            self._seconds.append(answer.seconds)
            self._outcomes[str(answer.decision.get("outcome"))] += 1
            self._roles[str(answer.decision.get("role"))] += 1
            self._bundles[str(answer.decision.get("bundle"))] += 1
            if answer.decision.get("fallback") is not None:
                self._fallbacks[str(answer.decision["fallback"])] += 1
            return
        kind = str(answer.status if answer.silence is None else answer.silence)
        (self._refused if answer.silence is None else self._unanswered)[kind] += 1
        self._said.setdefault(kind, answer.said)

    def summary(self, seconds: float) -> Summary:
        """The counts by now, after so many seconds."""
        p50, p99 = np.percentile(self._seconds, [50, 99]) * 1000 if self._seconds else (None, None)
        return Summary(
            seconds=round(seconds, 3),
            planned=self.sent + self.held_back,
            sent=self.sent,
            held_back=self.held_back,
            decided=len(self._seconds),
            refused=dict(self._refused),
            unanswered=dict(self._unanswered),
            said=dict(self._said),
            fallbacks=dict(self._fallbacks),
            outcomes=dict(self._outcomes),
            roles=dict(self._roles),
            bundles=dict(self._bundles),
            p50_ms=None if p50 is None else round(float(p50), 3),
            p99_ms=None if p99 is None else round(float(p99), 3),
        )
