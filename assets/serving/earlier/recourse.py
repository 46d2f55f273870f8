"""What would have been accepted: the recourse of a request that was not.

Belongs here: judging every tried change by the bundle that decided, the smallest accepted one, the share of them. Does
not belong here: which changes are allowed (`allowed.py`), the record and its bundle (`explainer.py`).

A change is of request columns. The features computed from them follow by the kernel; features over events stay as they
were recorded. So the answer holds for the moment of the decision and for the bundle that decided.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assets.bundle.answers import ACCEPT, answers_of
from assets.bundle.scorer import Scorer
from assets.features.kernel.rows import Value, feature_table
from assets.product.policies.recourse import Recourse
from assets.serving.earlier.allowed import Allowed, Changed, allowed_values, changes_of, count_of
from assets.serving.earlier.descent import descended
from assets.serving.judgement import Case
from assets.serving.requests.shape import RequestShape, shape_of
from assets.vocabulary.times import AS_OF
from resources.online_store.event_blocks import TIMESTAMP


@dataclass(frozen=True)
class Counterfactual:
    """A changed request that would have been accepted.

    Attributes:
        change: By column the new value.
        score: The score of the changed request.
    """

    change: Changed
    score: float


@dataclass(frozen=True)
class RecourseFound:
    """The recourse of one decision.

    Attributes:
        score: The score of the unchanged request.
        tried: Allowed changes that were judged, of at most `at_once` columns together.
        accepted: Those of them that would have been accepted, by score and rules.
        whole: Whether every allowed change was judged; of very many some are, evenly spaced, and where none of these is
            accepted those near to the best of them.
        nearest: An accepted change of the fewest columns, and of these with the least effort; `None` without one.
    """

    score: float
    tried: int
    accepted: int
    at_once: int
    nearest: Counterfactual | None
    whole: bool

    @property
    def share(self) -> float | None:
        """The share of the tried changes that would have been accepted; `None` where nothing may change."""
        return self.accepted / self.tried if self.tried else None

    def to_dict(self, inputs: Mapping[str, Value]) -> dict[str, object]:
        """The recourse as a JSON value.

        Args:
            inputs: The columns of the request.
        """
        found = self.nearest
        return {
            "allowed_changes": self.tried,
            "accepted_changes": self.accepted,
            "share": self.share,
            "every_change_tried": self.whole,
            "at_once": self.at_once,
            "without_recourse": found is None,
            "counterfactual": None
            if found is None
            else {
                "changes": [{"column": name, "from": inputs[name], "to": to} for name, to in found.change.items()],
                "score": found.score,
            },
        }


def recourse_of(case: Case, features: Mapping[str, Value], scorer: Scorer, policy: Recourse) -> RecourseFound:
    """The recourse of a request that the model scored and that was not accepted.

    Args:
        case: The request.
        features: Its features, as they were computed.

    Raises:
        ModelError: The model failed.
    """
    judge = _Judge(case, features, scorer)
    allowed = allowed_values(scorer.bundle, policy, case.inputs)
    changes = changes_of(allowed, policy.at_once)
    scores, accepted = judge.judged([{}, *changes])
    tried = list(zip(changes, scores[1:].tolist(), accepted[1:].tolist(), strict=True))
    whole = len(changes) == count_of(allowed, policy.at_once)
    if not whole and not accepted[1:].any():
        tried += descended(changes, scores[1:], allowed, judge.judged)
    taken = [Counterfactual(change, score) for change, score, is_accepted in tried if is_accepted]
    nearest = None
    if taken:
        nearest = _nearer(min(taken, key=lambda one: _effort(one.change, allowed)), allowed, judge)
    return RecourseFound(float(scores[0]), len(tried), len(taken), policy.at_once, nearest, whole)


class _Judge:
    """Judges changes of one request, many in one call."""

    def __init__(self, case: Case, features: Mapping[str, Value], scorer: Scorer) -> None:
        self._case, self._features, self._scorer = case, features, scorer
        self._shape = shape_of(scorer.bundle)

    def judged(self, changes: Sequence[Changed]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """The score of each changed request, and whether score and rules accept it: float64 [n], bool [n].

        A refusal that exploration would let past is not accepted: the next request may not be drawn.
        """
        bundle = self._scorer.bundle
        spine = _spine(self._case, self._shape, changes)
        features = feature_table(bundle.parts.kernel.features, self._history(len(changes)), spine)
        scores = self._scorer.score(self._scorer.encode(features))
        for name in spine.column_names:
            if name not in features.column_names:
                features = features.append_column(name, spine[name])
        answers = answers_of(bundle, scores, features)
        return scores, (answers.codes == ACCEPT) & ~answers.explored

    def _history(self, rows: int) -> dict[str, NDArray[np.generic]]:
        """The recorded features over events, the same in every row."""
        found: dict[str, NDArray[np.generic]] = {}
        for feature in self._scorer.bundle.parts.kernel.features.history:
            value = self._features[feature.name]
            if feature.is_text:
                found[feature.name] = np.full(rows, value, dtype=object)
            else:
                found[feature.name] = np.full(rows, np.nan if value is None else value, dtype=np.float64)
        return found


def _spine(case: Case, shape: RequestShape, changes: Sequence[Changed]) -> pa.Table:
    """The changed requests as rows of the spine: the times, keys and columns that features, rules and draws read."""
    rows = len(changes)
    columns = {AS_OF: pa.array([case.as_of] * rows, TIMESTAMP), shape.row_id: pa.array([case.row_id] * rows)}
    for name, key in case.keys.items():
        columns[name] = pa.array([key] * rows)
    for name, value in case.inputs.items():
        kind = pa.float64() if name in shape.numbers else pa.int64() if isinstance(value, int) else pa.string()
        columns[name] = pa.array([change.get(name, value) for change in changes], kind)
    return pa.table(columns)


def _effort(change: Changed, allowed: Mapping[str, Allowed]) -> tuple[int, float]:
    """Fewer columns come first, then the smaller share of the way that each of them allows."""
    return len(change), sum(allowed[name].effort(value) for name, value in change.items())


def _nearer(found: Counterfactual, allowed: Mapping[str, Allowed], judge: _Judge) -> Counterfactual:
    """The counterfactual with each number as near to the present one as is accepted, one column after the other."""
    for name, value in found.change.items():
        of = allowed[name]
        if not of.is_number:
            continue
        nearer = [{**found.change, name: closer} for closer in of.values[: of.values.index(value)]]
        if not nearer:
            continue
        scores, accepted = judge.judged(nearer)
        place = next(iter(np.flatnonzero(accepted)), None)
        if place is not None:
            found = Counterfactual(nearer[place], float(scores[place]))
    return found
