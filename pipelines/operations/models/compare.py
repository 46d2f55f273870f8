"""Two versions of a product's model explained to each other: `loopline compare`.

Belongs here: finding the bundles and the tables. Does not belong here: the comparison (`assets.evaluation.versions`).
"""

from assets.evaluation.versions.comparison import VersionComparison, compare_versions
from assets.evaluation.versions.rows import NotComparable, compared_rows
from pipelines.operations.models.versions import bundle_of_version
from pipelines.products import load_product
from resources.dependencies import require
from resources.environments import Environment
from resources.lake import Lake


def compare(name: str, environment: Environment, one: str, other: str) -> VersionComparison:
    """Compares two versions on rows that neither learned from; nothing is written.

    Raises:
        NotComparable: The versions are the same, or have no rows in common.
        UnknownProduct: There is no product of that name.
        RolloutError, BundleError: A bundle is not published, or was altered.
        TrackingError: The registry has no such version.
        LakeError: A training set is missing or damaged.
    """
    product = load_product(name)
    if one == other:
        raise NotComparable(f"{name}: version {one} is compared with itself; name two versions")
    require(environment, "lake")
    bundles = [bundle_of_version(name, environment, version) for version in (one, other)]
    rows = compared_rows(product, Lake(environment.lake), *bundles)
    return compare_versions(name, rows, product.decision, seed=product.model.seed)
