"""Training a version again from its pins: `loopline rebuild`.

Belongs here: finding the bundle and its tables, the report. Does not belong here: the training and the comparison
(`assets.reproduction.rebuilding`).
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from assets.bundle.bundle import Bundle
from assets.product.names import TRAINING_SET, table_name
from assets.reproduction.rebuilding import Rebuilt, declared_differences, rebuild
from pipelines.operations.loop.fill_sandbox import Progress
from pipelines.operations.models.versions import bundle_of_version, folder_of
from pipelines.products import load_product
from resources.code_version import code_version
from resources.dependencies import require
from resources.environments import Environment
from resources.keys import Keys
from resources.lake import Lake, LakeError


@dataclass(frozen=True)
class RebuildReport:
    """The result of a rebuild.

    Attributes:
        digest: The digest of the recorded bundle.
        code: The version of the code that this process runs.
        training_set: The training set and its version.
        environment: What differs in libraries and machine, a sentence each.
        declarations: What differs in the declarations of the product, a sentence each; with any, nothing was trained.
        tables: The pinned tables that cannot be read at their version any more, a sentence each.
        rebuilt: The bundle that was made again; `None` where nothing was trained.
    """

    product: str
    version: str
    digest: str
    code: str
    training_set: str
    environment: tuple[str, ...]
    declarations: tuple[str, ...]
    tables: tuple[str, ...]
    rebuilt: Rebuilt | None

    @property
    def differences(self) -> tuple[str, ...]:
        """Everything that is not as it was when the version was trained, and everything that came out otherwise."""
        found = (*self.environment, *self.declarations, *self.tables)
        if self.rebuilt is None:
            return found
        rows = self.rebuilt.predictions
        scores = f"{rows.different:,} of {rows.rows:,} predictions differ, by at most {rows.largest:.3g}"
        return (
            *found, *(f"{name} of the bundle differs" for name in self.rebuilt.files), *self.rebuilt.figures,
            *([scores] if rows.different else []),
        )  # fmt: skip

    @property
    def identical(self) -> bool:
        """Whether the rebuilt bundle is the recorded one, byte for byte."""
        return self.rebuilt is not None and self.rebuilt.digest == self.digest

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {**asdict(self), "identical": self.identical, "differences": list(self.differences)}


def rebuild_version(name: str, environment: Environment, version: str, progress: Progress) -> RebuildReport:
    """Trains a version again in this process and compares its bundle with the recorded one; nothing is written.

    Raises:
        TrackingError: The registry has no such version.
        RolloutError, BundleError: Its bundle is not published, or was altered.
        UnknownProduct: There is no product of that name.
        RowsError, SplitError, TrainingError, ModelExportError: The rows cannot be trained on.
        DependencyDown: The lake or the store of bundles does not answer.
    """
    product = load_product(name)
    require(environment, "lake", "bundles")
    recorded = bundle_of_version(name, environment, version)
    lake, pinned = Lake(environment.lake), int(recorded.parts.pins["version"])
    around, declared = declared_differences(product, recorded.parts)
    table, gone = _training_set(lake, recorded)
    rebuilt = None
    if table is not None and not declared:
        progress(f"{name} version {version}: training again on {table.num_rows:,} rows of version {pinned}")
        with TemporaryDirectory(prefix="loopline-") as place:
            rebuilt = rebuild(
                product, table, recorded, folder_of(recorded, environment), Path(place) / "bundle",
                Keys.of(environment.home).signing,
            )  # fmt: skip
    return RebuildReport(
        name, version, recorded.digest, code_version(), f"{table_name(name, TRAINING_SET)} version {pinned}",
        around, declared, (*gone, *_unreadable(lake, recorded)), rebuilt,
    )  # fmt: skip


def _training_set(lake: Lake, bundle: Bundle) -> tuple[pa.Table | None, tuple[str, ...]]:
    """The pinned training set, or why it cannot be read: a table that was vacuumed is a finding, not a failure."""
    table, version = table_name(bundle.product, TRAINING_SET), int(bundle.parts.pins["version"])
    try:
        identity = lake.identity(table)
        if bundle.parts.pins.get("table", identity) != identity:
            return None, (
                f"{table} is another table than the one of the training: version {bundle.version} was trained in "
                "another environment, or the table was made again since",
            )
        return lake.read(table, version=version), ()
    except LakeError as error:
        return None, (f"{table} cannot be read at version {version}: {error}",)


def _unreadable(lake: Lake, bundle: Bundle) -> tuple[str, ...]:
    """The tables from which the training set was made that cannot be read at their pinned versions, a sentence each."""
    found = []
    for table, version in bundle.parts.pins["pins"].items():
        try:
            lake.paths(table, version=int(version))
        except LakeError as error:
            found.append(f"{table} cannot be read at version {version}: {error}")
    return tuple(found)
