"""A review queue as the decision service reads it: the cases that people are asked about.

Belongs here: a case, and the queue as JSON. Does not belong here: choosing the cases (`assets.feedback.queue`), the
place of the file (`resources.rollout_store`), what a person sees of a case (`reviewing.py`).

It has no personal data: a decision's id, its answer and score, and why somebody is asked.
"""

import json
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Literal, Self

from resources.errors import LooplineError

CaseKind = Literal["referred", "disputed", "informative"]


class QueueError(LooplineError):
    """What is published as a review queue is none; the message says of which product, and the remedy."""


@dataclass(frozen=True)
class QueuedCase:
    """A case of a queue.

    Attributes:
        kind: Why people are asked: nobody has answered, the answer is disputed, or much is learned from it.
        reasons: The same in words.
        decided_at: ISO-8601, UTC.
        words: People's words on the decision that were known when the queue was made.
    """

    decision_id: str
    kind: CaseKind
    reasons: tuple[str, ...]
    decided_at: str
    bundle: str
    outcome: str
    score: float | None
    words: int


@dataclass(frozen=True)
class ReviewQueue:
    """The queue of a product at the end of a day; the most urgent case comes first."""

    product: str
    day: date
    cases: tuple[QueuedCase, ...]

    def find(self, decision_id: str) -> QueuedCase | None:
        """The case of a decision; `None` where nobody is asked about it."""
        return next((case for case in self.cases if case.decision_id == decision_id), None)

    def to_json(self) -> bytes:
        """The queue as `from_json` reads it."""
        record = {"product": self.product, "day": self.day.isoformat(), "cases": [asdict(case) for case in self.cases]}
        return json.dumps(record, indent=1).encode()

    @classmethod
    def from_json(cls, product: str, data: bytes) -> Self:
        """The queue that `to_json` wrote.

        Raises:
            QueueError: It is no queue of this product.
        """
        try:
            record: dict[str, Any] = json.loads(data)
            cases = tuple(QueuedCase(**{**case, "reasons": tuple(case["reasons"])}) for case in record["cases"])
            queue = cls(record["product"], date.fromisoformat(record["day"]), cases)
        except (ValueError, KeyError, TypeError) as error:
            raise QueueError(
                f"the published review queue of {product} is damaged ({error!r}); materialise {product}/review_queue "
                "for yesterday"
            ) from error
        if queue.product != product:
            raise QueueError(f"the published review queue of {product} says it is of {queue.product}")
        return queue
