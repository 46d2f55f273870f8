"""Shared features: which products and which live bundles have them, and what a change of one touches.

Belongs here: pure comparisons of declarations. Does not belong here: finding the groups and products
(`pipelines.operations.data.shared_features`), reading bundles (`assets.registry.uses`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from assets.vocabulary import FeatureSet, History
from assets.vocabulary.feature_set import same_computation
from assets.vocabulary.wording import history_sentence

ChangeKind = Literal["changed", "new", "removed"]


@dataclass(frozen=True)
class LiveBundle:
    """The features of a bundle that a rollout manifest names; roles are `champion`, `challenger`, `shadow`."""

    product: str
    version: str
    roles: tuple[str, ...]
    features: FeatureSet

    @property
    def label(self) -> str:
        """`churn 3 (champion)`."""
        return f"{self.product} {self.version} ({', '.join(self.roles)})"


@dataclass(frozen=True)
class SharedChange:
    """A shared feature that some live bundles compute otherwise than it is declared now.

    Attributes:
        before, now: Its definitions in these bundles and in the declaration; empty where it is new, or removed.
        products, bundles: Those that the change touches: products by name, bundles by label.
    """

    group: str
    feature: str
    kind: ChangeKind
    before: str
    now: str
    products: tuple[str, ...]
    bundles: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The change and what it touches, for people."""
        what = {
            "changed": f"is changed from '{self.before}' to '{self.now}'",
            "new": "is new",
            "removed": "is removed",
        }[self.kind]
        return f"{self.feature} of {self.group} {what}: touches {', '.join(self.bundles)}"


def shared(features: FeatureSet) -> tuple[History, ...]:
    """The features that a product has from shared groups."""
    return tuple(feature for feature in features.history if feature.group)


def shared_changes(declared: Mapping[str, FeatureSet], bundles: Iterable[LiveBundle]) -> tuple[SharedChange, ...]:
    """How shared features differ between declarations and live bundles, one change for all bundles that it touches.

    Features are compared by name: a bundle of the time before a feature was shared has it too. A bundle is held against
    the declaration of its own product. Of a product that is not declared here, only the shared features that it has in
    common with the declared ones are compared.
    """
    everywhere = {one.name: one for features in declared.values() for one in shared(features)}
    found: dict[tuple[str, str, ChangeKind, str, str], list[LiveBundle]] = {}
    for bundle in bundles:
        own = declared.get(bundle.product)
        there = {one.name: one for one in bundle.features.history}
        here = everywhere if own is None else {one.name: one for one in own.history}
        for name in dict.fromkeys((*here, *there)):
            before, now = there.get(name), here.get(name)
            group = (now.group if now else "") or (before.group if before else "")
            is_unknown = own is None and (now is None or before is None or not before.group)
            if not group or is_unknown or (before and now and same_computation(before, now)):
                continue
            kind: ChangeKind = "new" if before is None else "removed" if now is None else "changed"
            found.setdefault((group, name, kind, _sentence(before), _sentence(now)), []).append(bundle)
    return tuple(
        SharedChange(
            *change,
            products=tuple(dict.fromkeys(bundle.product for bundle in touched)),
            bundles=tuple(bundle.label for bundle in touched),
        )
        for change, touched in sorted(found.items(), key=lambda item: item[0])
    )


def _sentence(feature: History | None) -> str:
    return "" if feature is None else history_sentence(feature)
