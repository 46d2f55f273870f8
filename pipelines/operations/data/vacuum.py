"""Removing data files that nothing refers to: `loopline vacuum`.

Belongs here: the versions of tables that models pin. Does not belong here: the life of files (`resources.lake.vacuum`),
output (`pipelines.cli`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from assets.bundle.registration import Registration
from assets.bundle.released import released_bundle
from assets.product import Product
from assets.product.names import TRAINING_SET, table_name
from pipelines.products import load_product
from resources.dependencies import require
from resources.environments import Environment
from resources.keys import Keys
from resources.lake import Lake
from resources.lake.vacuum import Vacuum, remove_files, vacuum_of
from resources.rollout_store.store import RolloutStore
from resources.tracking import Tracking


@dataclass(frozen=True)
class Vacuumed:
    """The files of one product that nothing refers to.

    Attributes:
        removed: Whether they were removed.
    """

    product: str
    tables: tuple[Vacuum, ...]
    removed: bool


def vacuum(
    name: str, environment: Environment, *, keep: timedelta, plan: bool, report: Callable[[Vacuum], None]
) -> Vacuumed:
    """Removes the data files of a product's tables that no version to be kept refers to.

    Kept are the versions of the last days, those that a registered model or a deployed bundle pins, and the newest.

    Args:
        keep: For how long a version stays readable after a newer one was committed.
        plan: Whether nothing is removed.
        report: Told of each table once its files are removed.

    Raises:
        LakeError: The log of a table is incomplete.
        RegistrationError: A version of the registry does not say what it pins; nothing was removed.
        UnknownProduct: There is no product of that name.
        DependencyDown: The lake, MLflow or the store of bundles does not answer.
    """
    product, lake = load_product(name), Lake(environment.lake)
    require(environment, "lake", "MLflow", "bundles")
    pins = pinned_versions(product, environment)
    found = []
    for table in lake.tables(product.name):
        one = vacuum_of(lake, table, pinned=pins.get(table, frozenset()), now=datetime.now(UTC), retention=keep)
        if not plan:
            remove_files(lake, one)
        report(one)
        found.append(one)
    return Vacuumed(product.name, tuple(found), not plan)


def pinned_versions(product: Product, environment: Environment) -> dict[str, frozenset[int]]:
    """For each table the versions from which registered models and deployed bundles were made, training sets included.

    Raises:
        RegistrationError: A registered version does not say what it pins.
        BundleError: A deployed bundle was altered after signing.
    """
    found: dict[str, set[int]] = {}
    for table, version in (*_registered(product, environment), *_deployed(product, environment)):
        found.setdefault(table, set()).add(version)
    return {table: frozenset(versions) for table, versions in found.items()}


def _registered(product: Product, environment: Environment) -> Iterator[tuple[str, int]]:
    for registered in Tracking.of(environment).versions(product.name):
        if registered.ready:
            for table, version in Registration.from_tags(registered.tags).pins.items():
                # The training set is recorded by its own name, the tables with the product's.
                yield (table_name(product.name, table) if table == TRAINING_SET else table), version


def _deployed(product: Product, environment: Environment) -> Iterator[tuple[str, int]]:
    rollout = RolloutStore.open(environment.rollout, environment.home / "fetched")
    manifest = rollout.read_manifest(product.name)
    releases = () if manifest is None else (*(release for _, release in manifest.roles), *manifest.former[:1])
    for release in dict.fromkeys(releases):
        pins = released_bundle(product.name, release, rollout, Keys.of(environment.home).signing).parts.pins
        yield table_name(product.name, TRAINING_SET), int(pins["version"])
        yield from ((table, int(version)) for table, version in pins["pins"].items())
