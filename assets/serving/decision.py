"""A decision, as a frozen value and as JSON.

Belongs here: what is said and recorded of one decision. Does not belong here: making it (`engine.py`), keeping it
(`decision_log.py`).
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, Self

from resources.errors import LooplineError

Fallback = Literal["scorecard", "policy"]
Role = Literal["champion", "challenger", "shadow"]

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class NoDecision(LooplineError, ValueError):
    """An id or a record is not a decision's; the message says what is wrong."""


@dataclass(frozen=True)
class Reason:
    """Why a score is as high as it is.

    Attributes:
        text: The words for the person concerned.
        contribution: How far the feature moved the log odds of the refused outcome; above 0 counted against the person.
    """

    feature: str
    text: str
    contribution: float


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One decision, with all that is needed to make it again.

    Attributes:
        id: A UUID of version 7: its first part is the time, so the id alone tells the day.
        bundle, digest: Version of the bundle that decided, and the SHA-256 of its manifest.
        role: The bundle's role; a shadow's decision is recorded and never answered.
        as_of: What was known at this moment was used; UTC.
        score: Calibrated probability of the bad outcome; `None` when nothing could compute one.
        fallback: `scorecard` when the model failed, `policy` when nothing could score, `None` otherwise.
        inputs: The request columns.
        sequence: The row's place among those of the same microsecond, where the product has such an order.
        features: The feature values from which the score was computed; empty when there are none.
        store_version: The online store's version that was read; `None` when it was not.
        problem: What failed, when there is a fallback.
        shadow_of: The decision that this one shadows.
        erased: The subject asked to be forgotten: inputs, features and keys were removed from the record.
    """

    id: str
    product: str
    bundle: str
    digest: str
    role: Role = "champion"
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
    erased: bool = False

    def answer(self) -> dict[str, Any]:
        """What the caller is told."""
        return {
            "decision_id": self.id,
            "product": self.product,
            "bundle": self.bundle,
            "digest": self.digest,
            "role": self.role,
            "row_id": self.row_id,
            "as_of": self.as_of.isoformat(),
            "decided_at": self.decided_at.isoformat(),
            "outcome": self.outcome,
            "score": self.score,
            "threshold": self.threshold,
            "reasons": [_reason_record(reason) for reason in self.reasons],
            "fallback": self.fallback,
        }

    def to_record(self) -> dict[str, Any]:
        """Everything, as a JSON value; numbers come back exactly."""
        return self.answer() | {
            "keys": dict(self.keys),
            "inputs": dict(self.inputs),
            "sequence": self.sequence,
            "features": dict(self.features),
            "store_version": self.store_version,
            "problem": self.problem,
            "shadow_of": self.shadow_of,
            "erased": self.erased,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Reads `to_record`.

        Raises:
            NoDecision: The record lacks a part or has one of another form.
        """
        parts = dict(record)
        try:
            return cls(
                id=checked_id(parts.pop("decision_id")),
                as_of=datetime.fromisoformat(parts.pop("as_of")),
                decided_at=datetime.fromisoformat(parts.pop("decided_at")),
                reasons=tuple(Reason(**reason) for reason in parts.pop("reasons")),
                **parts,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise NoDecision(f"the record is no decision: {error!r}") from error


def _reason_record(reason: Reason) -> dict[str, Any]:
    return {"feature": reason.feature, "text": reason.text, "contribution": reason.contribution}


def new_id(now: datetime) -> str:
    """A new decision id: UUID version 7 (RFC 9562) of the moment, to the millisecond."""
    bits = ((now - _EPOCH) // _MILLISECOND) << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62
    text = f"{bits | secrets.randbits(62):032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def checked_id(value: str) -> str:
    """The id, when it may be a decision's.

    Raises:
        NoDecision: It may not.
    """
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise NoDecision(f"{value!r} is not a decision id; it looks like 0198c0de-7c1f-7abc-8def-0123456789ab")
    return value


def day_of(decision_id: str) -> date:
    """The UTC day on which the decision of that id was made."""
    milliseconds = int(checked_id(decision_id).replace("-", "")[:12], 16)
    return (_EPOCH + milliseconds * _MILLISECOND).date()
