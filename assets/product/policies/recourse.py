"""The policy of recourse: what a person can change about a request, and how far.

Belongs here: the policy as frozen values, and its agreement with features and contract. Does not belong here: searching
the changes of a declined request (`assets.serving.earlier`), the rules that a changed request meets
(`assets.product.rules`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from assets.product.contracts.contract import Contract
from assets.product.policies.model import ProductError
from assets.vocabulary import FeatureSet, holds_text
from resources.errors import listed

Way = Literal["never", "rise", "fall", "either"]
MOST_AT_ONCE = 3


@dataclass(frozen=True)
class Change:
    """Whether, and how far, a person can change one column of the request.

    Attributes:
        way: `never` for a column that the person cannot change, or should not be told to; for a number `rise`, `fall`
            or `either`; for a category `either`.
        low: The lowest number that it may be changed to.
        high: The highest one.
        by: The largest change, as a share of the present number: 0.2 is a fifth more or less.
        step: A changed number is a whole multiple of it.
        to: The values that a category may be changed to; empty for each of its declared values.
    """

    way: Way
    low: float | None = None
    high: float | None = None
    by: float | None = None
    step: float = 1.0
    to: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.way not in get_args(Way):
            raise ProductError(f"recourse: way={self.way!r}; write one of {', '.join(get_args(Way))}")
        numbers = [bound for bound in (self.low, self.high, self.by, self.step) if bound is not None]
        if not all(math.isfinite(number) for number in numbers) or self.step <= 0:
            raise ProductError(f"recourse: {self!r}; write finite numbers, and a step above 0")
        if self.by is not None and self.by <= 0:
            raise ProductError(f"recourse: by={self.by!r}; write a share above 0, as 0.2 for a fifth")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ProductError(f"recourse: low={self.low!r} is above high={self.high!r}; write the lower bound first")
        if self.way == "never" and (len(numbers) > 1 or self.to):
            raise ProductError(f"recourse: {self!r} never changes; leave bounds and values out")


@dataclass(frozen=True)
class Recourse:
    """What a person whose request was not accepted can change, so that the next one may be.

    Every column of the request that is a feature is declared, those that nobody can change too: what a person is told
    to do is somebody's decision, and never a default. Features that are computed from a column follow from it. An
    explanation of a decision searches the allowed changes: the smallest that would have been accepted, the share of
    them that would have been, and whether there is none at all. An edit takes effect with the next model's bundle.

    Attributes:
        columns: By column of the request its `Change`.
        at_once: How many columns may change together, 1 to 3.
    """

    columns: Mapping[str, Change]
    at_once: int = 2

    def __post_init__(self) -> None:
        if isinstance(self.at_once, bool) or self.at_once not in range(1, MOST_AT_ONCE + 1):
            raise ProductError(f"recourse: at_once={self.at_once!r}; write a number from 1 to {MOST_AT_ONCE}")

    @property
    def changeable(self) -> dict[str, Change]:
        """The columns that a person can change, in order."""
        return {name: change for name, change in self.columns.items() if change.way != "never"}


def check_recourse(product: str, recourse: Recourse, features: FeatureSet) -> None:
    """Checks the policy against the features.

    Raises:
        ProductError: A column of the request is not declared, or is none; a change has the form of another type; or
            features over events read a column that may change.
    """
    where, requested = f"product {product}: recourse", {feature.name: feature for feature in features.request}
    undeclared = [name for name in requested if name not in recourse.columns]
    unknown = [name for name in recourse.columns if name not in requested]
    if undeclared or unknown:
        raise ProductError(
            f"{where} lacks {listed(undeclared)} and has {listed(unknown)}; declare a Change for each column of the "
            f"request that is a feature, and for no other; Change('never') where nobody can change it"
        )
    for name, change in recourse.changeable.items():
        if holds_text(requested[name]):
            _check_category(where, name, change, features.categories[name])
        else:
            _check_number(where, name, change)
        readers = [one.name for one in features.history if one.counts_request and name in one.columns]
        if readers:
            raise ProductError(
                f"{where}: '{name}' may change, but {listed(readers)} read it over events, which no record of a "
                f"decision holds; write Change('never')"
            )


def _check_number(where: str, name: str, change: Change) -> None:
    lacks = [
        word
        for word, bound, ways in (("low", change.low, ("fall", "either")), ("high", change.high, ("rise", "either")))
        if change.way in ways and bound is None and change.by is None
    ]
    if lacks or change.to:
        raise ProductError(
            f"{where}: '{name}' is a number that may {change.way}; write {' and '.join(lacks) or 'bounds'}= or by=, "
            "and no to="
        )


def _check_category(where: str, name: str, change: Change, declared: tuple[str, ...]) -> None:
    if change.way != "either" or (change.low, change.high, change.by) != (None, None, None):
        raise ProductError(f"{where}: '{name}' is a category; write Change('either', to=(…)) or Change('never')")
    if not change.to and not declared:
        raise ProductError(
            f"{where}: the values of '{name}' are not declared; write which it may be changed to, to=(…)"
        )
    strange = [value for value in change.to if declared and value not in declared]
    if strange:
        raise ProductError(f"{where}: '{name}' may be changed to {strange[0]!r}; its values are {', '.join(declared)}")


def check_recourse_columns(recourse: Recourse, contract: Contract) -> None:
    """Checks the steps of changes against the contract of the spine's source.

    Raises:
        ProductError: A whole number would be changed to another one.
    """
    for name, change in recourse.changeable.items():
        if contract.column(name).type == "integer" and not float(change.step).is_integer():
            raise ProductError(
                f"recourse: '{name}' is a whole number in contracts/{contract.file}; step={change.step!r} must be one"
            )
