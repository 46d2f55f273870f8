"""Whether the declared features and the contracts of their sources agree.

Belongs here: the check of each feature's columns against the contract of its source, and of each contract's consent
against the contract of the consents, before any data is read. Does not belong here: units (`assets.vocabulary.units`),
a declaration that is wrong by itself (`assets.vocabulary.history`), corrections (`assets.product.product`).
"""

from collections.abc import Collection, Mapping, Sequence

from assets.product.accepted import AcceptedChange
from assets.product.contracts.contract import ColumnType, Contract, ContractError
from assets.product.contracts.expectations import holds_for_every_row
from assets.product.policies.model import ProductError
from assets.vocabulary import SUMMED, FeatureError, FeatureSet, History, Number, Predicate
from assets.vocabulary.base import WHOLE

_NUMBERS: frozenset[str] = SUMMED | {"min", "max", "first", "last"}
"""Kinds whose column must be a number; only `mode` with `values=` takes a text."""
_NUMERIC: tuple[ColumnType, ...] = ("number", "integer", "boolean")


def check_agreement(
    features: FeatureSet, contracts: Mapping[str, Contract], *, spine: str, protected: Collection[str]
) -> None:
    """Checks every column that a feature reads against the contract of its source.

    Args:
        contracts: By source name.
        spine: The source of the rows to be decided.
        protected: Columns of the spine that no feature may read.

    Raises:
        FeatureError: A feature reads a column that is missing, protected or of another type, or compares a column with
            a value that the contract does not allow.
    """
    for request in features.request:
        columns = validated_columns(contracts[spine])
        _check_present(request.name, request.name, columns, contracts[spine])
        allowed_types: tuple[ColumnType, ...] = _NUMERIC if isinstance(request, Number) else ("string",)
        if columns[request.name] not in allowed_types:
            raise FeatureError(
                f"request column '{request.name}' is a {columns[request.name]} in contracts/{contracts[spine].file}; "
                f"declare it as a {'category' if isinstance(request, Number) else 'Number'}, or fix the contract"
            )
    for feature in features.history:
        _check_history(feature, contracts[feature.source], protected if feature.source == spine else ())


def check_consents(contracts: Mapping[str, Contract]) -> None:
    """Checks that the consents for which a contract asks are a source whose rows can answer.

    Args:
        contracts: By source name; those of all sources of a product.

    Raises:
        ContractError: The consents are no source of the product, or lack a column.
    """
    for contract in contracts.values():
        consent = contract.consent
        if consent is None:
            continue
        if consent.source not in contracts:
            raise ContractError(
                f"contracts/{contract.file}: its consents are of '{consent.source}', which is no source of the product "
                f"({', '.join(contracts)}); declare that source, or the rows could not be used at all"
            )
        asked, columns = contracts[consent.source], validated_columns(contracts[consent.source])
        wanted: dict[str, ColumnType] = {
            consent.subject: validated_columns(contract)[consent.subject], "purpose": "string", "granted": "boolean"
        }  # fmt: skip
        for name, kind in wanted.items():
            if columns.get(name) != kind:
                raise ContractError(
                    f"contracts/{asked.file}: column '{name}' is {columns.get(name, 'missing')}; contracts/"
                    f"{contract.file} takes consents from there and needs it as {kind}"
                )


def check_references(contracts: Mapping[str, Contract]) -> None:
    """Checks that each reference is to a column of another source of the product, and that none leads back.

    Args:
        contracts: By source name; those of all sources of a product.

    Raises:
        ContractError: A reference leads nowhere, to another type, to personal data, or back to its own source.
    """
    for contract in contracts.values():
        for reference in contract.references:
            where = f"contracts/{contract.file}: the reference of '{reference.column}'"
            if reference.source not in contracts or reference.source == contract.source:
                others = ", ".join(name for name in contracts if name != contract.source)
                raise ContractError(
                    f"{where} is to '{reference.source}'; write another source of the product: {others}"
                )
            other, kind = contracts[reference.source], contract.column(reference.column).type
            if reference.to not in other.names or other.column(reference.to).personal:
                raise ContractError(
                    f"{where} is to '{reference.to}', which contracts/{other.file} does not have or replaces as "
                    "personal; write one of its other columns"
                )
            if other.column(reference.to).type != kind:
                raise ContractError(
                    f"{where} is a {kind}, but '{reference.to}' of contracts/{other.file} is a "
                    f"{other.column(reference.to).type}; give both the same type"
                )
            if contract.source in _referred(contracts, reference.source):
                raise ContractError(f"{where} leads back to '{contract.source}'; remove one of the references")


