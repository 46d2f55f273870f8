"""The shape of a bundle's requests, and a request as a row of the spine.

Belongs here: the names and kinds of a request's columns, the checked request, its spine. Does not belong here: checking
a request (`parse.py`), computing features (`assets.features.online`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import pyarrow as pa

from assets.bundle.bundle import Bundle
from assets.bundle.contract import ColumnRule
from assets.product.rules import Holds
from assets.vocabulary.base import WHOLE, WHOLE_KEY
from assets.vocabulary.times import AS_OF, SEQUENCE
from resources.online_store.event_blocks import TIMESTAMP


@dataclass(frozen=True)
class RequestShape:
    """The columns of a request.

    Attributes:
        row_id: The column that identifies the row; a request without a row id gets a random one.
        keys: Entity key columns: text or integer.
        numbers: Numeric columns: a finite number, or null where missing.
        categories: Text columns, each with its allowed values (empty: any text); null where missing.
        labels: Text or integer columns that are only compared for equality; null where missing.
        sequence: The integer column that orders rows of the same microsecond, if the product declares one; every
            request then needs it, even where it is the row id.
        rules: For a column of any of these what its contract allows. Where a category has a rule, the rule alone says
            which values it may have: one that the feature does not list counts as none of those it lists.
        whole: Whether features read all events of a source, for which a request needs no key.
    """

    row_id: str
    keys: tuple[str, ...]
    numbers: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]
    labels: tuple[str, ...] = ()
    sequence: str | None = None
    rules: Mapping[str, ColumnRule] = field(default_factory=dict)
    personal: frozenset[str] = frozenset()
    whole: bool = False

    @property
    def private(self) -> frozenset[str]:
        """The columns whose values no message quotes: entity keys and personal columns."""
        return self.personal | set(self.keys)

    @property
    def values(self) -> tuple[str, ...]:
        """The request columns, in order."""
        return (*self.numbers, *self.categories, *self.labels)

    def all_keys(self, keys: Mapping[str, str | int]) -> dict[str, str | int]:
        """The keys of a request, with that of events without an entity where features read such."""
        return {**keys, WHOLE: WHOLE_KEY} if self.whole else dict(keys)

    @property
    def columns(self) -> frozenset[str]:
        """Every name that a request may have."""
        ordering = () if self.sequence is None else (self.sequence,)
        return frozenset((self.row_id, *self.keys, *self.values, *ordering, "as_of"))


@dataclass(frozen=True)
class DecisionRequest:
    """A checked request.

    Attributes:
        keys: Entity keys, unchanged.
        as_of: The as-of time of the decision, UTC.
        values: The request columns, numbers as float.
        sequence: Order of the row among rows of the same microsecond; `None` where the product declares no order.
    """

    row_id: str | int
    keys: Mapping[str, str | int]
    as_of: datetime
    values: Mapping[str, float | str | None]
    sequence: int | None = None


def shape_of(bundle: Bundle) -> RequestShape:
    """The shape of a bundle's requests: request features, entity keys, the columns of events and of rules."""
    kernel, policy = bundle.parts.kernel, bundle.policy
    features = kernel.features
    request_features = {feature.name for feature in features.request}
    categories = {name: values for name, values in features.categories.items() if name in request_features}
    numbers = dict.fromkeys(feature.name for feature in features.request if feature.name not in categories)
    labels: dict[str, None] = {}
    known = {*numbers, *categories, *features.key_columns, policy.row_id}
    for group in kernel.groups:
        needs = group.needs
        texts = {predicate.column for predicate in needs.predicates if predicate.is_text}
        numeric = {*needs.numbers, *needs.exact, *(predicate.column for predicate in needs.predicates)} - texts
        for name in needs.names if group.includes_request else ():
            if name in needs.texts:
                categories.setdefault(name, ())
            elif name not in known:
                (numbers if name in numeric else labels)[name] = None
    for name, holds in _read_by_rules(bundle):
        if name not in labels and holds == "text":
            categories.setdefault(name, ())
        elif name not in labels:
            numbers.setdefault(name)
    shape = RequestShape(
        row_id=policy.row_id,
        keys=features.key_columns,
        numbers=tuple(numbers),
        categories=categories,
        labels=tuple(name for name in labels if name not in numbers and name not in categories),
        sequence=policy.sequence,
        whole=WHOLE in features.keys,
    )
    contract = bundle.parts.contract
    rules = {} if contract is None else {name: contract.request.read_rule(name) for name in shape.columns - {AS_OF}}
    kept = {name: rule for name, rule in rules.items() if rule is not None}
    return replace(shape, rules=kept, personal=frozenset(name for name, rule in kept.items() if rule.tokenised))


def _read_by_rules(bundle: Bundle) -> Iterator[tuple[str, Holds]]:
    """The columns that rules read and that are no features, each with what it holds by its contract."""
    parts = bundle.parts
    if parts.contract is None:
        return
    for name in dict.fromkeys(name for rule in parts.rules for name in rule.columns):
        column = None if name in parts.kernel.features.names else parts.contract.request.read_rule(name)
        if column is not None:
            yield name, "text" if column.type == "string" else "number"


def spine_of(shape: RequestShape, request: DecisionRequest) -> pa.Table:
    """A request as a spine of one row: `as_of`, request columns, key columns, `sequence` where rows are ordered."""
    columns = {AS_OF: pa.array([request.as_of], TIMESTAMP)}
    for name in shape.numbers:
        columns[name] = pa.array([request.values[name]], pa.float64())
    for name in (*shape.categories, *shape.labels):
        value = request.values[name]
        columns[name] = pa.array([value], pa.int64() if isinstance(value, int) else pa.string())
    for name, key in request.keys.items():
        columns[name] = pa.array([key])
    if request.sequence is not None:
        columns[SEQUENCE] = pa.array([request.sequence], pa.int64())
    return pa.table(columns)
