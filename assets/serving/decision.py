"""A decision, as a frozen value and as JSON.

Belongs here: the fields of a decision, its answer and its record. Does not belong here: computing a decision
(`engine.py`), storing decisions (`log/decision_log.py`).
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal, Self

from assets.rollout.assignment import Arm
from resources.errors import LooplineError
from resources.moments import EPOCH
from resources.rollout_store.manifest import Role

Fallback = Literal["scorecard", "policy"]

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_MILLISECOND = timedelta(milliseconds=1)


class NoDecision(LooplineError, ValueError):
    """An id or record is malformed, or no such decision was recorded; the message says which."""


class CannotReplay(LooplineError):
    """A record lacks what computing it again needs, or is of another bundle; the message says which."""


@dataclass(frozen=True)
class Reason:
    """One reason for a decision: of a feature, or of a rule.

    Attributes:
        feature: The feature that counted against the person; `None` for a rule.
        text: The reason in words for the person concerned.
        contribution: How far the feature moved the log odds of the bad outcome; above 0 it counts against the person.
            `None` for a rule, which moves no score.
        rule: The id of the rule; `None` for a feature.
        score_if_usual: The score of the same row with this feature at the usual value of accepted rows: the proof, a
            lower score. `None` for a rule, for a reason without proof, and in decisions of before reasons were proved.
        together: The proof is of all reasons of this decision with this mark at once: none of them alone lowers the
            score.
    """

    feature: str | None
    text: str
    contribution: float | None
    rule: str | None = None
    score_if_usual: float | None = None
    together: bool = False


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """Why a bundle decided a request: the rollout and the arm of the entity.

    Attributes:
        role: The arm; a shadow's decision is recorded but never answered.
        rollout: Id of the rollout under way; empty for none.
        share: The share of entities for which this bundle decided then: the propensity of the arm.
        arms: The challengers then, in their order, from which arm and share follow; none where none was asked.
    """

    role: Role = "champion"
    rollout: str = ""
    share: float = 1.0
    arms: tuple[Arm, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One decision, with everything that its replay needs.

    Attributes:
        id: A UUID of version 7: it begins with the time, so the id alone gives the day.
        bundle, digest: Version of the bundle that decided, and the SHA-256 of its manifest.
        role, rollout, share, arms: See `Assignment`.
        as_of: The as-of time, UTC: only events known by then were used.
        score: Calibrated probability of the bad outcome, or the amount; `None` when neither model nor scorecard gave
            one, or a knock-out decided.
        unit: Of an amount; empty of a probability.
        interval: The ends of the interval around an amount; `None` of a probability, or without a score.
        threshold, refer_threshold: The lowest score that is refused, and that is referred; `None` with two answers.
        rules: Ids of the active rules that fired. Where a knock-out fired, no later rule was asked.
        shadow_rules: Ids of the rules in shadow that fired, and decided nothing.
        exploration: The share of the rows refused by their score that this bundle lets past it: with `explored` the
            propensity of the outcome.
        explored: Whether this row was one of them.
        fallback: `scorecard` when the model failed, `policy` when the scorecard failed too, `None` otherwise.
        inputs: The request columns.
        sequence: Order of the row among rows of the same microsecond; `None` where the product declares no order.
        features: The feature values from which the score was computed; empty when none were computed.
        store_version: The version of the online store that was read; `None` when none was read.
        problem: The cause of the fallback; `None` without one.
        shadow_of: The id of the answered decision, where this one is its shadow.
        void: The decision was not logged in time: its caller was told that it is void, and it counts nowhere.
        erased: The subject was erased: keys, inputs, features and the text of the problem were removed from the record.
        mark: Digests of the request's idempotency key and of its body (see `earlier.marks`); `None` without a key.
    """

    id: str
    product: str
    bundle: str
    digest: str
    role: Role = "champion"
    rollout: str = ""
    share: float = 1.0
    arms: tuple[Arm, ...] = ()
    row_id: str | int
    keys: Mapping[str, str | int]
    as_of: datetime
    decided_at: datetime
    score: float | None
    outcome: str
    threshold: float
    reasons: tuple[Reason, ...] = ()
    fallback: Fallback | None = None
    inputs: Mapping[str, float | str | None] = field(default_factory=dict)
    sequence: int | None = None
    features: Mapping[str, float | str | None] = field(default_factory=dict)
    store_version: str | None = None
    problem: str | None = None
    shadow_of: str | None = None
    refer_threshold: float | None = None
    rules: tuple[str, ...] = ()
    shadow_rules: tuple[str, ...] = ()
    exploration: float = 0.0
    explored: bool = False
    void: bool = False
    erased: bool = False
    mark: str | None = None
    unit: str = ""
    interval: tuple[float, float] | None = None

    def answer(self) -> dict[str, Any]:
        """The decision as the caller gets it, a JSON value."""
        return {
            "decision_id": self.id,
            "product": self.product,
            "bundle": self.bundle,
            "digest": self.digest,
            "role": self.role,
            "rollout": self.rollout,
            "share": self.share,
            "row_id": self.row_id,
            "as_of": self.as_of.isoformat(),
            "decided_at": self.decided_at.isoformat(),
            "outcome": self.outcome,
            "score": self.score,
            **({"unit": self.unit} if self.unit else {}),
            **({} if self.interval is None else {"interval": list(self.interval)}),
            "threshold": self.threshold,
            "refer_threshold": self.refer_threshold,
            "rules": list(self.rules),
            "explored": self.explored,
            "reasons": [reason_record(reason) for reason in self.reasons],
            "fallback": self.fallback,
        }

    def to_record(self) -> dict[str, Any]:
        """Every field, as a JSON value; numbers come back exactly."""
        return self.answer() | {
            "keys": dict(self.keys),
            "inputs": dict(self.inputs),
            "sequence": self.sequence,
            "features": dict(self.features),
            "store_version": self.store_version,
            "problem": self.problem,
            "shadow_of": self.shadow_of,
            "shadow_rules": list(self.shadow_rules),
            "exploration": self.exploration,
            "void": self.void,
            "erased": self.erased,
            **({"arms": self.arms} if self.arms else {}),
            # Last, and only where there is one: `earlier.repeats` finds it at the end of a line.
            **({} if self.mark is None else {"mark": self.mark}),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """The decision that `to_record` wrote.

        Raises:
            NoDecision: A field is missing, unknown or of another form.
        """
        fields = dict(record)
        try:
            ends = fields.pop("interval", None)
            return cls(
                interval=None if ends is None else (float(ends[0]), float(ends[1])),
                id=checked_id(fields.pop("decision_id")),
                as_of=datetime.fromisoformat(fields.pop("as_of")),
                decided_at=datetime.fromisoformat(fields.pop("decided_at")),
                reasons=tuple(Reason(**reason) for reason in fields.pop("reasons")),
                # Decisions from before there were rules have none.
                rules=tuple(fields.pop("rules", ())),
                shadow_rules=tuple(fields.pop("shadow_rules", ())),
                arms=tuple(Arm(*arm) for arm in fields.pop("arms", ())),
                **fields,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise NoDecision(f"the record is no decision: {error!r}") from error


def reason_record(reason: Reason) -> dict[str, Any]:
    """A reason as a JSON value."""
    return {
        "feature": reason.feature,
        "text": reason.text,
        "contribution": reason.contribution,
        **({} if reason.rule is None else {"rule": reason.rule}),
        **({} if reason.score_if_usual is None else {"score_if_usual": reason.score_if_usual}),
        **({"together": True} if reason.together else {}),
    }


def new_id(now: datetime) -> str:
    """A new decision id: a UUID of version 7 (RFC 9562) that begins with `now`, to the millisecond."""
    bits = ((now - EPOCH) // _MILLISECOND) << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62
    text = f"{bits | secrets.randbits(62):032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def checked_id(value: str) -> str:
    """Returns the value if it has the form of a decision id.

    Raises:
        NoDecision: It has another form.
    """
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise NoDecision(f"{value!r} is not a decision id; it looks like 0198c0de-7c1f-7abc-8def-0123456789ab")
    return value


def day_of(decision_id: str) -> date:
    """The UTC day of the decision with that id."""
    return moment_of(checked_id(decision_id)).date()


def moment_of(decision_id: str) -> datetime:
    """When the decision with that id was made, to the millisecond, UTC."""
    return EPOCH + int(decision_id.replace("-", "")[:12], 16) * _MILLISECOND
