"""The units of features and their compatibility.

Belongs here: the algebra of unit names, the unit of each feature of a set, refusing incompatible units. Does not belong
here: where units are declared (`request.py`, `history.py`, contracts), any value.

A unit is a product of names: `EUR`, `EUR/day`, `km*EUR`. `1`, `share` and `flag` are dimensionless. The empty unit is
unknown. Where units must agree (differences, sums, trends) an unknown unit agrees with no known one: mistakes hide in
numbers without a stated unit. Where they need not agree (ratios, multiplications) it makes the result's unit unknown.
"""

import re
from collections.abc import Mapping, Sequence

from assets.vocabulary.aggregates import UNITS
from assets.vocabulary.clock import DayOfWeek
from assets.vocabulary.conditions import FeatureError
from assets.vocabulary.derived import Clip, Difference, Log, Log1p, Multiply, Ratio, SignedLog, Sum, Trend
from assets.vocabulary.history import History
from assets.vocabulary.records import Derived
from assets.vocabulary.request import Number, Text

Columns = Mapping[str, Mapping[str, str]]
"""For each source the units of its columns."""

NUMBER = "1"
_DIMENSIONLESS = {"1", "share", "flag", "times"}
_TIME_NAMES = {"microsecond", "millisecond", "second", "minute", "hour", "day", "week", "month", "year"}
_CURRENCY = re.compile(r"[A-Z]{3}")
_LOGARITHM = "log"


def units_of(
    request: Sequence[Number | Text],
    history: Sequence[History],
    derived: Sequence[Derived],
    columns: Columns | None = None,
    spine: str | None = None,
) -> dict[str, str]:
    """The unit of each feature, in order; "" for texts and for unknown units.

    Args:
        request, history, derived: The features of a feature set.
        columns: Units of the sources' columns, as their contracts declare them; None before contracts are read: a unit
            that the features do not declare may still come from a contract.
        spine: The source whose columns the request has.

    Raises:
        FeatureError: Units are incompatible, or a declared unit differs from the unit of the contract or the inputs.
    """
    strict, columns = columns is not None, columns or {}
    units: dict[str, str] = {}
    for feature in request:
        contract = columns.get(spine or "", {}).get(feature.name, "") if isinstance(feature, Number) else ""
        units[feature.name] = _agreed(feature.name, feature.unit, contract, "its contract says")
    for past in history:
        units[past.name] = _agreed(past.name, past.unit, _of_history(past, columns), "its contract says")
    for computed in derived:
        known = strict or all(units[name] for name in computed.inputs)
        inferred = _of_derived(computed, units) if known else ""
        units[computed.name] = _agreed(computed.name, computed.unit, inferred, "its inputs give")
    return units


def _agreed(name: str, declared: str, inferred: str, origin: str) -> str:
    """The declared unit, or else the inferred one."""
    if declared and inferred and _parsed(declared) != _parsed(inferred):
        raise FeatureError(
            f"feature '{name}': unit={declared!r}, but {origin} {inferred!r}; leave unit= out, or fix the other"
        )
    return declared or inferred


def _of_history(feature: History, columns: Columns) -> str:
    if feature.kind in UNITS or feature.is_text:
        return UNITS.get(feature.kind, "")
    unit = columns.get(feature.source, {}).get(str(feature.column), "")
    return _written(_combined(_parsed(unit), {"day": 1}, -1)) if unit and feature.kind == "slope" else unit


def _of_derived(feature: Derived, units: Mapping[str, str]) -> str:
    match feature:
        case Ratio():
            return _quotient(feature.name, feature.numerator, feature.denominator, units)
        case Multiply():
            return _multiplied(units[feature.left], units[feature.right])
        case Difference() | Sum():
            return _common(feature.name, feature.inputs, units)
        case Trend():
            _common(feature.name, feature.inputs, units)
            return NUMBER
        case Clip():
            return units[feature.of]
        case Log() | Log1p() | SignedLog():
            return _LOGARITHM if units[feature.of] else ""
        case DayOfWeek():
            return "weekday"
        case _:
            return feature.unit


def _common(name: str, inputs: tuple[str, ...], units: Mapping[str, str]) -> str:
    first, *others = inputs
    for other in others:
        if _parsed(units[first]) != _parsed(units[other]) or bool(units[first]) != bool(units[other]):
            labels = {part: f"in {units[part]}" if units[part] else "without a unit" for part in (first, other)}
            unknown = [part for part in labels if not units[part]]
            remedy = (
                f"write unit= for '{unknown[0]}', or in its contract" if unknown else "convert both to one unit first"
            )
            raise FeatureError(f"feature '{name}': '{first}' is {labels[first]}, '{other}' {labels[other]}; {remedy}")
    return units[first] if len({units[part] for part in inputs}) == 1 else NUMBER


def _quotient(name: str, numerator: str, denominator: str, units: Mapping[str, str]) -> str:
    upper, lower = units[numerator], units[denominator]
    if not upper or not lower:
        return ""
    for is_of_kind in (_is_currency, _is_time):
        above = {part for part in _parsed(upper) if is_of_kind(part)}
        below = {part for part in _parsed(lower) if is_of_kind(part)}
        if above and below and above != below:
            raise FeatureError(
                f"feature '{name}': '{numerator}' is in {upper} and '{denominator}' in {lower}; their ratio mixes "
                f"{min(above)} and {min(below)}: convert both to one unit first"
            )
    return _written(_combined(_parsed(upper), _parsed(lower), -1))


def _multiplied(left: str, right: str) -> str:
    return _written(_combined(_parsed(left), _parsed(right), 1)) if left and right else ""


def _is_currency(name: str) -> bool:
    return _CURRENCY.fullmatch(name) is not None


def _is_time(name: str) -> bool:
    return name in _TIME_NAMES


def _parsed(unit: str) -> dict[str, int]:
    """Exponents of the names, times in the singular, dimensionless names left out."""
    exponents: dict[str, int] = {}
    for number, part in enumerate(unit.split("/")):
        for name in part.split("*"):
            name = name.strip()
            name = name[:-1] if name[:-1] in _TIME_NAMES and name.endswith("s") else name
            if name and name not in _DIMENSIONLESS:
                exponents[name] = exponents.get(name, 0) + (-1 if number else 1)
    return {name: exponent for name, exponent in exponents.items() if exponent}


def _combined(one: Mapping[str, int], other: Mapping[str, int], sign: int) -> dict[str, int]:
    exponents = {name: one.get(name, 0) + sign * other.get(name, 0) for name in {**one, **other}}
    return {name: exponent for name, exponent in exponents.items() if exponent}


def _written(exponents: Mapping[str, int]) -> str:
    """`EUR/day`, `days`, `1`."""
    above = [name + "s" * _is_time(name) for name, n in exponents.items() for _ in range(n)]
    below = [name for name, n in exponents.items() for _ in range(-n)]
    return "/".join(["*".join(above) or NUMBER, *below])
