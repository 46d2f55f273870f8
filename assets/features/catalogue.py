"""The feature catalogue: what each feature is, for people.

Belongs here: an entry a feature, and the catalogue as Markdown. Does not belong here: the sentences (`wording.py`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from assets.features.units import units_of
from assets.features.vocabulary import (
    COUNTED,
    Category,
    Feature,
    FeatureSet,
    HashedCategory,
    History,
    LearnedCategory,
    Number,
    holds_text,
)

_TOO_FEW = {
    "std": "fewer than two",
    "mean_time_between": "fewer than two",
    "min_time_between": "fewer than two",
    "max_time_between": "fewer than two",
    "std_time_between": "fewer than three",
    "slope": "fewer than two moments",
}
"""Of how many events a kind has no value; of none where it is not named."""

FeatureKind = Literal["request", "history", "derived"]


@dataclass(frozen=True)
class CatalogueEntry:
    """One feature.

    Attributes:
        definition: What it is, in words made from its declaration, with its value over no events.
        description: What it means: its author's words, or the definition.
        source: Where it comes from: `request`, the source of its events, or the features it is derived from.
        dtype: Type of its column in the feature table.
    """

    name: str
    kind: FeatureKind
    definition: str
    description: str
    owner: str
    unit: str
    source: str
    dtype: Literal["float64", "string"]


def catalogue(features: FeatureSet, units: Mapping[str, str] | None = None) -> tuple[CatalogueEntry, ...]:
    """The entries of a feature set, in its order.

    Args:
        units: Of each feature, where contracts had their say (`Product.units`); else what the declarations say.
    """
    units = units_of(features) if units is None else units
    return tuple(_entry(features, feature, units[feature.name]) for feature in features.all)


def _entry(features: FeatureSet, feature: Feature, unit: str) -> CatalogueEntry:
    kind: FeatureKind = "derived"
    if isinstance(feature, (Number, Category, LearnedCategory, HashedCategory)):
        kind, source = "request", "request"
    elif isinstance(feature, History):
        corrected = "" if feature.fact is None else f", each {feature.fact} as known last"
        kind, source = "history", f"{feature.source} by {feature.key}{corrected}"
    else:
        source = ", ".join(feature.inputs) or "moment of the decision"
    return CatalogueEntry(
        name=feature.name,
        kind=kind,
        definition=features.define(feature.name) + _otherwise(feature),
        description=features.describe(feature.name),
        owner=features.owner_of(feature.name),
        unit=unit,
        source=source,
        dtype="string" if holds_text(feature) else "float64",
    )


def _otherwise(feature: Feature) -> str:
    """What the value is where there is nothing to compute it from."""
    match feature:
        case Category():
            return f"; one of {', '.join(feature.values)}"
        case LearnedCategory():
            kept = "the values" if feature.top is None else f"the {feature.top} most frequent values"
            rows = "" if feature.at_least is None else f" of at least {feature.at_least} rows"
            return f"; {kept}{rows} that training saw, or other"
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
    lines = ["| feature | meaning | definition | unit | from | owner |", "| --- | --- | --- | --- | --- | --- |"]
    for entry in entries:
        cells = (f"`{entry.name}`", entry.description, entry.definition, entry.unit, entry.source, entry.owner)
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    return "\n".join(lines) + "\n"
