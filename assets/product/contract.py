"""The contract of a source, as a frozen value read from its file.

Belongs here: what a contract says (columns, types, personal data, consent, expectations, how much may fail) and the
checks of the file itself. Does not belong here: running it (`assets.validation.audit`), tokens and consent
(`assets.privacy`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from resources.errors import LooplineError

ColumnType = Literal["string", "integer", "number", "boolean", "timestamp"]
Personal = Literal["token", "drop"]
TAKEN = ("day", "row_number", "_malformed", "_message")
"""Columns that the lake's tables and the stream have beside those of a contract."""


class ContractError(LooplineError):
    """A contract file is not a contract; the message names the file, the part and what to write."""


@dataclass(frozen=True)
class Column:
    """One column of a source.

    Attributes:
        type: How its text is read; `timestamp` is ISO-8601 in UTC.
        unit: Of a number (`EUR`, `days`, `share`, `EUR/day`); empty where nobody stated it.
        personal: `token` replaces the value by a keyed hash, `drop` removes it; `None` for data that names nobody.
        resolution: The smallest step of an exact number (cents: 0.01); `None` for measurements.
        required: A row without a value is quarantined.
    """

    name: str
    type: ColumnType
    description: str
    unit: str = ""
    personal: Personal | None = None
    resolution: float | None = None
    required: bool = True


@dataclass(frozen=True)
class Consent:
    """Rows may be used only for subjects who consented to the purpose when the row became known.

    `source` holds the consents: `subject`, `purpose`, `granted` (boolean) and the two times; the last word counts.
    """

    source: str
    subject: str
    purpose: str


@dataclass(frozen=True)
class Contract:
    """What a source promises.

    Attributes:
        key: Columns that name a row; a second row of the same key within a day is quarantined.
        event_time, known_at: Columns with when an event happened, and when it could first be known. A row that was
            known before it happened, or on another UTC day than that on which it arrived, is quarantined: what a
            decision could know is read off `known_at` and the days that have arrived.
        max_quarantined: The share of a day's rows that may fail before the whole day is refused.
        expectations: Great Expectations configurations (`type`, `kwargs`), evaluated on the typed rows.
        corrections: A later row of the same key, which has one column, is a revision: it replaces the earlier one from
            its `known_at` on; only a second one with the same `known_at` is quarantined. Features declare this too, by
            `Events(record_key=...)`.
        entity_keys: Columns by whose values, as they stand, the online store keeps the rows. A row with a value that it
            cannot take is quarantined. Not in the file: the product's features say so.
    """

    source: str
    description: str
    owner: str
    key: tuple[str, ...]
    event_time: str
    known_at: str
    columns: tuple[Column, ...]
    expectations: tuple[Mapping[str, Any], ...]
    max_quarantined: float
    consent: Consent | None = None
    corrections: bool = False
    entity_keys: tuple[str, ...] = ()
    file: str = field(default="", compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in the contract's order."""
        return tuple(column.name for column in self.columns)

    @property
    def resolutions(self) -> dict[str, float]:
        """The resolution of each exact numeric column."""
        return {c.name: c.resolution for c in self.columns if c.resolution is not None}

    @property
    def units(self) -> dict[str, str]:
        """The unit of each column that has one."""
        return {c.name: c.unit for c in self.columns if c.unit}


def load_contract(path: Path) -> Contract:
    """Reads a contract file.

    Raises:
        ContractError: The file is missing, is not YAML, or lacks or misspells a part.
    """
    if not path.is_file():
        raise ContractError(f"contract {path} does not exist; every source of a product has one")
    try:
        text = yaml.safe_load(path.read_text(encoding="utf-8"))
        columns = tuple(_column(path, name, spec) for name, spec in text.pop("columns").items())
        consent = text.pop("consent", None)
        contract = Contract(
            columns=columns,
            expectations=tuple(text.pop("expectations", ())),
            key=tuple(text.pop("key")),
            consent=Consent(**consent) if consent else None,
            file=path.name,
            **text,
        )
    except (yaml.YAMLError, TypeError, KeyError, AttributeError) as error:
        raise ContractError(f"contract {path} cannot be read: {error!r}") from error
    _check(path, contract)
    return contract


def _column(path: Path, name: str, spec: Mapping[str, Any]) -> Column:
    column = Column(name=name, **spec)
    if column.type not in get_args(ColumnType):
        raise ContractError(f"{path}: column {name} has type {column.type!r}; one of {get_args(ColumnType)}")
    if column.personal not in (None, *get_args(Personal)):
        raise ContractError(f"{path}: column {name} has personal {column.personal!r}; one of {get_args(Personal)}")
    return column


def _check(path: Path, contract: Contract) -> None:
    if contract.source != path.stem:
        raise ContractError(f"{path}: it says source '{contract.source}' but its file is named '{path.stem}'")
    for column in (*contract.key, contract.event_time, contract.known_at):
        if column not in contract.names:
            raise ContractError(f"{path}: '{column}' is used as key or time but is not one of its columns")
    for column in contract.names:
        if column in TAKEN:
            raise ContractError(f"{path}: column '{column}': tables have their own of that name; give it another one")
    for name, column in (("event_time", contract.event_time), ("known_at", contract.known_at)):
        if name in contract.names and column != name:
            raise ContractError(
                f"{path}: {name} is '{column}', which then gets the name of another column '{name}'; give that one "
                "another name"
            )
    if not isinstance(contract.corrections, bool):
        raise ContractError(f"{path}: corrections is {contract.corrections!r}; write true or false")
    if contract.corrections and len(contract.key) != 1:
        raise ContractError(
            f"{path}: rows with key {list(contract.key)} cannot be corrected; write a key of one column"
        )
    if contract.consent and contract.consent.subject not in contract.names:
        raise ContractError(f"{path}: consent subject '{contract.consent.subject}' is not one of its columns")
    for number, expectation in enumerate(contract.expectations, start=1):
        if set(expectation) - {"type", "kwargs", "meta"} or "type" not in expectation:
            raise ContractError(f"{path}: expectation {number} has keys {sorted(expectation)}; write type and kwargs")
