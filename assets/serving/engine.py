"""Deciding with one bundle: from a request to a decision, and from a feature table to scores.

Belongs here: the request path between HTTP and the log, with its fallbacks. Does not belong here: HTTP (`http`),
which bundle decides (`live/watcher.py`), the log (`log/decision_log.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assets.bundle.answers import Answers, answers_of, word_of
from assets.bundle.bundle import Bundle, BundleError
from assets.bundle.scorer import Scorer
from assets.features.kernel.rows import Value
from assets.features.online.request import compute_one
from assets.features.online.tiles import TooManyEvents
from assets.serving.decision import Assignment, Decision, new_id
from assets.serving.history import HistoryFeatures
from assets.serving.judgement import Case, Judgement, judge, knocked_out, undecided
from assets.serving.observing.spans import NoSpans, Spans
from assets.serving.requests.parse import StaleEvents, parse_request
from assets.serving.requests.shape import DecisionRequest, shape_of, spine_of
from assets.vocabulary import FeatureError
from resources.online_store.protocol import OnlineStore, Snapshot, StoreUnavailable

_ALONE = Assignment()


@dataclass(frozen=True)
class ScoreResult:
    """Scores of many rows.

    Attributes:
        scores: Calibrated probability of the bad outcome, or the amount, float64 [n]; NaN where a knock-out decided.
        answers: The answer of each row, with the rules that fired.
        outcomes: The policy's word for each answer.
    """

    scores: NDArray[np.float64]
    answers: Answers
    outcomes: tuple[str, ...]


class Engine:
    """Decides with one bundle; safe to use from several threads.

    Args:
        store: The product's online store; `None` where no feature has a history.
        as_of_allowed: Whether a request may set its own as-of time.
        spans: Measures the parts of a decision, for traces.

    Raises:
        BundleError: The bundle's model does not run.
    """

    def __init__(
        self, bundle: Bundle, store: OnlineStore | None, *, as_of_allowed: bool = False, spans: Spans | None = None
    ) -> None:
        self.bundle = bundle
        self.shape = shape_of(bundle)
        self.scorer = Scorer(bundle)
        self._as_of_allowed = as_of_allowed
        self._kernel = bundle.parts.kernel
        self._history = HistoryFeatures(bundle, store)
        self._spans = spans or NoSpans()

    def warm(self) -> None:
        """Decides one row without events, so that the first request finds everything loaded.

        Raises:
            BundleError: The features of that row cannot be computed.
        """
        first = {name: values[0] if values else None for name, values in self.shape.categories.items()}
        dummy = DecisionRequest(
            row_id="warm",
            keys=self.shape.all_keys(dict.fromkeys(self.shape.keys, "warm")),
            as_of=datetime.now(UTC),
            values=dict.fromkeys(self.shape.numbers, 1.0) | first | dict.fromkeys(self.shape.labels),
            sequence=None if self.shape.sequence is None else 0,
        )
        try:
            row = compute_one(self._kernel, {}, spine_of(self.shape, dummy))
            case = Case(dummy.row_id, dummy.as_of, dummy.values, dummy.keys)
            knocked_out(self.bundle, case)
            judge(self.scorer, row, case, explain=True)
        except FeatureError as error:
            raise BundleError(f"{self.bundle.full_name} cannot compute its features: {error}") from error

    # ------------------------------------------------------------------ many rows

    def score(self, features: pa.Table) -> NDArray[np.float64]:
        """Scores of a feature table, float64 [n]; raises ModelError."""
        return self.scorer.score(self.scorer.encode(features))

    def score_table(self, features: pa.Table) -> ScoreResult:
        """Scores and outcomes of a feature table, each row's as if it were decided alone.

        Args:
            features: The feature table; see `answers_of` for the columns beside the features.

        Raises:
            ModelError: The model failed.
        """
        scores = self.score(features)
        answers = answers_of(self.bundle, scores, features)
        outcomes = tuple(word_of(self.bundle.policy, code) for code in answers.codes.tolist())
        return ScoreResult(np.where(answers.scored, scores, np.nan), answers, outcomes)

    # ------------------------------------------------------------------ one request

    def decide(
        self,
        request: Mapping[str, object],
        *,
        now: datetime,
        explain: bool = False,
        assignment: Assignment = _ALONE,
        also_known: frozenset[str] = frozenset(),
        shadow_of: Decision | None = None,
    ) -> Decision:
        """Decides one request.

        Args:
            request: The JSON object; see `RequestShape`.
            now: The decision time, UTC.
            explain: Give reasons for an accepted request too.
            assignment: Why this bundle decides.
            also_known: Names in the request that only other live bundles use.
            shadow_of: The answered decision that this one shadows; both have the same as-of time.

        Raises:
            RequestError: The request is invalid.
            StaleEvents: A source's watermark lies too long before the decision, and the product then refuses to decide.
        """
        checked = parse_request(request, self.shape, now=now, as_of_allowed=self._as_of_allowed, also_known=also_known)
        if shadow_of is not None:
            checked = replace(checked, as_of=shadow_of.as_of)
        features: Mapping[str, Value] = {}
        version: str | None = None
        case = Case(checked.row_id, checked.as_of, checked.values, checked.keys)
        judgement = knocked_out(self.bundle, case)
        try:
            row, spine = None, spine_of(self.shape, checked)
            while row is None and judgement is None:
                with self._spans.part("fetch"):
                    snapshot = self._history.snapshot(checked.keys)
                version = snapshot.version if snapshot else None
                self._check_complete(snapshot, checked.as_of)
                with self._spans.part("features"):
                    row = self._history.features(checked.keys, spine, snapshot)
            features = row or {}
            if judgement is None:
                with self._spans.part("score"):
                    judgement = judge(self.scorer, features, case, explain=explain)
        except (StoreUnavailable, FeatureError, TooManyEvents) as error:
            judgement = undecided(self.bundle, case, features, str(error))
        return Decision(
            id=new_id(now),
            product=self.bundle.product,
            bundle=self.bundle.version,
            digest=self.bundle.digest,
            role=assignment.role,
            rollout=assignment.rollout,
            share=assignment.share,
            arms=assignment.arms,
            shadow_of=None if shadow_of is None else shadow_of.id,
            row_id=checked.row_id,
            keys=checked.keys,
            as_of=checked.as_of,
            decided_at=now,
            threshold=self.bundle.policy.threshold,
            refer_threshold=self.bundle.policy.refer_threshold,
            rules=tuple(rule.id for rule in judgement.fired.active),
            shadow_rules=tuple(rule.id for rule in judgement.fired.shadow),
            exploration=self.bundle.policy.exploration,
            explored=judgement.explored,
            inputs=checked.values,
            sequence=checked.sequence,
            features=features,
            store_version=version,
            score=judgement.score,
            outcome=judgement.outcome,
            reasons=judgement.reasons,
            fallback=judgement.fallback,
            problem=judgement.problem,
            unit=self.bundle.policy.unit,
            interval=self._around(judgement),
        )

    def _around(self, judgement: Judgement) -> tuple[float, float] | None:
        """The interval around an amount that the model gave; the scorecard's amounts have none."""
        interval = self.bundle.policy.interval
        if interval is None or judgement.score is None or judgement.fallback is not None:
            return None
        return interval.around(judgement.score)

    def _check_complete(self, snapshot: Snapshot | None, as_of: datetime) -> None:
        """Raises for events that begin too late for a decision in the past, or end too long before the decision.

        The product declares whether stale events mean a refusal or a fallback.
        """
        too_early = self._history.too_early(snapshot, as_of) if snapshot else None
        if too_early is not None:
            raise StoreUnavailable(too_early)
        stale = self._history.stale(snapshot, as_of) if snapshot else None
        if stale is not None and self.bundle.policy.when_stale == "refuse":
            raise StaleEvents(stale)
        if stale is not None:
            raise StoreUnavailable(stale)
