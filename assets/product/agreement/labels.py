"""Whether spine, label, features and the contracts of their sources agree.

Belongs here: the checks of what the spine and the label read, before any data is read. Does not belong here: the
declarations themselves (`assets.product.problem`), the columns of features (`features.py`).
"""

from assets.product.agreement.features import validated_columns
from assets.product.contracts.contract import Contract
from assets.product.policies.model import ProductError
from assets.product.problem import Label, Spine
from assets.vocabulary import FeatureSet
from resources.errors import listed


def check_declared_label(product: str, label: Label, spine: Spine, features: FeatureSet) -> None:
    """Checks the label against the spine and the features, without contracts.

    Raises:
        ProductError: A label of the row is not of the spine's source, or a feature or a condition reads it; the column
            that is compared is not in the feature table; or requests are events of a spine that is decided later.
    """
    kept = (spine.row_id, *features.key_columns, *spine.passthrough)
    if label.spine_column is not None and label.spine_column not in kept:
        raise ProductError(
            f"product {product}: the label's spine_column '{label.spine_column}' is not in the feature table; it has "
            f"{listed(kept)}: add it to Spine(passthrough=...)"
        )
    if spine.after:
        for feature in features.history:
            if feature.includes_request:
                raise ProductError(
                    f"product {product}: feature '{feature.name}' counts the request as an event, but the decision is "
                    f"made {spine.after} after it: the request is an event of the past by then. Remove includes_request"
                )
    if label.kind == "column":
        _check_column_of_row(product, label, spine, features)


def check_spine_columns(product: str, spine: Spine, features: FeatureSet) -> None:
    """Checks that row id and passthrough columns share no name with another column of the feature table.

    Raises:
        ProductError: One does.
    """
    taken = {"as_of": spine.as_of, "sequence": spine.sequence, "day": None, "utc_hour": None}
    computed = {feature.name for feature in (*features.history, *features.derived)}
    for column in (spine.row_id, *spine.passthrough):
        if taken.get(column, column) != column:
            raise ProductError(
                f"product {product}: the spine's row_id or passthrough column '{column}' has the name of a column that "
                f"the feature table adds; rename the column of '{spine.source}'"
            )
        if column in computed:
            raise ProductError(
                f"product {product}: the spine's column '{column}' has the name of a feature; give the feature another "
                "name="
            )


def check_spine(spine: Spine, contract: Contract) -> None:
    """Checks that the conditions of the spine read columns that its contract has, in their type.

    Raises:
        ProductError: A column is missing, or compared with a value of another type.
    """
    columns = validated_columns(contract)
    for predicate in spine.filters:
        kind = columns.get(predicate.column)
        if kind is None or predicate.is_text is not (kind == "string"):
            raise ProductError(
                f"spine: where({predicate.column}=...) compares with {predicate.values[0]!r}, but "
                f"contracts/{contract.file} has {f'it as {kind}' if kind else listed(tuple(columns))}"
            )


def check_label_source(label: Label, contract: Contract) -> None:
    """Checks that the label's columns are in the contract of its source, and that both say the same of corrections.

    Raises:
        ProductError: A column is missing or no number, corrections would count twice, or none can arrive.
    """
    columns, where = validated_columns(contract), f"contracts/{contract.file}"
    for column in filter(None, (label.row_id, label.column, label.record_key)):
        if column not in columns:
            raise ProductError(f"label: {where} has no column '{column}'; it has {listed(tuple(columns))}")
    kind = columns[label.column] if label.column else ""
    if label.positive and kind != "string":
        raise ProductError(
            f"label: positive={label.positive!r} names texts, but '{label.column}' is a {kind} in {where}; write "
            "at_least="
        )
    if label.column and not label.positive and kind not in ("number", "integer", "boolean"):
        raise ProductError(
            f"label: '{label.column}' is a {kind} in {where}; a label is compared as a number or a boolean, or by "
            "positive=, which names the texts that make a row positive"
        )
    if label.settled or label.record_key == (contract.key[0] if contract.corrections else None):
        return
    if contract.corrections:
        remedy = f"Label(..., record_key={contract.key[0]!r}), or kind='outcome' where a row has one value"
        raise ProductError(f"label: {where} has corrections, of which only the last may count; write {remedy}")
    raise ProductError(
        f"label: record_key={label.record_key!r}, but {where} has no corrections; write corrections: true in {where}"
    )


def _check_column_of_row(product: str, label: Label, spine: Spine, features: FeatureSet) -> None:
    """Checks that the label is a column of the row, and that nothing else reads the column: it is known only later."""
    if label.source != spine.source or label.row_id != spine.row_id:
        raise ProductError(
            f"product {product}: a label of kind 'column' is of the row itself; write source='{spine.source}', "
            f"row_id='{spine.row_id}', or kind='outcome' for another source"
        )
    readers = [f"feature '{f.name}'" for f in features.request if f.name == label.column]
    readers += [
        f"feature '{f.name}'" for f in features.history if f.source == label.source and label.column in f.columns
    ]
    readers += ["Spine.where"] * any(predicate.column == label.column for predicate in spine.filters)
    readers += ["Spine(passthrough=...)"] * (label.column in spine.passthrough)
    if readers:
        raise ProductError(
            f"product {product}: {readers[0]} reads '{label.column}', which is the label and known only "
            f"{label.maturity} after the decision; remove it, or read it from a second source of the same rows, with "
            "known_after="
        )
