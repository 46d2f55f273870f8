"""The same bundle in another environment: `loopline bundle export` and `loopline bundle import`.

Belongs here: packing a registered version, and registering it elsewhere as a version that still needs its approval.
Does not belong here: the file's form (`assets.bundle.archive`), the approval that follows (`approve.py`).

The bundle keeps its digest, and so its version number, which is part of it: one environment numbers the versions of a
product (staging, say), the others take them over. What people answered elsewhere does not count here.
"""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from assets.bundle.archive import Packed, pack, unpack
from assets.bundle.files import MANIFEST, SIGNATURE
from assets.bundle.registration import Registration
from assets.bundle.signing import sign
from assets.governance.model_card import model_card
from assets.materialising import asset_key
from assets.product import Product
from assets.product.names import REGISTERED_MODEL
from assets.rollout.keeper import Keeper
from pipelines.connections import connections
from pipelines.operations.models.versions import bundle_of_version, folder_of
from pipelines.operations.rollout import keeper_of
from pipelines.products import load_product
from resources.dependencies import require
from resources.environments import Environment
from resources.errors import LooplineError
from resources.keys import Keys

IMPORTED = "loopline.imported"
"""Tag of a version that came from another environment: from which, when, by whom, with what it was compared there."""
_TAKEN = "loopline.taken_for"
"""Tag of a number that an import has reserved: the digest of its bundle."""


class ImportRefused(LooplineError):
    """The bundle may not be registered here; the message says why, and nothing was changed."""


@dataclass(frozen=True)
class Imported:
    """A version of another environment in this one.

    Attributes:
        origin: The name of the environment that packed it.
        new: Whether it was registered by this call.
        next: The command that follows.
    """

    product: str
    version: str
    digest: str
    origin: str
    new: bool
    next: str


def export_bundle(name: str, environment: Environment, version: str, file: Path) -> str:
    """Writes a registered version as one file; returns its digest.

    Raises:
        TrackingError, RegistrationError: The registry has no such version, or its record cannot be read.
        RolloutError, BundleError: Its bundle is not published or was altered, or the file's folder does not exist.
        UnknownProduct: There is no product of that name.
        DependencyDown: MLflow or the store of bundles does not answer.
    """
    product = load_product(name)
    require(environment, "MLflow", "MLflow's files", "bundles")
    bundle = bundle_of_version(name, environment, version)
    record = Registration.from_tags(keeper_of(environment).tracking.version(product.name, version).tags)
    tags = {**record.to_tags(), "environment": environment.name}
    pack(folder_of(bundle, environment), tags, file, Keys.of(environment.home).signing)
    return bundle.digest


def import_bundle(file: Path, environment: Environment, *, by: str, reason: str, digest: str | None = None) -> Imported:
    """Registers and publishes a packed bundle here; a repeated call changes nothing.

    Args:
        digest: The digest that the bundle must have; `None` trusts the signature alone.

    Raises:
        ImportRefused: The name or the reason is empty, it is another bundle than the expected one, or another bundle
            has its version here.
        BundleError: The file was altered, or signed with another key.
        UnknownProduct: The product does not exist here.
        DependencyDown: MLflow, the records or the store of bundles does not answer; nothing was changed.
    """
    if not by.strip() or not reason.strip():
        raise ImportRefused("give --by and --reason; both are recorded")
    require(environment, "MLflow", "MLflow's files", "bundles", "records")
    keys = Keys.of(environment.home)
    with TemporaryDirectory(prefix="loopline-") as place:
        packed = unpack(file, Path(place), keys.importing)
        bundle = packed.bundle
        product = load_product(bundle.product)
        if not bundle.version.isdecimal():
            raise ImportRefused(f"{file} holds version {bundle.version!r}; a registry's versions are numbers")
        if digest is not None and bundle.digest != digest:
            raise ImportRefused(f"{file} holds the bundle {bundle.digest}; expected is {digest}")
        keeper = keeper_of(environment)
        with keeper.tracking.alone(product.name):
            new = not _is_known(keeper, packed)
            if new:
                # The digest is that of the manifest: a signature of this environment changes nothing in it.
                manifest = (packed.folder / MANIFEST).read_bytes()
                (packed.folder / SIGNATURE).write_text(sign(manifest, keys.signing))
                _register(keeper, product, packed, by=by, reason=reason)
            values = connections(product, environment)["io_manager"]
            values.begin(asset_key(product, REGISTERED_MODEL), {"version": bundle.version, "digest": bundle.digest})
    after = f"loopline approve {product.name} {bundle.version} --by NAME --reason TEXT"
    return Imported(product.name, bundle.version, bundle.digest, packed.record["environment"], new, after)


def _is_known(keeper: Keeper, packed: Packed) -> bool:
    """Whether the version was registered here before.

    Raises:
        ImportRefused: Another bundle has its number here.
    """
    bundle = packed.bundle
    ready = [one for one in keeper.tracking.versions(bundle.product) if one.version == bundle.version and one.ready]
    if ready and Registration.from_tags(ready[0].tags).digest != bundle.digest:
        raise ImportRefused(
            f"{bundle.product} has a version {bundle.version} of its own here: one environment alone numbers the "
            "versions of a product; train the bundle again where the versions of this one come from"
        )
    return bool(ready)


def _register(keeper: Keeper, product: Product, packed: Packed, *, by: str, reason: str) -> None:
    bundle, tracking, now = packed.bundle, keeper.tracking, datetime.now(UTC)
    record, state = Registration.from_tags(packed.record), keeper.state(product.name)
    origin = {
        "environment": packed.record["environment"], "at": now.isoformat(), "by": by, "reason": reason,
        "compared_with": record.compared_with,
    }  # fmt: skip
    if state is None:
        # Where no version decides there is none to compare with.
        record = replace(record, compared_with="")
    with tracking.run(product.name, f"version {bundle.version} from {origin['environment']}") as run:
        taken = tracking.reserve(product.name, run.run_id, bundle.version, {_TAKEN: bundle.digest})
    card = model_card(product, bundle.parts, digest=bundle.digest)
    tracking.resumed(taken.run_id).documents({"model_card": card})
    keeper.audit.append(
        actor=by, action="import", product=product.name, version=bundle.version, reason=reason, at=now,
        details={"digest": bundle.digest, "environment": origin["environment"], "author": record.author},
    )  # fmt: skip
    keeper.rollout.publish_bundle(product.name, bundle.version, packed.folder)
    tags = {**record.to_tags(), IMPORTED: json.dumps(origin, sort_keys=True)}
    tracking.register(product.name, taken.run_id, packed.folder, tags)
