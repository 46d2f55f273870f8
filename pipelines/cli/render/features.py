"""Features as a terminal shows them: the catalogue of a product, and what a search found.

Belongs here: tables and lines of features. Does not belong here: other results (`render`), the catalogue
(`assets.features.catalogue`), the search (`pipelines.operations.data.shared_features`).
"""

from typing import TYPE_CHECKING

from rich.text import Text

from pipelines.cli import console

if TYPE_CHECKING:  # these imports take seconds
    from rich.console import Console

    from assets.features.catalogue.survey import FeatureSurvey
    from pipelines.operations.data.shared_features import SearchReport


def show_features(found: "FeatureSurvey", to: "Console") -> None:
    """A line for each feature, and the features that no model uses."""
    console.heading(f"Features of {found.product}", to)
    rows = []
    for entry in found.entries:
        known, use = found.statistics.get(entry.name), found.uses[entry.name]
        rows.append([
            entry.name, entry.unit, entry.source, "" if known is None else f"{known.missing:.1%}",
            "" if known is None or known.mean is None else f"{known.mean:,.4g}",
            "" if use.importance is None else f"{use.importance:.1%}", ", ".join(use.versions) or "-",
            Text(use.state, "" if use.state == "used" else "yellow"),
        ])  # fmt: skip
    console.table(
        ["feature", "unit", "from", "missing", "mean", "importance", "versions", "use"], rows, to,
        right=["missing", "mean", "importance"],
    )  # fmt: skip
    if found.unused:
        console.say(f"used by no model: {', '.join(found.unused)}", to, mark="warning")


def show_search(found: "SearchReport", to: "Console") -> None:
    """A line for each feature, with the products and live bundles that have it."""
    console.heading(f"{len(found.features)} features with '{found.word}'", to)
    rows = [
        [one.name, one.key, one.definition, one.owner, one.file, ", ".join(one.products) or "-",
         ", ".join(one.bundles) or "-"]
        for one in found.features
    ]  # fmt: skip
    if rows:
        console.table(["feature", "entity", "definition", "owner", "declared in", "products", "live bundles"], rows, to)
    for reason in (*found.broken.values(), *found.unread.values()):
        console.say(reason, to, mark="warning")
