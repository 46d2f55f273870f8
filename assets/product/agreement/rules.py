"""Whether a product's rules and reasons agree with its request, its features and the contract of its spine.

Belongs here: the columns that rules may read, and their types; the form of reasons. Does not belong here: a rule that
is wrong by itself (`assets.product.rules`), applying rules (`assets.bundle.rules`).
"""

from collections.abc import Collection, Sequence

from assets.product.agreement.features import allowed_values, validated_columns
from assets.product.contracts.contract import Contract
from assets.product.policies.model import DecisionPolicy, ProductError
from assets.product.problem import Spine
from assets.product.rules import AllOf, AnyOf, Condition, Holds, Not, OneOf, Rule, columns_read
from assets.vocabulary import FeatureSet
from resources.errors import listed

_HOLDS: dict[str, Holds] = {"number": "number", "integer": "number", "boolean": "number", "string": "text"}


def check_rules(
    rules: Sequence[Rule], features: FeatureSet, spine: Spine, decision: DecisionPolicy, protected: Collection[str]
) -> None:
    """Checks ids, outcomes, and that each column is one that the rule's kind may read.

    Args:
        protected: Columns that no decision may use.

    Raises:
        ProductError: They do not agree.
    """
    if not isinstance(rules, (tuple, list)):
        raise ProductError(f"rules={rules!r}; write a tuple of rules, with a comma after a single one")
    for number, rule in enumerate(rules):
        if not isinstance(rule, Rule):
            raise ProductError(f"rules hold {rule!r}; write Rule(...)")
        if rule.id in [other.id for other in rules[:number]]:
            raise ProductError(f"rule {rule.id} is declared twice; give each rule its own id")
        if rule.outcome == "refer" and decision.refer is None:
            raise ProductError(f"rule {rule.id} refers, but nobody reviews; name the outcome in DecisionPolicy(refer=)")
        for column, holds in columns_read(rule.when).items():
            _check_column(rule, column, holds, features, spine, protected)


def _check_column(
    rule: Rule, column: str, holds: Holds, features: FeatureSet, spine: Spine, protected: Collection[str]
) -> None:
    requested = [feature.name for feature in features.request]
    never = {*protected, *features.keys, spine.row_id}
    of_request = [*requested, *(name for name in spine.passthrough if name not in never)]
    if column in protected:
        raise ProductError(f"rule {rule.id} reads '{column}', which is protected: no decision may use it")
    if rule.kind == "knock_out" and column not in of_request:
        why = "is a feature over events, unknown before the model" if column in features.names else "is no such column"
        raise ProductError(
            f"rule {rule.id}: a knock-out reads columns of the request alone, and '{column}' {why}; write a limit, or "
            f"one of {listed(of_request)}"
        )
    if column not in of_request and column not in features.names:
        raise ProductError(
            f"rule {rule.id} reads '{column}', which is neither a feature nor a column of the request; known: "
            f"{listed([*of_request, *(name for name in features.names if name not in requested)])}"
        )
    if column in features.names:
        _check_type(rule, column, holds, "text" if column in features.categories else "number", "of the features")


def check_reasons(product: str, decision: DecisionPolicy, features: FeatureSet) -> None:
    """Checks that the reason of a number has words for high and low values, and that of a category one text.

    Raises:
        ProductError: A reason has the other form.
    """
    for feature, words in decision.reasons.items():
        is_number = feature not in features.categories
        if is_number is isinstance(words, str):
            remedy = f"Words(high='…', low='…'): '{words}' is not true of every number" if is_number else "one text"
            raise ProductError(f"product {product}: the reason of '{feature}' must be {remedy}")


def check_rule_columns(rules: Sequence[Rule], features: FeatureSet, contract: Contract) -> None:
    """Checks what rules read of the request against the contract of the spine's source.

    Raises:
        ProductError: A column is missing, personal or of another type, or is compared with a text that the contract
            does not allow.
    """
    columns, where = validated_columns(contract), f"in contracts/{contract.file}"
    personal = {column.name for column in contract.columns if column.personal is not None}
    computed = {feature.name for feature in (*features.history, *features.derived)}
    for rule in rules:
        for column, holds in columns_read(rule.when).items():
            if column not in features.names:
                kind = _HOLDS.get(columns.get(column, ""))
                if kind is None or column in personal:
                    what = "personal" if column in personal else columns.get(column, "missing")
                    raise ProductError(
                        f"rule {rule.id} reads '{column}', which is {what} {where}; rules read numbers, texts and "
                        "booleans"
                    )
                _check_type(rule, column, holds, kind, where)
        for test in _texts(rule.when):
            allowed = () if test.column in computed else allowed_values(contract, test.column)
            never = [value for value in test.values if allowed and value not in allowed]
            if never:
                raise ProductError(
                    f"rule {rule.id} compares {test.column} with {never[0]!r}, which no row can have: "
                    f"contracts/{contract.file} allows {', '.join(map(str, allowed))}"
                )


def _check_type(rule: Rule, column: str, wanted: Holds, found: Holds, where: str) -> None:
    if wanted not in ("any", found):
        remedy = "OneOf(...)" if found == "text" else "Compare(...)"
        raise ProductError(
            f"rule {rule.id} compares '{column}' with a {wanted}, but it is a {found} {where}; write {remedy}"
        )


def _texts(condition: Condition) -> list[OneOf]:
    """The comparisons with texts within a condition."""
    match condition:
        case OneOf():
            return [condition]
        case Not(condition=inner):
            return _texts(inner)
        case AllOf(conditions=inner) | AnyOf(conditions=inner):
            return [test for each in inner for test in _texts(each)]
    return []
