"""Rules beside a product's model, as frozen values: conditions as data, and what follows when one holds.

Belongs here: the conditions, the rule, the checks that each makes of itself. Does not belong here: whether its columns
exist (`agreement/rules.py`), applying it to a row or a table, its JSON (`assets.bundle.rules`).

Every condition has three values. A comparison with a missing value is unknown, and so is a ratio whose denominator is 0
or missing. `AllOf` is false as soon as one part is false, `AnyOf` true as soon as one is true, whatever is unknown
beside; `Not` of the unknown is unknown. A rule fires only where its condition is true: what is unknown fires nothing,
unless the rule asks for it with `IsNull`.
"""

import math
from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

from assets.product.policies.model import ProductError
from resources.naming import is_name

Comparison = Literal["<", "<=", ">", ">=", "==", "!="]
RuleKind = Literal["knock_out", "limit", "refer"]
RuleOutcome = Literal["refuse", "refer"]
RuleMode = Literal["active", "shadow"]
Holds = Literal["number", "text", "any"]


@dataclass(frozen=True)
class Compare:
    """A number against a bound: `Compare("amount", ">", 75_000)`; unknown where the number is missing.

    Attributes:
        column: A numeric column or feature; a boolean counts as 0 or 1.
        test: How it is compared with the value.
        value: The bound, in the unit of the column, or of the ratio.
        per: Another numeric column or feature, by which the first is divided before it is compared.
    """

    column: str
    test: Comparison
    value: float
    per: str | None = None

    def __post_init__(self) -> None:
        if self.test not in get_args(Comparison):
            raise ProductError(f"{self.words}: test={self.test!r}; write one of {', '.join(get_args(Comparison))}")
        number = self.value
        if isinstance(number, bool) or not isinstance(number, (int, float)) or not math.isfinite(number):
            raise ProductError(f"{self.words}: value={number!r}; write a finite number, or OneOf(...) for texts")
        # Rows are compared as float64; a bundle's JSON has the same number.
        object.__setattr__(self, "value", float(number))

    @property
    def words(self) -> str:
        """The condition for people."""
        number = f"{self.value:.10g}" if isinstance(self.value, float) else str(self.value)
        return f"{self.column}{f' per {self.per}' if self.per else ''} {self.test} {number}"


@dataclass(frozen=True)
class OneOf:
    """A text that is one of some values: `OneOf("channel", ("web", "app"))`; unknown where the text is missing.

    Attributes:
        column: A text column or feature.
        values: The values; at least one.
    """

    column: str
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        values = self.values
        if isinstance(values, str) or not values or not all(isinstance(value, str) and value for value in values):
            raise ProductError(
                f"OneOf({self.column!r}, {values!r}): write a tuple of texts; Compare(...) takes numbers"
            )
        object.__setattr__(self, "values", tuple(values))

    @property
    def words(self) -> str:
        """The condition for people."""
        return f"{self.column} is {'one of ' if len(self.values) > 1 else ''}{', '.join(self.values)}"


@dataclass(frozen=True)
class IsNull:
    """A value that is missing; never unknown.

    Attributes:
        column: Any column or feature.
    """

    column: str

    @property
    def words(self) -> str:
        """The condition for people."""
        return f"{self.column} is missing"


@dataclass(frozen=True)
class AllOf:
    """Every one of several conditions: `AllOf((Compare(...), IsNull(...)))`.

    Attributes:
        conditions: At least one; nested as deep as needed.
    """

    conditions: tuple["Condition", ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "conditions", _conditions("AllOf", self.conditions))

    @property
    def words(self) -> str:
        """The condition for people."""
        return " and ".join(_grouped(each) for each in self.conditions)


@dataclass(frozen=True)
class AnyOf:
    """At least one of several conditions: `AnyOf((Compare(...), IsNull(...)))`.

    Attributes:
        conditions: At least one; nested as deep as needed.
    """

    conditions: tuple["Condition", ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "conditions", _conditions("AnyOf", self.conditions))

    @property
    def words(self) -> str:
        """The condition for people."""
        return " or ".join(_grouped(each) for each in self.conditions)


@dataclass(frozen=True)
class Not:
    """The opposite of a condition; unknown where the condition is.

    Attributes:
        condition: The condition.
    """

    condition: "Condition"

    def __post_init__(self) -> None:
        _conditions("Not", (self.condition,))

    @property
    def words(self) -> str:
        """The condition for people."""
        return f"not ({self.condition.words})"


Condition = Compare | OneOf | IsNull | AllOf | AnyOf | Not


