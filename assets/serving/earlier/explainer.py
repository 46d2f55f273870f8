"""The explanation of an earlier decision, by its id.

Belongs here: finding the record and the bundle that decided, the reasons of an accepted decision too. Does not belong
here: judging a record again (`recorded.py`), HTTP, comparing many records (`assets.replay`).
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from assets.bundle.bundle import Bundle
from assets.bundle.released import released_bundle
from assets.bundle.scorer import Scorer
from assets.serving.decision import Decision, Reason, reason_record
from assets.serving.earlier.details import details_of, no_details
from assets.serving.earlier.recorded import judged_again
from assets.serving.live.product import LiveProduct
from assets.serving.log.decision_log import find_decision
from resources.rollout_store.manifest import Release
from resources.rollout_store.store import RolloutStore

_MOST_KEPT = 4


class Explainer:
    """Explains recorded decisions; safe to use from several threads.

    Args:
        folder: The decision log.
        key: The signing key, which bundles are verified with.
        live: The live products, whose bundles need not be fetched.
    """

    def __init__(
        self, folder: Path, rollout: RolloutStore, key: bytes, live: Callable[[], Mapping[str, LiveProduct]]
    ) -> None:
        self._folder, self._rollout, self._key, self._live = folder, rollout, key, live
        self._kept: OrderedDict[tuple[str, str, str], Scorer] = OrderedDict()
        self._lock = threading.Lock()

    def record(self, decision_id: str) -> Decision:
        """The record of a decision.

        Raises:
            NoDecision: The id has another form, or no decision with it was recorded.
        """
        return find_decision(self._folder, decision_id)

    def bundle_of(self, record: Decision) -> Bundle:
        """The bundle that decided.

        Raises:
            RolloutError: It is not published, or the store cannot be reached.
        """
        return self._scorer(record).bundle

    def explain(self, decision_id: str) -> dict[str, Any]:
        """The whole record of a decision, its reasons, contributions and recourse, computed from the record.

        Reasons are given for an accepted decision too; recourse for one that the model scored and did not accept.

        Raises:
            NoDecision: The id has another form, or no decision with it was recorded.
            CannotReplay: The record does not hold what its bundle needs.
            RolloutError: The bundle that decided is not published, or the store cannot be reached.
        """
        record = self.record(decision_id)
        answer: dict[str, Any] = {"decision": record.to_record()}
        answer["decision"].pop("mark", None)
        if record.erased:
            remark = "the data of its subject were erased"
            return answer | _reasons(record.reasons, "recorded", remark) | no_details(remark)
        if record.fallback == "policy":
            remark = "neither model nor scorecard scored it: the outcome is the policy's or a rule's, see problem"
            origin = "recorded" if record.reasons else "none"
            return answer | _reasons(record.reasons, origin, remark) | no_details(remark)
        scorer = self._scorer(record)
        again = judged_again(record, scorer.bundle, scorer, explain=True)
        is_same = (again.score, again.outcome) == (record.score, record.outcome)
        remark = "" if is_same else f"computed again it has the score {again.score} and the outcome {again.outcome}"
        answer |= _reasons(again.reasons, "computed", remark)
        return answer | (details_of(record, scorer) if is_same else no_details(remark))

    def _scorer(self, record: Decision) -> Scorer:
        """The scorer of the bundle that decided: a live one, one used before, or a fetched one."""
        live = self._live().get(record.product)
        for _, engine in live.engines() if live else ():
            if engine.bundle.digest == record.digest:
                return engine.scorer
        place = (record.product, record.bundle, record.digest)
        with self._lock:
            if place in self._kept:
                self._kept.move_to_end(place)
                return self._kept[place]
            release = Release(version=record.bundle, digest=record.digest)
            scorer = Scorer(released_bundle(record.product, release, self._rollout, self._key))
            self._kept[place] = scorer
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
            return scorer


def _reasons(reasons: tuple[Reason, ...], origin: str, remark: str) -> dict[str, Any]:
    return {"reasons": [reason_record(reason) for reason in reasons], "reasons_are": origin, "remark": remark}
