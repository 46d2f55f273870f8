"""Keeping the documents of versions up to date after a command changed what is recorded of them.

Belongs here: which documents are made again, and opening what they read. Does not belong here: the documents
(`assets.registry.documents`), the commands that print them (`governance.py`), the asset that does the same in a run.
"""

from assets.product import Product
from assets.registry.documents import keep_all
from assets.registry.records import VersionRecords
from assets.rollout.keeper import Keeper
from resources.dependencies import require
from resources.environments import Environment
from resources.lake import Lake


def refresh_documents(product: Product, keeper: Keeper, environment: Environment, *versions: str) -> None:
    """Makes the documents again of every version with a role, of the newest one, and of others that are named.

    Raises:
        TrackingError, RegistrationError: A version has no readable record.
        BundleError, RolloutError: The bundle of a version with a role is whole nowhere.
        CardError, DocumentError: A figure has no record.
        DependencyDown: MLflow, the lake or the store of bundles does not answer.
    """
    require(environment, "MLflow", "MLflow's files", "bundles", "lake")
    keep_all(product, keeper, Lake(environment.lake), environment.clock.now(), *versions)


def records_of(product: Product, version: str, keeper: Keeper, environment: Environment) -> VersionRecords:
    """The records of a version; each is read when it is first asked for."""
    return VersionRecords(product, version, keeper, Lake(environment.lake), environment.clock.now())
