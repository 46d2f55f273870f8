"""Three answers: what a score, the rules that fired and exploration make of a row.

Belongs here: the answer of one row and of many, by the same steps. Does not belong here: scores (`scorer.py`), whether
a rule fires (`rules.py`), the words for a person (`assets.serving.reasons`).

A replay and a batch score of a row give the answer of the decision: everything here follows from the row and the
bundle.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assets.bundle.bundle import Bundle, Policy
from assets.bundle.rules import Value, days_of, fires, fires_in
from assets.product.rules import Rule

ACCEPT, REFER, REFUSE = 0, 1, 2
"""Answers by severity: of several the greatest counts."""
SEVERITY = {"refer": REFER, "refuse": REFUSE}
"""The answer of a rule by its outcome."""


@dataclass(frozen=True)
class FiredRules:
    """The rules that fired on a row, in the order of their declaration.

    Attributes:
        active: Those that count.
        shadow: Those that are only recorded.
    """

    active: tuple[Rule, ...] = ()
    shadow: tuple[Rule, ...] = ()

    @classmethod
    def of(cls, rules: Iterable[Rule], row: Mapping[str, Value], day: date) -> "FiredRules":
        """The rules of these that fire on the row; arguments as `fires`."""
        fired = [rule for rule in rules if fires(rule, row, day)]
        return cls(
            tuple(rule for rule in fired if rule.mode == "active"),
            tuple(rule for rule in fired if rule.mode == "shadow"),
        )

    @property
    def answer(self) -> int:
        """The severest answer of the active rules; ACCEPT if none fired."""
        return max((SEVERITY[rule.outcome] for rule in self.active), default=ACCEPT)


@dataclass(frozen=True)
class Answers:
    """The answers of many rows.

    Attributes:
        codes: ACCEPT, REFER or REFUSE, int8 [n].
        scored: Whether the model decides the row: no knock-out fired, bool [n].
        explored: Whether the row was let past the refusal of its score, bool [n].
        hits: For each rule, active or shadow, the rows on which it fired, bool [n]; a rule that comes after the model
            fires on no row that a knock-out took.
    """

    codes: NDArray[np.int8]
    scored: NDArray[np.bool_]
    explored: NDArray[np.bool_]
    hits: Mapping[str, NDArray[np.bool_]]


def by_score(policy: Policy, score: float) -> int:
    """The answer of a score alone."""
    return int(score >= policy.refer_from) + int(score >= policy.threshold)


def answers_by_score(scores: NDArray[np.float64], refer_from: float, refuse_from: float) -> NDArray[np.int8]:
    """`by_score` of many scores."""
    return (scores >= refer_from).astype(np.int8) + (scores >= refuse_from).astype(np.int8)


def is_explored(bundle: Bundle, row_id: str | int, keys: Mapping[str, object]) -> bool:
    """Whether a refusal of this row by its score is let past: a hash of bundle and entity, uniform over entities.

    The same entity gets the same answer from a bundle, however often it asks and whatever rows it names, in every arm
    and every rollout; the next model draws anew. A bundle of before that, and a product without entities, draws by row.
    """
    share, by = bundle.policy.exploration, bundle.policy.explore_keys
    if share == 0.0:
        return False
    text = json.dumps([bundle.digest, *(str(keys[name]) for name in by)]) if by else f"{bundle.digest}/{row_id}"
    drawn = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(drawn) < share * 2.0**64


def explored_answer(policy: Policy) -> int:
    """The answer of an explored row."""
    return REFER if policy.explore_by == "refer" else ACCEPT


def word_of(policy: Policy, code: int) -> str:
    """The policy's word for an answer."""
    return (policy.accept, policy.refer or policy.refuse, policy.refuse)[code]


def answers_of(bundle: Bundle, scores: NDArray[np.float64], rows: pa.Table) -> Answers:
    """The answers of the rows of a feature table, each as it would be decided alone.

    Args:
        scores: float64 [n], in the order of the rows.
        rows: The feature table; where the bundle has rules, with `as_of` and the columns that they read; where it
            explores, with the row id and the entity keys.
    """
    hits, knocked = _hits(bundle.parts.rules, rows)
    ruled = _severest(bundle.parts.rules, hits, rows.num_rows)
    given = answers_by_score(scores, bundle.policy.refer_from, bundle.policy.threshold)
    explored = _explored(bundle, rows, (given == REFUSE) & (ruled < REFUSE) & ~knocked)
    given = np.where(explored, np.int8(explored_answer(bundle.policy)), given)
    codes = np.where(knocked, ruled, np.maximum(given, ruled)).astype(np.int8)
    return Answers(codes, ~knocked, explored, hits)


def _hits(rules: Sequence[Rule], rows: pa.Table) -> tuple[dict[str, NDArray[np.bool_]], NDArray[np.bool_]]:
    """The rows on which each rule fired, in the order of the rules, and those that a knock-out took."""
    knocked = np.zeros(rows.num_rows, dtype=np.bool_)
    if not rules:
        return {}, knocked
    days = days_of(rows["as_of"])
    hits = {rule.id: fires_in(rule, rows, days) for rule in rules}
    for rule in rules:
        if rule.before_model and rule.mode == "active":
            knocked = knocked | hits[rule.id]
    # A row that was knocked out gets no features: no later rule sees it.
    return {rule.id: hits[rule.id] if rule.before_model else hits[rule.id] & ~knocked for rule in rules}, knocked


def _severest(rules: Iterable[Rule], hits: Mapping[str, NDArray[np.bool_]], rows: int) -> NDArray[np.int8]:
    """The severest answer of the active rules that fired on each row; ACCEPT where none did."""
    found = np.full(rows, ACCEPT, dtype=np.int8)
    for rule in rules:
        if rule.mode == "active":
            found = np.where(hits[rule.id], np.maximum(found, np.int8(SEVERITY[rule.outcome])), found)
    return found


def _explored(bundle: Bundle, rows: pa.Table, refused: NDArray[np.bool_]) -> NDArray[np.bool_]:
    explored = np.zeros_like(refused)
    if bundle.policy.exploration > 0.0:
        places = np.flatnonzero(refused)
        names = dict.fromkeys((bundle.policy.row_id, *bundle.policy.explore_keys))
        asked = rows.select(list(names)).take(pa.array(places)).to_pylist()
        explored[places] = [is_explored(bundle, row[bundle.policy.row_id], row) for row in asked]
    return explored


def severities(rules: Sequence[Rule], rows: pa.Table, last_day: date) -> NDArray[np.int8]:
    """For rows of the past, what active rules would answer of them today: ACCEPT where none fires, int8 [n].

    A rule that will decide beside a new model counts on every row, though it began after it; one that ended counts on
    none.

    Args:
        last_day: The last day of the rows; rules that ended before it are left out.
    """
    kept = [rule for rule in rules if rule.valid_until is None or rule.valid_until >= last_day]
    return _severest(kept, {rule.id: fires_in(rule, rows, None) for rule in kept}, rows.num_rows)
