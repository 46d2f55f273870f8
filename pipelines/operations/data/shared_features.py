"""Features over all products: `loopline features --search`, and what a change of a shared feature touches.

Belongs here: finding the shared groups, the products and their live bundles. Does not belong here: comparing
declarations (`assets.features.catalogue.sharing`), the catalogue of one product (`catalogue.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from assets.features.catalogue.entries import catalogue
from assets.features.catalogue.sharing import LiveBundle, SharedChange, shared, shared_changes
from assets.product import Product
from assets.registry.uses import LiveBundles, live_bundles
from assets.vocabulary import Feature, FeatureGroup, FeatureSet
from assets.vocabulary.feature_set import same_computation
from pipelines.products import BrokenProduct, load_product, product_names, shared_modules
from resources.dependencies import require
from resources.environments import Environment
from resources.errors import LooplineError
from resources.keys import Keys
from resources.rollout_store.store import RolloutStore


@dataclass(frozen=True)
class FoundFeature:
    """A feature that a search found.

    Attributes:
        group: The shared group that declares it; empty for a product's own feature.
        file: The file that declares it, under `pipelines/`.
        key: The entity; empty for a feature of no entity.
        products: The products that use it.
        bundles: The live bundles that compute it exactly so: `churn 3 (champion)`.
    """

    name: str
    group: str
    file: str
    key: str
    description: str
    definition: str
    owner: str
    products: tuple[str, ...]
    bundles: tuple[str, ...]

    @property
    def text(self) -> str:
        """What a search reads."""
        return " ".join((self.name, self.group, self.key, self.description, self.definition, self.owner))


@dataclass(frozen=True)
class SearchReport:
    """What a search found, by name.

    Attributes:
        broken: Products whose description is wrong and was not searched, with the reason.
        unread: Products whose live bundles could not be read, with the reason.
    """

    word: str
    features: tuple[FoundFeature, ...]
    broken: Mapping[str, str]
    unread: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """The report as a JSON value."""
        return {
            "word": self.word,
            "features": [asdict(feature) for feature in self.features],
            "broken": dict(self.broken),
            "unread": dict(self.unread),
        }


def search_features(word: str, environment: Environment) -> SearchReport:
    """The features of all products, and of the shared groups, in whose words the given one stands.

    Searched are name, group, entity, description, definition and owner, in any case.

    Raises:
        BrokenProduct: Two shared groups declare the same name.
        RolloutUnavailable, DependencyDown: The store of bundles does not answer.
    """
    products, broken = _all_products()
    live = _live(environment)
    found = [
        feature
        for file, group in shared_groups().items()
        for feature in _group_features(file, group, products, live.read)
    ]
    found += [feature for product in products.values() for feature in _own_features(product, live.read)]
    wanted = word.lower()
    matching = (one for one in found if wanted in one.text.lower())
    return SearchReport(word, tuple(sorted(matching, key=lambda one: (one.name, one.file))), broken, live.unread)


@dataclass(frozen=True)
class SharedUse:
    """The shared features of a product: what their groups are, who else uses them, and what a change touches.

    Attributes:
        users: For each group of the product, all products that use it.
        unread: The products whose description is wrong, or whose live bundles could not be read, with the reason.
    """

    users: Mapping[str, tuple[str, ...]]
    changes: tuple[SharedChange, ...]
    unread: Mapping[str, str]


def shared_use(product: Product, environment: Environment) -> SharedUse:
    """The shared features of a product, held against the live bundles of every product that uses their groups.

    Raises:
        RolloutUnavailable, DependencyDown: The store of bundles does not answer.
    """
    groups = sorted({feature.group for feature in shared(product.features)})
    if not groups:
        return SharedUse({}, (), {})
    products, broken = _all_products()
    live = _live(environment)
    declared = {name: other.features for name, other in products.items()} | {product.name: product.features}
    users = {
        group: tuple(name for name, features in declared.items() if group in {one.group for one in shared(features)})
        for group in groups
    }
    changes = shared_changes(declared, live.read)
    return SharedUse(users, tuple(change for change in changes if change.group in groups), {**live.unread, **broken})


def shared_groups() -> dict[str, FeatureGroup]:
    """The shared groups by place, `shared/card.py: SPENDING`.

    Raises:
        BrokenProduct: Two groups, or features of two groups over one entity, share a name.
    """
    found = {
        f"{file}: {name}": value
        for file, module in shared_modules().items()
        for name, value in vars(module).items()
        if isinstance(value, FeatureGroup)
    }
    places: dict[str, str] = {}
    for place, group in found.items():
        for name in (group.name, *(feature.name for feature in group)):
            if places.setdefault(name, place) != place:
                raise BrokenProduct(f"{place} and {places[name]} both declare '{name}'; give one of them another name")
    return found


def _all_products() -> tuple[dict[str, Product], dict[str, str]]:
    """The products that load, and why others do not: one that is broken does not hide the others."""
    found: dict[str, Product] = {}
    broken: dict[str, str] = {}
    for name in product_names():
        try:
            found[name] = load_product(name)
        except LooplineError as error:
            broken[name] = str(error)
    return found, broken


def _live(environment: Environment) -> LiveBundles:
    require(environment, "bundles")
    return live_bundles(RolloutStore.open(environment.rollout, environment.home / "fetched"), Keys.of(environment.home))


def _group_features(
    file: str, group: FeatureGroup, products: Mapping[str, Product], bundles: Sequence[LiveBundle]
) -> list[FoundFeature]:
    alone = FeatureSet(history=tuple(group.features))
    return [
        FoundFeature(
            name=feature.name,
            group=group.name,
            file=file,
            key=feature.key,
            description=alone.describe(feature.name),
            definition=alone.define(feature.name),
            owner=group.owner,
            products=tuple(name for name, one in products.items() if feature in one.features.history),
            bundles=_with(feature, bundles),
        )
        for feature in group
    ]


def _own_features(product: Product, bundles: Sequence[LiveBundle]) -> list[FoundFeature]:
    """The features that the product has not from a group."""
    from_groups = {feature.name for feature in shared(product.features)}
    own = [bundle for bundle in bundles if bundle.product == product.name]
    entries = catalogue(product.features, product.units, spine=product.spine.source)
    return [
        FoundFeature(
            name=entry.name,
            group="",
            file=f"{product.name}/features.py",
            key=getattr(product.features.feature(entry.name), "key", ""),
            description=entry.description,
            definition=entry.definition,
            owner=entry.owner,
            products=(product.name,),
            bundles=_with(product.features.feature(entry.name), own),
        )
        for entry in entries
        if entry.name not in from_groups
    ]


def _with(feature: Feature, bundles: Sequence[LiveBundle]) -> tuple[str, ...]:
    """The bundles that compute the feature as declared."""
    return tuple(
        bundle.label
        for bundle in bundles
        if any(one.name == feature.name and same_computation(one, feature) for one in bundle.features.all)
    )
