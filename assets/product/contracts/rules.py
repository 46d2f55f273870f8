"""The rules of a contract's file beside its expectations: volume, freshness, references, distribution.

Belongs here: reading these parts, and refusing those that are not understood. Does not belong here: what they mean
(`contract.py`), judging days by them (`assets.validation.rules.day_rules`).
"""

from collections.abc import Mapping
from typing import Any

from assets.product.contracts.contract import Column, ContractError, Distribution, NewestEvent, Reference, Volume
from assets.product.contracts.expected_values import checked, count, limit, text
from assets.product.contracts.parts import parts_of

_COMPARED = ("number", "integer", "boolean", "string")
_MANY_HOURS, _MANY_WEEKS = 24 * 366, 52


def rules_of(path: str, given: Mapping[str, Any], columns: Mapping[str, Column]) -> dict[str, Any]:
    """The rules among the parts of a contract's file, by the name of the part.

    Raises:
        ContractError: A rule is not understood.
    """
    found: dict[str, Any] = {}
    if given.get("volume") is not None:
        found["volume"] = _volume(f"{path}: volume", given["volume"])
    if given.get("freshness") is not None:
        where = f"{path}: freshness"
        hours = parts_of(where, given["freshness"], NewestEvent)["max_age_hours"]
        found["freshness"] = NewestEvent(
            checked(f"{where}: max_age_hours", hours, lambda value, _: limit(value, 0, _MANY_HOURS))
        )
    if given.get("references") is not None:
        if not isinstance(given["references"], list):
            raise ContractError(f"{path}: references is {given['references']!r}; write a list of references")
        found["references"] = tuple(_reference(f"{path}: reference", one, columns) for one in given["references"])
    if given.get("distribution") is not None:
        found["distribution"] = _distribution(f"{path}: distribution", given["distribution"], columns)
    return found


def _volume(where: str, given: object) -> Volume:
    parts = parts_of(where, given, Volume)
    for name in ("min_rows", "max_rows"):
        if parts.get(name) is not None:
            checked(f"{where}: {name}", parts[name], count)
    if parts.get("max_change") is not None:
        checked(f"{where}: max_change", parts["max_change"], lambda value, _: limit(value, 0, 1_000))
    _check_weeks(where, parts)
    volume = Volume(**parts)
    if volume.min_rows is None and volume.max_rows is None and volume.max_change is None:
        raise ContractError(f"{where} says nothing without min_rows, max_rows or max_change; add one")
    if volume.min_rows is not None and volume.max_rows is not None and volume.min_rows > volume.max_rows:
        raise ContractError(f"{where}: min_rows {volume.min_rows} is above max_rows {volume.max_rows}; exchange them")
    return volume


def _reference(where: str, given: object, columns: Mapping[str, Column]) -> Reference:
    parts = parts_of(where, given, Reference)
    reference = Reference(**{name: checked(f"{where}: {name}", value, text) for name, value in parts.items()})
    _check_column(where, reference.column, columns)
    if columns[reference.column].personal:
        raise ContractError(f"{where}: column {reference.column} is personal; refer by a column that is not")
    return reference


def _distribution(where: str, given: object, columns: Mapping[str, Column]) -> Distribution:
    parts = dict(parts_of(where, given, Distribution))
    names = parts["columns"]
    if not isinstance(names, list) or not names:
        raise ContractError(f"{where}: columns is {names!r}; write a list: [amount, kind]")
    for name in names:
        _check_column(where, name, columns)
        if columns[name].type not in _COMPARED or columns[name].personal:
            raise ContractError(f"{where}: column {name} is personal or a timestamp; compare another column")
    checked(f"{where}: max_psi", parts["max_psi"], lambda value, _: limit(value, 0, 100))
    _check_weeks(where, parts)
    return Distribution(**{**parts, "columns": tuple(names)})


def _check_column(where: str, name: object, columns: Mapping[str, Column]) -> None:
    if name not in columns:
        raise ContractError(f"{where}: the contract has no column {name!r}; it has {', '.join(columns)}")


def _check_weeks(where: str, parts: Mapping[str, Any]) -> None:
    weeks = parts.get("weeks", 4)
    if not 1 <= checked(f"{where}: weeks", weeks, count) <= _MANY_WEEKS:
        raise ContractError(f"{where}: weeks is {weeks}; write a number from 1 to {_MANY_WEEKS}")
