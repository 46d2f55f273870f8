"""Keeping the documents of versions up to date after a command changed what is recorded of them.

Belongs here: which documents are made again, and opening what they read. Does not belong here: the documents
(`assets.registry.documents`), the commands that print them (`models/governance.py`), the asset that does the same in a
run.
"""

from assets.product import Product
from assets.product.names import MODEL_DOCUMENTS
from assets.registry.documents import keep_all
from assets.registry.records import VersionRecords
from assets.rollout.keeper import Keeper
from resources.dependencies import require
from resources.environments import Environment
from resources.errors import LooplineError
from resources.lake import Lake


def refresh_documents(product: Product, keeper: Keeper, environment: Environment, *versions: str) -> str:
    """Makes the documents again of every version with a role, of the newest one, and of others that are named.

    Returns:
        Why they could not be made, for people; empty if they were. What was done before is done whatever they lack, and
        the next run of the asset makes them.
    """
    try:
        require(environment, "MLflow", "MLflow's files", "bundles", "lake")
        unmade = keep_all(product, keeper, Lake(environment.lake), environment.clock.now(), *versions)
    except LooplineError as error:
        return f"the model's documents follow with the next run of the asset {MODEL_DOCUMENTS}: {error}"
    return "; ".join(f"no documents of version {version}: {why}" for version, why in unmade.items())


def records_of(product: Product, version: str, keeper: Keeper, environment: Environment) -> VersionRecords:
    """The records of a version; each is read when it is first asked for."""
    return VersionRecords(product, version, keeper, Lake(environment.lake), environment.clock.now())