def _conditions(word: str, given: object) -> tuple[Condition, ...]:
    """The parts of a condition; parentheses around one of them without a comma do not make a tuple."""
    if not isinstance(given, (tuple, list)) or not given:
        raise ProductError(f"{word}({given!r}): write a tuple of conditions, with a comma after a single one")
    for each in given:
        if not isinstance(each, Condition):
            raise ProductError(f"{word}: {each!r} is no condition; write Compare, OneOf, IsNull, AllOf, AnyOf or Not")
    return tuple(given)


def _grouped(condition: Condition) -> str:
    return f"({condition.words})" if isinstance(condition, (AllOf, AnyOf)) else condition.words


def columns_read(condition: Condition) -> dict[str, Holds]:
    """The columns and features that a condition reads, each with what it must hold, in order of first use.

    Raises:
        ProductError: A column would have to be a number in one place and a text in another.
    """
    found: dict[str, Holds] = {}
    for column, holds in _uses(condition):
        before = found.get(column, "any")
        if "any" not in (before, holds) and before != holds:
            raise ProductError(f"a rule compares '{column}' with a number and with a text; a column holds one of them")
        found[column] = before if holds == "any" else holds
    return found


def _uses(condition: Condition) -> list[tuple[str, Holds]]:
    match condition:
        case Compare(column=column, per=per):
            return [(column, "number"), *([] if per is None else [(per, "number")])]  # type: ignore[list-item]
        case OneOf(column=column):
            return [(column, "text")]
        case IsNull(column=column):
            return [(column, "any")]
        case Not(condition=inner):
            return _uses(inner)
        case AllOf(conditions=inner) | AnyOf(conditions=inner):
            return [use for each in inner for use in _uses(each)]


@dataclass(frozen=True)
class Rule:
    """A rule beside the model: where its condition is true, the decision is the rule's, whatever the score.

    The severest answer counts: a refusal by a rule or by the score, then a referral, then acceptance. Rules hold on
    days of the decision's as-of time, so that a replay and a batch score of the past apply what held then.

    Attributes:
        id: Lower-case identifier, unique within the product; decisions, metrics and the model card name it.
        kind: `knock_out` is applied before the features and the model, to columns of the request alone: the decision
            then has no score. `limit` and `refer` are applied after the model, to features too; a `limit` on a count of
            events is a velocity rule.
        when: The condition.
        reason: The reason in words for the person concerned.
        owner: Who answers for the rule.
        valid_from: First UTC day on which it holds.
        outcome: `refuse` or `refer`; a rule of kind `refer` refers.
        valid_until: Last UTC day on which it holds; `None` until it is taken away.
        mode: In `shadow` it decides nothing: its hits are recorded and counted. Let a new rule begin so.
    """

    id: str
    kind: RuleKind
    when: Condition
    reason: str
    owner: str
    valid_from: date
    outcome: RuleOutcome = "refuse"
    valid_until: date | None = None
    mode: RuleMode = "active"

    def __post_init__(self) -> None:
        if not is_name(self.id):
            raise ProductError(
                f"rule {self.id!r}: the id is no name; write at most 63 lower-case letters, digits and _"
            )
        allowed = {"kind": RuleKind, "outcome": RuleOutcome, "mode": RuleMode}
        for name, literal in allowed.items():
            if getattr(self, name) not in get_args(literal):
                raise ProductError(
                    f"rule {self.id}: {name}={getattr(self, name)!r}; write one of {', '.join(get_args(literal))}"
                )
        if self.kind == "refer" and self.outcome != "refer":
            raise ProductError(f"rule {self.id}: a rule of kind 'refer' does not refuse; write outcome='refer'")
        for name in ("reason", "owner"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name).strip():
                raise ProductError(f"rule {self.id}: {name}= is empty; write it, it is recorded with every hit")
        _conditions(f"rule {self.id}", (self.when,))
        if self.valid_until is not None and self.valid_until < self.valid_from:
            raise ProductError(
                f"rule {self.id}: valid_until={self.valid_until} is before valid_from={self.valid_from}; write the "
                "last day on which the rule holds"
            )
        columns_read(self.when)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns and features that it reads, in order of first use."""
        return tuple(columns_read(self.when))

    @property
    def before_model(self) -> bool:
        """Whether it is applied before the features and the model."""
        return self.kind == "knock_out"

    def holds_on(self, day: date) -> bool:
        """Whether the day lies within its validity."""
        return self.valid_from <= day and (self.valid_until is None or day <= self.valid_until)
