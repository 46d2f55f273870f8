"""The contract of a source, as a frozen value read from its file.

Belongs here: the parts of a contract (columns, types, personal data, consent, expectations, the share of rows that may
fail) and the checks of its file. Does not belong here: running it (`assets.validation.audit`), tokens and consent
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
RESERVED = ("day", "row_number", "_malformed", "_message")
"""Columns that the lake's tables and the stream add to those of a contract."""


class ContractError(LooplineError):
    """A contract file is missing or wrong; the message names the file, the part and what to write."""


@dataclass(frozen=True)
class Column:
    """One column of a source.

    Attributes:
        type: How its text is read; `timestamp` is ISO-8601 in UTC.
        unit: Unit of a number (`EUR`, `days`, `share`, `EUR/day`); empty where none is declared.
        personal: `token` replaces the value by a keyed hash, `drop` removes it; `None` where it is not personal.
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

    `source` holds the consents: `subject`, `purpose`, `granted` (boolean) and the two times; the last known one counts.
    """

    source: str
    subject: str
    purpose: str


@dataclass(frozen=True)
class Contract:
    """The promise of a source.

    Attributes:
        key: Columns that identify a row; a second row of the same key within a day is quarantined.
        event_time, known_at: The columns of the time at which an event happened and of the time at which it could first
            be known. A row whose `known_at` lies before its event time, or on another UTC day than its arrival, is
            quarantined: `known_at` and the days that have arrived determine which rows a decision could use.
        max_quarantined: The share of a day's rows that may fail before the whole day is refused.
        expectations: Great Expectations configurations (`type`, `kwargs`), evaluated on the typed rows.
        corrections: A later row of the same key is a revision: it replaces the earlier row from its own `known_at` on;
            only a second row with the same `known_at` is quarantined. The key must be one column, and features must
            declare it as `Events(record_key=...)`.
        entity_keys: Untokenised columns whose values are entity keys in the online store. A row whose key the store
            refuses is quarantined. Not in the contract's file: derived from the product's features.
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
        raise ContractError(f"contract {path} does not exist; every source of a product needs one")
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
        raise ContractError(f"{path}: the source is '{contract.source}' but the file is named '{path.stem}'")
    for column in (*contract.key, contract.event_time, contract.known_at):
        if column not in contract.names:
            raise ContractError(f"{path}: '{column}' is used as key or time but is not one of its columns")
    for column in contract.names:
        if column in RESERVED:
            raise ContractError(f"{path}: column '{column}': the lake's tables add a column of that name; rename yours")
    for name, column in (("event_time", contract.event_time), ("known_at", contract.known_at)):
        if name in contract.names and column != name:
            raise ContractError(
                f"{path}: {name} is read from '{column}', but there is another column '{name}'; rename that one"
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
