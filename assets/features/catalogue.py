"""The feature catalogue: what each feature is, for people.

Belongs here: an entry a feature, and the catalogue as Markdown. Does not belong here: the sentences (`wording.py`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from assets.features.vocabulary import COUNTED, Category, Feature, FeatureSet, History, Number

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


def catalogue(features: FeatureSet) -> tuple[CatalogueEntry, ...]:
    """The entries of a feature set, in its order."""
    return tuple(_entry(features, feature) for feature in features.all)


def _entry(features: FeatureSet, feature: Feature) -> CatalogueEntry:
    kind: FeatureKind = "derived"
    if isinstance(feature, (Number, Category)):
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
        unit=feature.unit,
        source=source,
        dtype="string" if isinstance(feature, Category) else "float64",
    )


def _otherwise(feature: Feature) -> str:
    """What the value is where there is nothing to compute it from."""
    if isinstance(feature, Category):
        return f"; one of {', '.join(feature.values)}"
    if not isinstance(feature, History):
        return ""
    empty = 0.0 if feature.empty is None and feature.kind in COUNTED else feature.empty
    return "; missing when there are none" if empty is None else f"; {empty:g} when there are none"


def to_markdown(entries: Iterable[CatalogueEntry]) -> str:
    """The catalogue as a Markdown table."""
    lines = ["| feature | meaning | definition | unit | from | owner |", "| --- | --- | --- | --- | --- | --- |"]
    for entry in entries:
        cells = (f"`{entry.name}`", entry.description, entry.definition, entry.unit, entry.source, entry.owner)
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    return "\n".join(lines) + "\n"
