"""The contract of a source, as a frozen value read from its file.

Belongs here: the parts of a contract (columns, types, personal data, consent, expectations, the share of rows that may
fail) and the checks of its file. Does not belong here: running it (`assets.validation.audit`), tokens and consent
(`assets.privacy`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from resources.errors import LooplineError
from resources.yaml_files import YamlError, read_yaml

ColumnType = Literal["string", "integer", "number", "boolean", "timestamp"]
Personal = Literal["token", "drop"]
RESERVED = ("day", "row_number", "_malformed", "_message")
"""Columns that the lake's tables and the stream add to those of a contract."""


_OPTIONAL = ("expectations",)
"""Parts of a contract's file that are empty where they are not written."""


class ContractError(LooplineError):
    """A contract file is missing or wrong; the message names the file, the part and what to write."""


@dataclass(frozen=True)
class Column:
    """One column of a source.

    Attributes:
        name: Its name in tables, features and requests.
        description: Its meaning, for people.
        type: How its text is read; `timestamp` is ISO-8601 in UTC.
        unit: Unit of a number (`EUR`, `days`, `share`, `EUR/day`); empty where none is declared.
        personal: `token` replaces the value by a keyed hash, `drop` removes it; `None` where it is not personal.
        resolution: The smallest step of an exact number (cents: 0.01); `None` for measurements.
        required: A row without a value is quarantined.
        original: The column's name at the source, where it is another one.
    """

    name: str
    type: ColumnType
    description: str
    unit: str = ""
    personal: Personal | None = None
    resolution: float | None = None
    required: bool = True
    original: str = ""


@dataclass(frozen=True)
class Consent:
    """Rows may be used only for subjects who consented to the purpose when the row became known.

    Attributes:
        source: The source of the consents, with the subject, `purpose`, `granted` (boolean) and the two times; the
            last known consent counts.
        subject: The column that names the subject, in this source and in that of the consents.
        purpose: The purpose for which the rows are used.
    """

    source: str
    subject: str
    purpose: str