def _referred(contracts: Mapping[str, Contract], source: str) -> frozenset[str]:
    """The sources that a source needs for its references and consents, directly and through others."""
    found: set[str] = set()
    pending = [source]
    while pending:
        contract = contracts[pending.pop()]
        needed = [one.source for one in contract.references] + ([contract.consent.source] if contract.consent else [])
        new = [name for name in needed if name in contracts and name not in found]
        found.update(new)
        pending.extend(new)
    return frozenset(found)


def _check_history(feature: History, contract: Contract, protected: Collection[str]) -> None:
    columns = validated_columns(contract)
    for column in (*((feature.key,) if feature.key != WHOLE else ()), *feature.columns):
        _check_present(feature.name, column, columns, contract)
        if column in protected:
            raise FeatureError(
                f"feature '{feature.name}' reads '{column}' of '{feature.source}', which is protected: no "
                "decision may use it; remove the feature"
            )
    if feature.column is not None:
        kind = columns[feature.column]
        if feature.is_text and kind != "string":
            raise FeatureError(
                f"feature '{feature.name}' reads {feature.column} as a text, but it is a {kind} in contracts/"
                f"{contract.file}; leave values= out"
            )
        if feature.kind in _NUMBERS and not feature.is_text and kind not in _NUMERIC:
            raise FeatureError(
                f"feature '{feature.name}': {feature.kind} of {feature.column}, which is a {kind} in contracts/"
                f"{contract.file} and not a number; name a numeric column, or use distinct('{feature.column}', ...)"
            )
    for predicate in (*feature.filters, *feature.share):
        _check_predicate(feature, predicate, columns[predicate.column], contract)


def _check_predicate(feature: History, predicate: Predicate, kind: ColumnType, contract: Contract) -> None:
    texts = isinstance(predicate.values[0], str)
    if texts != (kind == "string"):
        raise FeatureError(
            f"feature '{feature.name}' compares {predicate.column} with {predicate.values[0]!r}, but it is a {kind} in "
            f"contracts/{contract.file}; write a {'number' if texts else 'text'}"
        )
    allowed = allowed_values(contract, predicate.column)
    refused = [value for value in predicate.values if predicate.test == "in" and allowed and value not in allowed]
    if refused:
        raise FeatureError(
            f"feature '{feature.name}' compares {predicate.column} with {refused[0]!r}, which no row can have: "
            f"contracts/{contract.file} allows {', '.join(map(str, allowed))}"
        )


def validated_columns(contract: Contract) -> dict[str, ColumnType]:
    """The columns of the validated table with their types: without dropped columns, tokens as text, times renamed."""
    times: dict[str, ColumnType] = {"event_time": "timestamp", "known_at": "timestamp"}
    rest: dict[str, ColumnType] = {
        column.name: "string" if column.personal == "token" else column.type
        for column in contract.columns
        if column.personal != "drop" and column.name not in (contract.event_time, contract.known_at)
    }
    return rest | times


def _check_present(feature: str, column: str, columns: Mapping[str, ColumnType], contract: Contract) -> None:
    if column not in columns:
        raise FeatureError(
            f"feature '{feature}' reads a column '{column}', which contracts/{contract.file} does not have; it has "
            f"{', '.join(columns)}"
        )


def allowed_values(contract: Contract, column: str) -> tuple[object, ...]:
    """The values that the contract allows in a column; empty where it allows any."""
    for expectation in contract.expectations:
        kwargs = expectation.get("kwargs", {})
        is_set = expectation.get("type") == "expect_column_values_to_be_in_set" and holds_for_every_row(expectation)
        if is_set and kwargs.get("column") == column:
            return tuple(kwargs["value_set"])
    return ()


def check_accepted(accepted: Sequence[AcceptedChange], contracts: Mapping[str, Contract]) -> None:
    """Checks that each accepted change is of a column that a source has.

    Raises:
        ProductError: There is no such column.
    """
    for change in accepted:
        source, _, column = change.column.partition(".")
        if source not in contracts or column not in contracts[source].names:
            raise ProductError(
                f"monitoring: accepted has the column '{change.column}', which no contract has; write SOURCE.COLUMN"
            )
