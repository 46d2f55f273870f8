"""A version as a folder that scores by itself: `loopline export-model`.

Belongs here: finding bundle and rows, the report. Does not belong here: the folder (`assets.edge`).
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from assets.edge.export import export_model
from assets.edge.variants import Measured, Variant, measured
from assets.product.names import TRAINING_SET, table_name
from pipelines.operations.models.versions import bundle_of_version
from resources.dependencies import require
from resources.environments import Environment
from resources.keys import Keys
from resources.lake import Lake

_MEASURED_ROWS = 5_000


@dataclass(frozen=True)
class ExportReport:
    """An exported model.

    Attributes:
        bundle: The digest of the bundle.
        manifest: SHA-256 of the folder's manifest.
        measured: Every variant on the newest rows of the training set.
    """

    product: str
    version: str
    folder: str
    variant: Variant
    bundle: str
    manifest: str
    measured: tuple[Measured, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def export_version(
    product: str, environment: Environment, version: str, folder: Path, variant: Variant
) -> ExportReport:
    """Measures the variants on rows of the training set, and writes the folder.

    Raises:
        EdgeError: The folder exists, or its parent does not.
        TrackingError: The registry has no such version.
        RolloutError, BundleError: The bundle is not published, or was altered.
        LakeError: The pinned training set cannot be read.
        DependencyDown: The lake or the store of bundles does not answer.
    """
    require(environment, "lake", "bundles")
    bundle = bundle_of_version(product, environment, version)
    rows = Lake(environment.lake).read(
        table_name(product, TRAINING_SET), version=int(bundle.parts.pins["version"])
    ).sort_by([("as_of", "descending")])  # fmt: skip
    found = measured(bundle.parts, bundle.parts.encoder.encode(rows.slice(0, _MEASURED_ROWS)))
    manifest = export_model(bundle, folder, Keys.of(environment.home).signing, variant)
    return ExportReport(product, version, str(folder), variant, bundle.digest, manifest, found)
