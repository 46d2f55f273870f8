"""The record of a registered model version, and its approval.

Belongs here: the frozen record that a version carries as its tags, and the approval that a person adds. Does not belong
here: the registry itself (`resources.tracking`), whether a version may be promoted (`assets.rollout.promotion`).
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

from assets.bundle.bundle import BundleParts
from assets.bundle.headline import named_figures
from resources.errors import LooplineError
from resources.naming import checked_name
from resources.people import plain_name

Gates = Literal["promote", "refuse"]
Answer = Literal["approve", "reject"]

_PREFIX = "loopline."
_ANSWER = "loopline.answer."
_LAST_ANSWER = "loopline.approval"


class RegistrationError(LooplineError, ValueError):
    """A record is incomplete, or a version's tags are not a record; the message names the field."""


@dataclass(frozen=True, kw_only=True)
class Registration:
    """Where a model version came from.

    Attributes:
        digest: SHA-256 of the bundle's manifest: the deployed bundle must have it.
        author: The person or schedule that started the training; may not approve the version. `unknown` where Dagster's
            pages started it, which know no names.
        trained_at: When the model was trained.
        dagster_run: The run that trained it.
        code: Version of the code: a commit, with `+changed` when the tree was not clean.
        features: Digest of the feature set.
        pins: For each table that the training read, its Delta version.
        compared_with: The champion with which the gates compared the version; empty for none.
        gates: The gates' verdict.
        gate_reasons: The reasons of the verdict.
        metrics: Headline figures on the test rows; `None` where a figure could not be computed.
    """

    product: str
    digest: str
    author: str
    trained_at: datetime
    dagster_run: str
    code: str
    features: str
    pins: Mapping[str, int]
    compared_with: str
    gates: Gates
    gate_reasons: tuple[str, ...]
    metrics: Mapping[str, float | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        checked_name(self.product, "product")
        for name in ("digest", "author", "code", "features"):
            if not getattr(self, name):
                raise RegistrationError(f"registration of {self.product}: '{name}' is empty; record it")
        if not self.pins:
            raise RegistrationError(f"registration of {self.product}: no pinned table; the model could not be rebuilt")
        if self.trained_at.tzinfo is None:
            raise RegistrationError(f"registration of {self.product}: trained_at has no time zone; give it in UTC")

    @classmethod
    def of(cls, parts: BundleParts, *, digest: str, author: str, code: str) -> "Registration":
        """The record of an evaluated bundle, from its pins and metrics.

        Args:
            parts: The bundle's parts; their metrics are the evaluation.
            digest: Digest of the signed bundle.
            author: The person or schedule that started the training.
            code: Version of the code.

        Raises:
            RegistrationError: The bundle's pins are incomplete, or it was not evaluated.
        """
        try:
            pins, gates = parts.pins, parts.metrics["gates"]
            return cls(
                product=parts.product,
                digest=digest,
                author=author,
                trained_at=parts.created_at,
                dagster_run=str(pins["dagster_run"]),
                code=code,
                features=parts.kernel.features.digest,
                pins={**pins["pins"], "training_set": pins["version"]},
                compared_with=parts.metrics["champion"] or "",
                gates=_gates(gates["action"]),
                gate_reasons=tuple(gates["reasons"]),
                metrics=named_figures(parts.metrics),
            )
        except KeyError as error:
            raise RegistrationError(f"the bundle of {parts.product} has no {error}; evaluate it first") from error

    def to_tags(self) -> dict[str, str]:
        """The record as tags of a model version, one for each field: a text as it is, any other value as JSON."""
        values: dict[str, object] = {
            "product": self.product,
            "digest": self.digest,
            "author": self.author,
            "trained_at": self.trained_at.isoformat(),
            "dagster_run": self.dagster_run,
            "code": self.code,
            "features": self.features,
            "pins": dict(self.pins),
            "compared_with": self.compared_with,
            "gates": self.gates,
            "gate_reasons": list(self.gate_reasons),
            "metrics": dict(self.metrics),
        }
        return {
            f"{_PREFIX}{name}": value if isinstance(value, str) else json.dumps(value, sort_keys=True, allow_nan=False)
            for name, value in values.items()
        }

    @classmethod
    def from_tags(cls, tags: Mapping[str, str]) -> "Registration":
        """The record of a version's tags; other tags are ignored.

        Raises:
            RegistrationError: A tag is missing or is not what `to_tags` writes.
        """
        try:
            texts = {name: tags[f"{_PREFIX}{name}"] for name in cls.__dataclass_fields__}
            return cls(
                product=texts["product"],
                digest=texts["digest"],
                author=texts["author"],
                trained_at=datetime.fromisoformat(texts["trained_at"]),
                dagster_run=texts["dagster_run"],
                code=texts["code"],
                features=texts["features"],
                pins={table: int(version) for table, version in json.loads(texts["pins"]).items()},
                compared_with=texts["compared_with"],
                gates=_gates(texts["gates"]),
                gate_reasons=tuple(json.loads(texts["gate_reasons"])),
                metrics=json.loads(texts["metrics"]),
            )
        except KeyError as error:
            raise RegistrationError(f"the version has no tag {error}; it was not registered by this code") from error
        except (TypeError, AttributeError, ValueError) as error:
            raise RegistrationError(f"the version's tags are not a registration: {error}") from error


@dataclass(frozen=True, kw_only=True)
class Approval:
    """A person's approval or rejection of one version.

    Attributes:
        version: The version that was reviewed; the answer holds for no other.
        by: Name of the person.
        reason: The reason in the person's words.
        overturns: Why an earlier rejection of the version no longer holds; empty if the answer overturns none.
        conditions: What the approval depends on, in words; people see to them.
        max_share: The largest share of the entities for which the version may decide; `None` for no bound.
        until: When the approval ends; `None` where the product's policy alone says it.
        account: The person that LOOPLINE_USER named where the answer was given; empty if it named nobody.
        entry: Hash of the audit log's entry about the answer; empty in what older code wrote.
    """

    version: str
    answer: Answer
    by: str
    reason: str
    at: datetime
    overturns: str = ""
    conditions: tuple[str, ...] = ()
    max_share: float | None = None
    until: datetime | None = None
    account: str = ""
    entry: str = ""

    def __post_init__(self) -> None:
        if not plain_name(self.by) or not plain_name(self.reason):
            raise RegistrationError(f"approval of version {self.version}: give --by and --reason; both are recorded")
        if self.answer not in ("approve", "reject"):
            raise RegistrationError(f"approval of version {self.version}: {self.answer!r}; write 'approve' or 'reject'")
        if self.max_share is not None and not 0.0 < self.max_share <= 1.0:
            raise RegistrationError(
                f"approval of version {self.version}: up to the share {self.max_share}; write one above 0, at most 1"
            )
        if self.until is not None and (self.until.tzinfo is None or self.until <= self.at):
            raise RegistrationError(
                f"approval of version {self.version}: it ends at {self.until.isoformat()}; give a later time, in UTC"
            )
        if self.at.tzinfo is None:
            raise RegistrationError(f"approval of version {self.version}: the time has no time zone; give it in UTC")

    @property
    def details(self) -> dict[str, Any]:
        """What the audit log has of the answer beside its reason."""
        details = {
            "overturns": self.overturns, "conditions": list(self.conditions), "max_share": self.max_share,
            "until": self.until and self.until.isoformat(), "account": self.account,
        }  # fmt: skip
        return {name: value for name, value in details.items() if value}

    def to_tags(self, earlier: int) -> dict[str, str]:
        """The answer as a tag of the version: one more tag, so that no earlier answer is overwritten.

        Args:
            earlier: Number of the newest answer that the version has already (`newest_number`).
        """
        record = asdict(self) | {"at": self.at.isoformat(), "until": self.until and self.until.isoformat()}
        return {f"{_ANSWER}{earlier + 1}": json.dumps(record, sort_keys=True)}

    @staticmethod
    def newest_number(tags: Mapping[str, str]) -> int:
        """Number of the newest answer among a version's tags, whichever of the earlier ones are gone; 0 for none."""
        numbers = [int(name.removeprefix(_ANSWER)) for name in tags if name.startswith(_ANSWER)]
        return max(numbers, default=int(_LAST_ANSWER in tags))

    @classmethod
    def all_from_tags(cls, tags: Mapping[str, str]) -> "tuple[Approval, ...]":
        """Every answer among a version's tags, the oldest first.

        Raises:
            RegistrationError: A tag is not what `to_tags` writes.
        """
        numbered = [(int(name.removeprefix(_ANSWER)), text) for name, text in tags.items() if name.startswith(_ANSWER)]
        # Older code kept the last answer alone.
        texts = [tags[_LAST_ANSWER]] if _LAST_ANSWER in tags else []
        texts += [text for _, text in sorted(numbered)]
        try:
            records = [json.loads(text) for text in texts]
            return tuple(cls(**_answer_of(record)) for record in records)
        except (KeyError, TypeError, ValueError) as error:
            raise RegistrationError(f"an answer on the version cannot be read: {error!r}") from error


def _answer_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of an answer, from its record."""
    until = record.get("until")
    return {
        **record,
        "at": datetime.fromisoformat(record["at"]),
        "until": None if until is None else datetime.fromisoformat(until),
        "conditions": tuple(record.get("conditions", ())),
    }


def _gates(text: str) -> Gates:
    if text == "promote":
        return "promote"
    if text == "refuse":
        return "refuse"
    raise RegistrationError(f"the gates' verdict is {text!r}; known are 'promote' and 'refuse'")
