"""The contracts of a product's sources, as far as one request or one posted event can be held to them.

Belongs here: the rules of one column, and whether a value keeps them. Does not belong here: reading a contract file
(`assets.product.contracts`), judging whole days (`assets.validation`), bodies (`assets.serving.requests.parse`).

A bundle holds what its model was trained on: rows that break these rules are quarantined, and no model has seen one. A
rule that needs several rows or several columns (a unique key, one column above another) stays with the days.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from assets.privacy.tokens import is_token
from resources.errors import LooplineError

Kind = Literal["string", "integer", "number", "boolean", "timestamp"]
Route = Literal["outcomes", "reviews"]
Value = str | float | bool
_SEND_TOKENS = (
    "its contract tokenises it, and this service has no tokenisation key: send the token that the lake has "
    "(tok:, 8 hexadecimal digits, a colon, 32 digits), or null if the event may be without it"
)
_WORDS: dict[str, str] = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "timestamp": "an ISO-8601 time with a zone",
}


class ContractRecordError(LooplineError, ValueError):
    """A record in a bundle is not one of contracts."""


@dataclass(frozen=True)
class ColumnRule:
    """What a contract allows in one column.

    Attributes:
        required: Null is not allowed.
        low, high: The least and the greatest number allowed; None where there is no bound.
        low_open, high_open: The bound itself is not allowed.
        members: The allowed values; empty where any is.
        excluded: Values that are not allowed.
        shortest, longest: The bounds of a text's length, in characters.
        patterns: Regular expressions, each of which a text must contain.
        excluded_patterns: Regular expressions that a text must not contain.
        tokenised: The lake replaces the values by tokens (`assets.privacy.tokens`); `type` is then `string`.
    """

    type: Kind
    required: bool = True
    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False
    members: tuple[Value, ...] = ()
    excluded: tuple[Value, ...] = ()
    shortest: int | None = None
    longest: int | None = None
    patterns: tuple[str, ...] = ()
    excluded_patterns: tuple[str, ...] = ()
    tokenised: bool = False

    def breach(self, value: object) -> str | None:
        """What a value of JSON must be, if it breaks the rule: `it must be from 3 to 120`; None if it keeps it."""
        if value is None:
            return f"it must not be null, but {_WORDS[self.type]}" if self.required else None
        if self.tokenised:
            return None if isinstance(value, str) and is_token(value) else _SEND_TOKENS
        if not self._has_type(value):
            return f"it must be {_WORDS[self.type]}{'' if self.required else ', or null'}"
        if isinstance(value, str):
            return self._breach_of_set(value) or self._breach_of_text(value)
        if isinstance(value, int | float):
            return self._breach_of_range(value) or self._breach_of_set(value)
        return None

    def _has_type(self, value: object) -> bool:
        if self.type in ("string", "timestamp"):
            return isinstance(value, str)
        if self.type == "boolean":
            return isinstance(value, bool) or (isinstance(value, int | float) and value in (0, 1))
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        # 36.0 is a whole number, as it is in a source's files.
        return self.type == "number" or isinstance(value, int) or value.is_integer()

    def _breach_of_range(self, value: float) -> str | None:
        is_low = self.low is not None and (value < self.low or (self.low_open and value == self.low))
        is_high = self.high is not None and (value > self.high or (self.high_open and value == self.high))
        # A whole number may have more digits than a float can hold.
        if not is_low and not is_high and not (isinstance(value, float) and math.isnan(value)):
            return None
        least = "above" if self.low_open else "at least"
        most = "below" if self.high_open else "at most"
        if self.low is not None and self.high is not None and not self.low_open and not self.high_open:
            return f"it must be from {self.low} to {self.high}"
        bounds = [f"{least} {self.low}"] if self.low is not None else []
        return f"it must be {' and '.join([*bounds, *([f'{most} {self.high}'] if self.high is not None else [])])}"

    def _breach_of_set(self, value: Value) -> str | None:
        if self.members and value not in self.members:
            return f"it must be one of {', '.join(map(str, self.members))}"
        if value in self.excluded:
            return f"it must be none of {', '.join(map(str, self.excluded))}"
        return None

    def _breach_of_text(self, value: str) -> str | None:
        if not (self.shortest or 0) <= len(value) <= (math.inf if self.longest is None else self.longest):
            most = "or more" if self.longest is None else f"to {self.longest}"
            return f"it has {len(value)} characters; it must have {self.shortest or 0} {most}"
        for pattern in self.patterns:
            if not re.search(pattern, value):
                return f"it must match {pattern}"
        for pattern in self.excluded_patterns:
            if re.search(pattern, value):
                return f"it must not match {pattern}"
        return None


@dataclass(frozen=True)
class PostedRules:
    """How the rows of a source are posted to the service.

    Attributes:
        route: `outcomes` for POST /outcomes, `reviews` for POST /reviews.
        id: The column with the id of a row.
        fields: The columns that the body names otherwise, each by its name in the body.
        corrections: A later row of the same id is a revision; otherwise it is refused.
    """

    route: Route
    id: str
    fields: Mapping[str, str]
    corrections: bool


@dataclass(frozen=True)
class SourceRules:
    """What the contract of one source allows.

    Attributes:
        event_time, known_at: The columns with the two times of an event, as the source names them.
        columns: For each column its rule; None for a personal one that the lake drops, and in older bundles for every
            personal one.
        posted: How its rows are posted; None for a source that is read elsewhere.
    """

    event_time: str
    known_at: str
    columns: Mapping[str, ColumnRule | None]
    posted: PostedRules | None = None

    def read_rule(self, column: str) -> ColumnRule | None:
        """The rule of a column that features read; None for a column that the contract does not have.

        Features read no dropped column: a personal one that they read is tokenised, in older bundles too.
        """
        if column not in self.columns:
            return None
        return self.columns[column] or ColumnRule("string", required=False, tokenised=True)


@dataclass(frozen=True)
class BundleContract:
    """The contracts of a bundle's sources.

    Attributes:
        spine: The source of the rows that are decided: its rules are those of a request.
        sources: By name.
        example: A request that the product declares as an example; empty in bundles of before examples were kept.
    """

    spine: str
    sources: Mapping[str, SourceRules] = field(default_factory=dict)
    example: Mapping[str, Any] = field(default_factory=dict)

    @property
    def request(self) -> SourceRules:
        """The rules of a request."""
        return self.sources[self.spine]

    def to_dict(self) -> dict[str, Any]:
        """The contracts as a JSON value, for `from_dict`."""
        sources = {
            name: {
                "event_time": source.event_time,
                "known_at": source.known_at,
                "columns": {column: rule and _record(rule) for column, rule in source.columns.items()},
                **({} if source.posted is None else {"posted": asdict(source.posted)}),
            }
            for name, source in self.sources.items()
        }
        return {"spine": self.spine, "sources": sources} | ({"example": dict(self.example)} if self.example else {})

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "BundleContract":
        """The contracts that `to_dict` wrote.

        Raises:
            ContractRecordError: The record is not one of contracts.
        """
        try:
            sources = {
                name: SourceRules(
                    source["event_time"],
                    source["known_at"],
                    {column: rule and _rule(rule) for column, rule in source["columns"].items()},
                    PostedRules(**source["posted"]) if "posted" in source else None,
                )
                for name, source in record["sources"].items()
            }
            found = cls(record["spine"], sources, dict(record.get("example", {})))
            if found.spine not in sources:
                raise ContractRecordError(f"the contracts lack the spine's source '{found.spine}'")
        except (KeyError, TypeError, AttributeError, re.error) as error:
            raise ContractRecordError(f"the record is not one of contracts: {error!r}") from error
        return found


def _record(rule: ColumnRule) -> dict[str, Any]:
    """A rule as JSON values, without the fields that have their default."""
    default = asdict(ColumnRule(rule.type))
    return {"type": rule.type} | {name: value for name, value in asdict(rule).items() if value != default[name]}


def _rule(record: Mapping[str, Any]) -> ColumnRule:
    lists = {name: tuple(value) for name, value in record.items() if isinstance(value, list)}
    rule = ColumnRule(**{**record, **lists})
    if rule.type not in _WORDS:
        raise ContractRecordError(f"a column's type is {rule.type!r}; one of {', '.join(_WORDS)}")
    for pattern in (*rule.patterns, *rule.excluded_patterns):
        re.compile(pattern)
    return rule
