"""The judgement of one row: score, outcome and reasons, from its features and the rules.

Belongs here: the steps from features to an answer, which a replay takes again. Does not belong here: requests and the
online store (`engine.py`), whether a rule fires (`assets.bundle.rules`), what answer follows (`assets.bundle.answers`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import numpy as np
from numpy.typing import NDArray

from assets.bundle.answers import ACCEPT, REFUSE, FiredRules, by_score, explored_answer, is_explored, word_of
from assets.bundle.bundle import Bundle
from assets.bundle.scorer import ModelError, Scorer
from assets.features.kernel.rows import Value
from assets.serving.decision import Fallback, Reason
from assets.serving.proof import Proof
from assets.serving.reasons import Wording, by_feature, reasons_of, rule_reasons

_NO_RULES = FiredRules()


@dataclass(frozen=True)
class Case:
    """What is known of a row before its features.

    Attributes:
        as_of: The as-of time of the decision, UTC.
        inputs: The request columns.
        keys: The entity keys.
    """

    row_id: str | int
    as_of: datetime
    inputs: Mapping[str, Value]
    keys: Mapping[str, str | int]


@dataclass(frozen=True)
class Judgement:
    """Score, outcome and reasons of one row."""

    score: float | None
    outcome: str
    reasons: tuple[Reason, ...]
    fallback: Fallback | None
    problem: str | None = None
    fired: FiredRules = field(default=_NO_RULES)
    explored: bool = False


def knocked_out(bundle: Bundle, case: Case) -> Judgement | None:
    """The judgement by knock-outs alone, without features and model; `None` where no active one fires."""
    early = [rule for rule in bundle.parts.rules if rule.before_model]
    fired = FiredRules.of(early, case.inputs, _day(case))
    if not fired.active:
        return None
    reasons = rule_reasons(fired, fired.answer)
    return Judgement(None, word_of(bundle.policy, fired.answer), reasons, fallback=None, fired=fired)


def judge(
    scorer: Scorer, row: Mapping[str, Value], case: Case, *, explain: bool, model_works: bool = True
) -> Judgement:
    """Judges a row that no knock-out took by the model; if it fails, by the scorecard; then by the policy.

    Args:
        row: The features.
        explain: Give the score's reasons for an accepted row too.
        model_works: False skips the model as if it had failed; the replay of a scorecard fallback passes it.
    """
    matrix = scorer.encode_row(row)
    fallback: Fallback | None = None
    problem: str | None = None
    try:
        if not model_works:
            raise ModelError("the model was skipped")
        scored = _Scored(matrix, float(scorer.score(matrix)[0]), scorer.score, scorer.contributions)
        answered = _Answered.of(scorer.bundle, row, case, scored.score)
        reasons = _reasons(scorer.bundle, row, answered, scored, explain=explain)
    except ModelError as error:
        scorecard = scorer.bundle.parts.scorecard
        scored = _Scored(matrix, float(scorecard.apply(matrix)[0]), scorecard.apply, scorecard.contributions)
        fallback, problem = "scorecard", str(error)
        if not np.isfinite(scored.score):
            return undecided(scorer.bundle, case, row, f"{error}; the scorecard gave {scored.score}")
        answered = _Answered.of(scorer.bundle, row, case, scored.score)
        reasons = _reasons(scorer.bundle, row, answered, scored, explain=explain)
    outcome = word_of(scorer.bundle.policy, answered.code)
    return Judgement(scored.score, outcome, reasons, fallback, problem, answered.fired, answered.explored)


@dataclass(frozen=True)
class _Scored:
    """A row's score, and what the model that gave it says of other rows."""

    matrix: NDArray[np.float32]
    score: float
    score_of: Callable[[NDArray[np.float32]], NDArray[np.float64]]
    contributions_of: Callable[[NDArray[np.float32]], NDArray[np.float64]]


@dataclass(frozen=True)
class _Answered:
    """A score's answer, with exploration, and the row's, with the rules."""

    by_score: int
    code: int
    fired: FiredRules
    explored: bool

    @classmethod
    def of(cls, bundle: Bundle, row: Mapping[str, Value], case: Case, score: float) -> "_Answered":
        fired = FiredRules.of(bundle.parts.rules, {**case.inputs, **row}, _day(case))
        given, ruled = by_score(bundle.policy, score), fired.answer
        explored = given == REFUSE and ruled < REFUSE and is_explored(bundle, case.row_id, case.keys)
        given = explored_answer(bundle.policy) if explored else given
        return cls(given, max(given, ruled), fired, explored)


def _reasons(
    bundle: Bundle, row: Mapping[str, Value], answered: _Answered, scored: _Scored, *, explain: bool
) -> tuple[Reason, ...]:
    """The words of the rules that made the answer first, then the score's; without usual values these are unproved."""
    first = rule_reasons(answered.fired, answered.code)
    if not explain and answered.by_score == ACCEPT:
        return first
    parts = bundle.parts
    totals = by_feature(scored.contributions_of(scored.matrix)[0], parts.encoder.sources)
    wording = Wording(totals, row, parts.kernel.features, parts.policy)
    if parts.usual is None:
        return (*first, *reasons_of(wording))
    proof = Proof(scored.score_of, scored.matrix, scored.score, parts.usual, parts.encoder)
    return (*first, *proof.proved(wording, accepted=answered.by_score == ACCEPT))


def undecided(bundle: Bundle, case: Case, row: Mapping[str, Value], problem: str) -> Judgement:
    """The policy's fallback outcome, for a row that neither model nor scorecard scored, unless a rule refuses it.

    A rule that refers takes the place of a fallback that accepts.

    Args:
        row: The features; empty where none were computed: rules that read them do not fire then.
    """
    policy = bundle.policy
    fired = FiredRules.of(bundle.parts.rules, {**case.inputs, **row}, _day(case))
    overruled = fired.answer == REFUSE or (fired.answer > ACCEPT and policy.fallback == policy.accept)
    outcome = word_of(policy, fired.answer) if overruled else policy.fallback
    reasons = rule_reasons(fired, fired.answer) if overruled else ()
    return Judgement(None, outcome, reasons, fallback="policy", problem=problem, fired=fired)


def _day(case: Case) -> date:
    return case.as_of.astimezone(UTC).date()
