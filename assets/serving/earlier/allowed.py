"""The changes of a request that its product's policy of recourse allows.

Belongs here: the values that a column may be changed to, and the combinations of columns. Does not belong here: the
policy (`assets.product.policies.recourse`), what the bundle makes of a changed request (`recourse.py`).
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from assets.bundle.bundle import Bundle
from assets.bundle.contract import ColumnRule
from assets.features.kernel.rows import Value
from assets.product.policies.recourse import Change, Recourse

MOST_CHANGES = 4_000
"""The most changes that are tried; a number's values are further apart where there would be more."""
_MOST_VALUES = 24
"""The most values that are tried of one column."""
_MOST_STEPS = 2_000
_DIGITS = 9

Changed = Mapping[str, Value]
"""A change: by column its new value."""


@dataclass(frozen=True)
class Allowed:
    """What may become of one column.

    Attributes:
        values: Every allowed value, in the order of their distance from the present one.
        is_number: Whether they are numbers.
    """

    values: tuple[Value, ...]
    is_number: bool

    def spread(self, most: int) -> tuple[Value, ...]:
        """At most so many of the values, evenly spaced in their order, the nearest and the farthest among them."""
        if not self.is_number or len(self.values) <= most:
            return self.values
        places = np.unique(np.linspace(0, len(self.values) - 1, most).round().astype(np.int64))
        return tuple(self.values[place] for place in places)

    def effort(self, value: Value) -> float:
        """How far a change goes: 1 for the farthest allowed number, and for each category."""
        return (self._ranks[value] + 1) / len(self.values) if self.is_number else 1.0

    @cached_property
    def _ranks(self) -> Mapping[Value, int]:
        return {value: rank for rank, value in enumerate(self.values)}


def allowed_values(bundle: Bundle, policy: Recourse, inputs: Mapping[str, Value]) -> dict[str, Allowed]:
    """For each column that the person of a request can change, the values that policy and contract allow.

    A missing value stays missing: nobody knows from where it would change.

    Args:
        inputs: The columns of the request.
    """
    parts = bundle.parts
    found: dict[str, Allowed] = {}
    for name, change in policy.changeable.items():
        present = inputs[name]
        if isinstance(present, str):
            declared = change.to or parts.kernel.features.categories[name]
            values: list[Value] = [value for value in declared if value != present]
        else:
            values = [] if present is None else list(_numbers(change, present))
        rule = None if parts.contract is None else parts.contract.request.read_rule(name)
        kept = tuple(value for value in values if _keeps(rule, value))
        if kept:
            found[name] = Allowed(kept, not isinstance(present, str))
    return found


def changes_of(allowed: Mapping[str, Allowed], at_once: int) -> list[Changed]:
    """The changes that are tried: every combination of at most `at_once` columns, those of fewer columns first."""
    most = next(
        most for most in range(_MOST_VALUES, 0, -1) if most == 1 or count_of(allowed, at_once, most) <= MOST_CHANGES
    )
    values = {name: of.spread(most) for name, of in allowed.items()}
    return [change for size in range(1, at_once + 1) for change in _combined(values, size)]


def count_of(allowed: Mapping[str, Allowed], at_once: int, most: int | None = None) -> int:
    """How many changes of at most `at_once` columns there are, with all values or at most so many of each number."""
    sizes = [len(of.values if most is None else of.spread(most)) for of in allowed.values()]
    return sum(math.prod(some) for size in range(1, at_once + 1) for some in itertools.combinations(sizes, size))


def _combined(values: Mapping[str, Sequence[Value]], size: int) -> Iterator[Changed]:
    for names in itertools.combinations(values, size):
        for chosen in itertools.product(*(values[name] for name in names)):
            yield dict(zip(names, chosen, strict=True))


def _numbers(change: Change, present: float) -> Iterator[float]:
    """The multiples of the step that the change allows, the nearest first."""
    reach = math.inf if change.by is None else change.by * abs(present)
    low = max(-math.inf if change.low is None else change.low, present - reach)
    high = min(math.inf if change.high is None else change.high, present + reach)
    down = _multiples(change.step, low, min(high, present)) if change.way in ("fall", "either") else []
    up = _multiples(change.step, max(low, present), high) if change.way in ("rise", "either") else []
    yield from sorted((value for value in (*down, *up) if value != present), key=lambda value: abs(value - present))


def _multiples(step: float, low: float, high: float) -> list[float]:
    """The multiples of a step from `low` to `high`; of very many some, evenly spaced."""
    if low > high:
        return []
    first, last = math.ceil(round(low / step, _DIGITS)), math.floor(round(high / step, _DIGITS))
    stride = max(1, -(-(last - first + 1) // _MOST_STEPS))
    found = [float(round(number * step, _DIGITS)) for number in range(first, last + 1, stride)]
    # A quotient that was rounded may lie just beyond a bound.
    return [value for value in found if low <= value <= high]


def _keeps(rule: ColumnRule | None, value: Value) -> bool:
    return rule is None or rule.breach(value) is None
