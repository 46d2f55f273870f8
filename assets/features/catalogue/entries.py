"""The feature catalogue: definition and lineage of each feature, for people.

Belongs here: the entry of a feature, and the catalogue as Markdown. Does not belong here: definitions in words
(`assets.vocabulary.wording`), statistics of values (`statistics.py`), use by models (`usage.py`), the page
(`render.py`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from assets.product.names import validated_name
from assets.vocabulary import (
    COUNTED,
    Category,
    Feature,
    FeatureSet,
    HashedCategory,
    History,
    LearnedCategory,
    Number,
    Text,
    holds_text,
)
from assets.vocabulary.base import WHOLE

_TOO_FEW = {
    "std": "fewer than two",
    "mean_time_between": "fewer than two",
    "min_time_between": "fewer than two",
    "max_time_between": "fewer than two",
    "std_time_between": "fewer than three",
    "slope": "fewer than two different times",
}
"""The number of events over which a kind has no value; every other kind has none over no events."""

FeatureKind = Literal["request", "history", "derived"]


@dataclass(frozen=True)
class CatalogueEntry:
    """One feature.

    Attributes:
        definition: Its definition in words, derived from its declaration, with its value over no events.
        description: Its declared description, or else the definition.
        source: `request`, the source of its events (and the shared group), or the features from which it is derived.
        dtype: Type of its column in the feature table.
        inputs: The features from which it is derived; none for request and history features.
        columns: The columns of validated tables from which it is computed, also through its inputs:
            `validated_transactions.amount`.
        contracts: The contract files of these columns.
    """

    name: str
    kind: FeatureKind
    definition: str
    description: str
    owner: str
    unit: str
    source: str
    dtype: Literal["float64", "string"]
    inputs: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    contracts: tuple[str, ...] = ()


def catalogue(
    features: FeatureSet, units: Mapping[str, str] | None = None, *, spine: str
) -> tuple[CatalogueEntry, ...]:
    """The entries of a feature set, in its order.

    Args:
        units: The unit of each feature, those from contracts included (`Product.units`); None for declared units only.
        spine: The source whose rows are decided; request features are its columns.
    """
    units = features.units() if units is None else units
    columns: dict[str, tuple[tuple[str, str], ...]] = {}
    for feature in features.all:
        columns[feature.name] = _columns(feature, columns, spine)
    return tuple(_entry(features, feature, units[feature.name], columns[feature.name]) for feature in features.all)


def _entry(features: FeatureSet, feature: Feature, unit: str, columns: tuple[tuple[str, str], ...]) -> CatalogueEntry:
    kind: FeatureKind = "derived"
    inputs: tuple[str, ...] = ()
    if isinstance(feature, Number | Text):
        kind, source = "request", "request"
    elif isinstance(feature, History):
        revision = "" if feature.record_key is None else f", latest known revision of each {feature.record_key}"
        by = ", all events" if feature.key == WHOLE else f" by {feature.key}"
        shared = f", shared as {feature.group}" if feature.group else ""
        kind, source = "history", f"{feature.source}{by}{revision}{shared}"
    else:
        inputs, source = feature.inputs, ", ".join(feature.inputs) or "decision time"
    return CatalogueEntry(
        name=feature.name,
        kind=kind,
        definition=features.define(feature.name) + _value_if_empty(feature),
        description=features.describe(feature.name),
        owner=features.owner_of(feature.name),
        unit=unit,
        source=source,
        dtype="string" if holds_text(feature) else "float64",
        inputs=inputs,
        columns=tuple(f"{validated_name(table)}.{column}" for table, column in columns),
        contracts=tuple(dict.fromkeys(f"{table}.yaml" for table, _ in columns)),
    )


def _columns(
    feature: Feature, known: Mapping[str, tuple[tuple[str, str], ...]], spine: str
) -> tuple[tuple[str, str], ...]:
    """(source, column) of all columns from which a feature is computed."""
    if isinstance(feature, Number | Text):
        return ((spine, feature.name),)
    if isinstance(feature, History):
        record_key = () if feature.record_key is None else (feature.record_key,)
        key = () if feature.key == WHOLE else (feature.key,)
        read = (*key, *record_key, *feature.columns, feature.time, "known_at")
        return tuple((feature.source, column) for column in dict.fromkeys(read))
    return tuple(dict.fromkeys(column for name in feature.inputs for column in known[name]))


def _value_if_empty(feature: Feature) -> str:
    """The possible values of a text, and the value of a history feature over too few events."""
    match feature:
        case Category():
            return f"; one of {', '.join(feature.values)}"
        case LearnedCategory():
            kept = "the values" if feature.top is None else f"the {feature.top} most frequent values"
            rows = "" if feature.at_least is None else f" of at least {feature.at_least} rows"
            return f"; {kept}{rows} in training, or other"
        case HashedCategory():
            return f"; one of {feature.buckets} buckets of values"
    if not isinstance(feature, History):
        return ""
    if feature.is_text:
        return f"; one of {', '.join(feature.values)}; missing when there are none"
    empty = 0.0 if feature.empty is None and feature.kind in COUNTED else feature.empty
    few = _TOO_FEW.get(feature.kind, "none")
    return f"; missing when there are {few}" if empty is None else f"; {empty:g} when there are {few}"


def to_markdown(entries: Iterable[CatalogueEntry]) -> str:
    """The catalogue as a Markdown table."""
    heads = ("feature", "meaning", "definition", "unit", "type", "from", "columns", "contract", "owner")
    rows = [
        (
            f"`{entry.name}`", entry.description, entry.definition, entry.unit, entry.dtype, entry.source,
            ", ".join(entry.columns), ", ".join(entry.contracts), entry.owner,
        )
        for entry in entries
    ]  # fmt: skip
    return markdown_table(heads, rows)


def markdown_table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Rows of cells as a Markdown table; `|` and line breaks in cells are escaped."""
    names = tuple(heads)
    lines = ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    for row in rows:
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |")
    return "\n".join(lines) + "\n"
