"""Why a row or a day is in quarantine, in a sentence.

Belongs here: the meaning of each rule by which `assets.validation.audit` quarantines. Does not belong here: the rules
themselves; the values of rows, which could be personal.
"""

from collections.abc import Mapping
from typing import Any

from assets.product import Contract

_REASONS: Mapping[str, str] = {
    "row_is_readable": "the line is no row: it cannot be read as one of the columns",
    "value_is_present": "there is no value, and the contract requires one",
    "value_is_integer": "the text is no whole number of 64 bits",
    "value_is_number": "the text is no finite number in decimal digits",
    "value_is_boolean": "the text is none of true, false, 1 and 0",
    "value_is_timestamp": "the text is no ISO-8601 time from the year 1 to 9999",
    "known_at_is_not_before_event_time": "the row was known before its event happened",
    "known_at_is_on_its_day": "the row became known on another day than that of its arrival",
    "known_at_is_in_its_hour": "the row became known in another hour than that of its arrival",
    "time_is_no_default": "another system writes this date for a time that it does not know",
    "time_is_within_bounds": "the time lies beyond the bounds of the contract (earliest, latest)",
    "number_can_be_summed": "the number is too large to be held exactly to a step of its resolution",
    "number_fits_resolution": "the number lies between two steps of the resolution in the contract",
    "key_can_be_stored": "the key is empty, too long or has white space, and no decision could find it",
    "reference_exists": "no row of the other source (references) has this value by the day of the row",
    "volume_is_within_bounds": "the day has fewer or more rows than the contract allows (volume)",
    "volume_is_usual": "the rows of the day differ from those of the last weeks by more than volume.max_change",
    "newest_event_is_fresh": "the newest event of the day is older than freshness.max_age_hours before its end",
    "distribution_is_usual": "the values differ from those of the last weeks by more than distribution.max_psi",
    "key_is_unique": "an earlier row of the day has the same key",
}


def reason_of(contract: Contract, rule: str, column: str) -> str:
    """The reason of a rule; for an expectation its arguments in the contract."""
    if rule in _REASONS:
        return _REASONS[rule]
    asked = [_arguments(e["kwargs"]) for e in contract.expectations if e["type"] == rule and column in _subject(e)]
    return f"{' or '.join(asked)} in contracts/{contract.file}" if asked else "the contract has this rule no longer"


def _subject(expectation: Mapping[str, Any]) -> tuple[str, ...]:
    kwargs = expectation["kwargs"]
    named = kwargs.get("column") or kwargs.get("column_A") or ",".join(kwargs.get("column_list", ()))
    return (named,)


def _arguments(kwargs: Mapping[str, Any]) -> str:
    shown = {name: value for name, value in kwargs.items() if not name.startswith(("column", "condition_parser"))}
    return ", ".join(f"{name}: {value}" for name, value in shown.items()) or "the rule"