@dataclass(frozen=True)
class Contract:
    """The promise of a source.

    Attributes:
        source: The name of the source; the file is `<source>.yaml`.
        description: What a row is, for people.
        owner: The address of the people who deliver the source.
        columns: By name, `{type: …, description: …, …}`.
        consent: Rows may be used only for subjects who consented; `None` where none is needed.
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
    def at_source(self) -> dict[str, str]:
        """For each column, in the contract's order, its name at the source."""
        return {column.name: column.original or column.name for column in self.columns}

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
        ContractError: The file is missing, is not YAML, gives a key twice, or lacks or misspells a part.
    """
    if not path.is_file():
        raise ContractError(f"contract {path} does not exist; every source of a product needs one")
    try:
        text = read_yaml(path)
    except YamlError as error:
        raise ContractError(f"contract {error}") from error
    parts = dict(_parts(str(path), text, Contract, leave_out=("entity_keys", "file")))
    _check_texts(str(path), parts, ("source", "description", "owner", "event_time", "known_at"))
    for name in ("key", "expectations"):
        if name in parts and not isinstance(parts[name], list):
            raise ContractError(f"{path}: {name} is {parts[name]!r}; write a list: {name}: [...]")
    if not parts["key"] or not all(isinstance(name, str) for name in parts["key"]):
        raise ContractError(f"{path}: key is {parts['key']!r}; name the columns that identify a row")
    if len(set(parts["key"])) < len(parts["key"]):
        raise ContractError(f"{path}: key is {parts['key']!r}; name each column once")
    share = parts["max_quarantined"]
    if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1:
        raise ContractError(f"{path}: max_quarantined is {share!r}; write a share from 0 to 1")
    if not isinstance(parts["columns"], Mapping) or not parts["columns"]:
        raise ContractError(
            f"{path}: columns is {parts['columns']!r}; write a line NAME: {{type: ...}} for each column"
        )
    consent = parts.pop("consent", None)
    contract = Contract(
        columns=tuple(_column(path, name, spec) for name, spec in parts.pop("columns").items()),
        expectations=tuple(parts.pop("expectations", ())),
        key=tuple(parts.pop("key")),
        consent=None if consent is None else _consent(f"{path}: consent", consent),
        file=path.name,
        **parts,
    )
    _check(path, contract)
    return contract


def _parts(where: str, given: object, kind: type[Any], leave_out: Sequence[str] = ()) -> Mapping[str, Any]:
    """The parts of a contract, or of a part of it: all that are needed, and no others.

    Raises:
        ContractError: They are not.
    """
    if not isinstance(given, Mapping):
        raise ContractError(f"{where} is {given!r}; write its parts as NAME: VALUE")
    known = {part.name: part for part in fields(kind) if part.name not in leave_out}
    needed = [name for name, part in known.items() if part.default is MISSING and name not in _OPTIONAL]
    missing = [name for name in needed if name not in given]
    unknown = [str(name) for name in given if name not in known]
    if missing or unknown:
        faults = ([f"lacks {', '.join(missing)}"] if missing else []) + (
            [f"has {', '.join(unknown)}, which no contract has"] if unknown else []
        )
        raise ContractError(f"{where} {' and '.join(faults)}; its parts are {', '.join(known)}")
    return given


def _check_texts(where: str, parts: Mapping[str, Any], names: Sequence[str]) -> None:
    for name in names:
        if not isinstance(parts[name], str) or not parts[name]:
            raise ContractError(f"{where}: {name} is {parts[name]!r}; write a text, in quotes where YAML reads another")


def _consent(where: str, given: object) -> Consent:
    parts = _parts(where, given, Consent)
    _check_texts(where, parts, ("source", "subject", "purpose"))
    return Consent(**parts)


def _column(path: Path, name: object, spec: object) -> Column:
    if not isinstance(name, str):
        raise ContractError(f"{path}: column {name!r} is no text; write its name in quotes")
    where = f"{path}: column {name}"
    given = {"name": name, **_parts(where, spec, Column, leave_out=("name",))}
    _check_texts(where, given, ("description",))
    if "unit" in given and not isinstance(given["unit"], str):
        raise ContractError(f"{where}: unit is {given['unit']!r}; write a text")
    if not isinstance(given.get("required", True), bool):
        raise ContractError(f"{where}: required is {given['required']!r}; write true or false")
    step = given.get("resolution")
    if step is not None and (isinstance(step, bool) or not isinstance(step, (int, float)) or not 0 < step < math.inf):
        raise ContractError(f"{where}: resolution is {step!r}; write a number above 0, as 0.01")
    column = Column(**given)
    if column.type not in get_args(ColumnType):
        raise ContractError(f"{where} has type {column.type!r}; one of {get_args(ColumnType)}")
    if column.personal not in (None, *get_args(Personal)):
        raise ContractError(f"{where} has personal {column.personal!r}; one of {get_args(Personal)}")
    return column


def _check(path: Path, contract: Contract) -> None:
    if contract.source != path.stem:
        raise ContractError(f"{path}: the source is '{contract.source}' but the file is named '{path.stem}'")
    for column in (*contract.key, contract.event_time, contract.known_at):
        if column not in contract.names:
            raise ContractError(f"{path}: '{column}' is used as key or time but is not one of its columns")
    for given in contract.columns:
        if given.name in (contract.event_time, contract.known_at) and not given.required:
            # No comparison with a missing time is true: such a row would be neither known nor unknown.
            raise ContractError(f"{path}: '{given.name}' is one of the two times of a row; remove required: false")
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
        if not isinstance(expectation, Mapping):
            raise ContractError(f"{path}: expectation {number} is {expectation!r}; write type and kwargs")
        if set(expectation) - {"type", "kwargs", "meta"} or "type" not in expectation:
            keys = sorted(map(str, expectation))
            raise ContractError(f"{path}: expectation {number} has keys {keys}; write type and kwargs")
        if not isinstance(expectation.get("kwargs", {}), Mapping):
            raise ContractError(f"{path}: expectation {number} has kwargs {expectation['kwargs']!r}; write NAME: VALUE")
        _check_values(f"{path}: expectation {number}", contract, expectation.get("kwargs", {}))


def _check_values(where: str, contract: Contract, kwargs: Mapping[str, Any]) -> None:
    """Values that YAML reads as another type: no row could have the value false of a text column, written as NO."""
    column = next((column for column in contract.columns if column.name == kwargs.get("column")), None)
    if column is None or column.type not in ("string", "number", "integer"):
        return
    members = kwargs.get("value_set", ())
    if not isinstance(members, (list, tuple)):
        raise ContractError(f"{where}: value_set is {members!r}; write a list: [...]")
    is_text = column.type == "string"
    bounds = () if is_text else [kwargs[name] for name in ("min_value", "max_value") if kwargs.get(name) is not None]
    for value in (*members, *bounds):
        fits = isinstance(value, str) if is_text else isinstance(value, (int, float)) and not isinstance(value, bool)
        if value is not None and not fits:
            remedy = "write it in quotes" if is_text else "write a number without quotes"
            raise ContractError(
                f"{where}: {value!r} is a {type(value).__name__}, but column '{column.name}' a {column.type}; {remedy}"
            )
