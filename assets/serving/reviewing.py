"""Cases for people: the review queues of the live products, and one case as a person sees it.

Belongs here: which cases wait for a word, and what is shown of one. Does not belong here: taking a word
(`postings.py`), choosing the cases (`assets.feedback.queue`), HTTP.

A case is shown by its features in words, its score and its reasons. It has no entity key, no protected attribute and no
word of another person, who should not be followed.
"""

from collections.abc import Callable, Mapping
from typing import Any

from assets.bundle.contract import PostedRules, SourceRules
from assets.serving.decision import Decision, NoDecision
from assets.serving.earlier.explainer import Explainer
from assets.serving.live.product import LiveProduct
from assets.serving.log.posted_log import PostedLog
from assets.serving.log.writer import DecisionLogError
from assets.serving.queued import QueuedCase, QueueError, ReviewQueue
from resources.rollout_store.manifest import RolloutError
from resources.rollout_store.store import RolloutStore


class ReviewDesk:
    """The cases that wait for a person's word; safe to use from several threads.

    Args:
        live: The live products.
    """

    def __init__(
        self, live: Callable[[], Mapping[str, LiveProduct]], rollout: RolloutStore, log: PostedLog, explainer: Explainer
    ) -> None:
        self._live, self._rollout, self._log, self._explainer = live, rollout, log, explainer

    def queue(self, product: str) -> ReviewQueue | None:
        """The published queue of a product; `None` before the first.

        Raises:
            QueueError: It cannot be read now, or is damaged.
        """
        try:
            data = self._rollout.read_review_queue(product)
        except RolloutError as error:
            raise QueueError(f"the review queue of {product} cannot be read now: {error}") from error
        return None if data is None else ReviewQueue.from_json(product, data)

    def asks(self, decision: Decision) -> bool:
        """Whether people are asked about a decision; raises what `queue` does."""
        queue = self.queue(decision.product)
        return queue is not None and queue.find(decision.id) is not None

    def waiting(self) -> list[dict[str, Any]]:
        """For each live product that takes reviews its cases without a word since the queue was made.

        Raises:
            QueueError: A queue or the words on its cases cannot be read now, or are damaged.
        """
        found = []
        for name, live in sorted(self._live().items()):
            taking, queue = live.taking("reviews"), self.queue(name)
            if taking is None:
                continue
            cases = () if queue is None else queue.cases
            open_cases = [case for case in cases if self._words(name, taking, case) <= case.words]
            day = None if queue is None else queue.day.isoformat()
            found.append({"product": name, "day": day, "cases": [_record(case) for case in open_cases]})
        return found

    def _words(self, product: str, taking: tuple[str, SourceRules, PostedRules], case: QueuedCase) -> int:
        try:
            return self._log.count(product, *taking, case.decision_id)
        except DecisionLogError as error:
            raise QueueError(f"the words on cases of {product} cannot be read: {error}") from error

    def case(self, decision_id: str) -> dict[str, Any]:
        """One case, queued or not, as a person sees it.

        Raises:
            NoDecision: There is no such decision, it was never answered, or its product is live no more.
            CannotReplay, RolloutError: As `Explainer.explain`.
            QueueError: The queue cannot be read now, or is damaged.
        """
        record = self._explainer.record(decision_id)
        live = self._live().get(record.product)
        if record.void or record.role == "shadow" or live is None:
            raise NoDecision(f"decision {decision_id} was never answered, or its product is live no more")
        queue, explained = self.queue(record.product), self._explainer.explain(decision_id)
        queued = None if queue is None else queue.find(decision_id)
        policy = live.champion.bundle.policy
        return {
            "decision_id": record.id, "product": record.product, "bundle": record.bundle, "outcome": record.outcome,
            "as_of": record.as_of.isoformat(), "decided_at": record.decided_at.isoformat(), "score": record.score,
            "scale": policy.scale, "threshold": record.threshold, "refer_threshold": record.refer_threshold,
            "rules": list(record.rules), "fallback": record.fallback, "queued": queued and _record(queued),
            "answers": [policy.accept, policy.refuse], "features": self._features(record),
            **{name: explained[name] for name in ("reasons", "reasons_are", "remark")},
        }  # fmt: skip

    def _features(self, record: Decision) -> list[dict[str, Any]]:
        """The features of a decision in words, each with its value and unit; none where none were computed."""
        if not record.features:
            return []
        features = self._explainer.bundle_of(record).parts.kernel.features
        units = features.units()
        return [
            {"feature": name, "words": features.describe(name), "value": value, "unit": units.get(name, "")}
            for name, value in record.features.items()
        ]


def _record(case: QueuedCase) -> dict[str, Any]:
    return {
        "decision_id": case.decision_id, "kind": case.kind, "reasons": list(case.reasons),
        "decided_at": case.decided_at, "bundle": case.bundle, "outcome": case.outcome, "score": case.score,
    }  # fmt: skip
