"""The file of a contract: `contracts/<source>.yaml`.

Belongs here: reading the file, and refusing every part that is not understood, with what to write instead. Does not
belong here: what the parts mean (`contract.py`), the arguments of expectations (`expectations.py`).
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args

from assets.product.contracts.contract import (
    RESERVED,
    Column,
    ColumnType,
    Consent,
    Contract,
    ContractError,
    NewColumns,
    Personal,
    PersonalClass,
)
from assets.product.contracts.expectations import checked_expectation
from assets.product.contracts.expected_values import checked, flag, moment, number, text
from assets.product.contracts.parts import parts_of
from assets.product.contracts.rules import rules_of
from resources.yaml_files import YamlError, read_yaml

_CONTRACTS = 256
"""How many contracts are kept: a run asks for the same ones a hundred times."""
_OWNER = r"^(team:\S+|[^@\s]+@[^@\s]+\.[^@\s]+)$"


def load_contract(path: Path) -> Contract:
    """Reads a contract file; one that has not changed since is not read again.

    Raises:
        ContractError: The file is missing, is not YAML, or has a part that is missing, misspelt or of no effect.
    """
    if not path.is_file():
        raise ContractError(f"contract {path} does not exist; every source of a product needs one")
    stamp = path.stat()
    return _contract(path, stamp.st_mtime_ns, stamp.st_size, stamp.st_ino)


@lru_cache(maxsize=_CONTRACTS)
def _contract(path: Path, *_stamp: int) -> Contract:
    """The contract of a file, of which the stamp names the content."""
    parts = dict(parts_of(str(path), _read(path), Contract, leave_out=("entity_keys", "file")))
    for name in ("source", "description", "owner", "event_time", "known_at"):
        checked(f"{path}: {name}", parts[name], text)
    if "purpose" in parts:
        checked(f"{path}: purpose", parts["purpose"], text)
    for name in ("references", "corrections"):
        if parts.get(name, ()) is None:
            raise ContractError(f"{path}: {name} is empty; remove it")
    if not re.match(_OWNER, parts["owner"]):
        raise ContractError(f"{path}: owner is {parts['owner']!r}; write an e-mail address, or team:NAME")
    if parts.get("new_columns", "leave_out") not in get_args(NewColumns):
        raise ContractError(f"{path}: new_columns is {parts['new_columns']!r}; one of {get_args(NewColumns)}")
    for name in ("key", "expectations"):
        if name in parts and not isinstance(parts[name], list):
            raise ContractError(f"{path}: {name} is {parts[name]!r}; write a list: {name}: [...]")
    if not parts["key"]:
        raise ContractError(f"{path}: key is empty; name the columns that name a row")
    share = parts["max_quarantined"]
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise ContractError(f"{path}: max_quarantined is {share!r}; write a share from 0 to 1")
    if not isinstance(parts["columns"], Mapping) or not parts["columns"]:
        raise ContractError(
            f"{path}: columns is {parts['columns']!r}; write a line NAME: {{type: ...}} for each column"
        )
    columns = tuple(_column(path, name, spec) for name, spec in parts.pop("columns").items())
    by_name = {column.name: column for column in columns}
    contract = Contract(
        columns=columns,
        expectations=tuple(
            checked_expectation(f"{path}: expectation {number}", given, by_name)
            for number, given in enumerate(parts.pop("expectations", ()), start=1)
        ),
        key=tuple(map(str, parts.pop("key"))),
        consent=_consent(path, parts.pop("consent", None)),
        file=path.name,
        **{**parts, **rules_of(str(path), parts, by_name)},
    )
    _check(path, contract)
    return contract


def _read(path: Path) -> object:
    try:
        return read_yaml(path)
    except YamlError as error:
        raise ContractError(f"contract {error}") from error


def _consent(path: Path, given: object) -> Consent | None:
    if given is None:
        return None
    parts = parts_of(f"{path}: consent", given, Consent)
    return Consent(**{name: checked(f"{path}: consent: {name}", value, text) for name, value in parts.items()})


def _column(path: Path, name: object, spec: object) -> Column:
    if not isinstance(name, str):
        raise ContractError(f"{path}: column {name!r} is no text; write its name in quotes")
    where = f"{path}: column {name}"
    given = {"name": name, **parts_of(where, spec, Column, leave_out=("name",))}
    if given["type"] not in get_args(ColumnType):
        raise ContractError(f"{where} has type {given['type']!r}; one of {get_args(ColumnType)}")
    if given.get("personal") not in (None, *get_args(Personal)):
        raise ContractError(f"{where} has personal {given['personal']!r}; one of {get_args(Personal)}")
    if given.get("pii") not in (None, *get_args(PersonalClass)):
        raise ContractError(f"{where} has pii {given['pii']!r}; one of {get_args(PersonalClass)}")
    if not isinstance(given["description"], str):
        raise ContractError(f"{where}: description is {given['description']!r}; write a text in quotes")
    for part, kind in (("unit", text), ("required", flag), ("original", text)):
        if part in given:
            checked(f"{where}: {part}", given[part], kind)
    if given.get("resolution") is not None:
        checked(f"{where}: resolution", given["resolution"], _step)
        if given["type"] not in ("number", "integer"):
            raise ContractError(f"{where} is a {given['type']} and has a resolution; only numbers have one: remove it")
    if given.get("since") is not None:
        given["since"] = checked(f"{where}: since", given["since"], lambda value, _: moment(value)).date()
    return Column(**{**given, **_bounds(where, given)})


def _step(given: object, _: Sequence[Column]) -> float:
    step = number(given, ())
    if step <= 0:
        raise ValueError("write a positive step, such as 0.01 for cents")
    return step


def _bounds(where: str, given: Mapping[str, Any]) -> dict[str, datetime]:
    """The bounds of a timestamp, as moments in UTC."""
    found = {}
    for part in ("earliest", "latest"):
        if given.get(part) is None:
            continue
        if given["type"] != "timestamp":
            raise ContractError(f"{where} is a {given['type']} and has {part}, a bound of times; write an expectation")
        found[part] = checked(f"{where}: {part}", given[part], lambda value, _: moment(value))
    if len(found) == 2 and found["earliest"] > found["latest"]:
        raise ContractError(f"{where}: earliest {found['earliest']} is after latest {found['latest']}; exchange them")
    return found


def _check(path: Path, contract: Contract) -> None:
    if contract.source != path.stem:
        raise ContractError(f"{path}: the source is '{contract.source}' but the file is named '{path.stem}'")
    if len(set(contract.key)) < len(contract.key):
        raise ContractError(f"{path}: key {', '.join(contract.key)} names a column twice; name it once")
    for column in (*contract.key, contract.event_time, contract.known_at):
        if column not in contract.names:
            raise ContractError(f"{path}: '{column}' is used as key or time but is not one of its columns")
    for column in (*contract.key, contract.event_time, contract.known_at):
        if contract.column(column).since is not None:
            raise ContractError(f"{path}: column {column} has since, but every row has its key and times; remove it")
    for column in (contract.event_time, contract.known_at):
        if contract.column(column).type != "timestamp":
            raise ContractError(f"{path}: '{column}' is one of the two times of a row; write type: timestamp")
    if contract.event_time == contract.known_at:
        raise ContractError(
            f"{path}: event_time and known_at are both '{contract.known_at}'; the time at which a row became known "
            "is a column of its own: have the source send it, or its reader add it"
        )
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
            f"{path}: rows with key {', '.join(contract.key)} cannot be corrected; write a key of one column"
        )
    if contract.consent and contract.consent.subject not in contract.names:
        raise ContractError(f"{path}: consent subject '{contract.consent.subject}' is not one of its columns")
