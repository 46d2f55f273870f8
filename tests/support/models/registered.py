"""A home with registered versions of a product, whose bundles are small but real.

Belongs here: registering and publishing a version as `registered_model` does, and ways to damage what is stored. Does
not belong here: assertions.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from assets.bundle.files import write_bundle
from assets.bundle.registration import Approval, Gates, Registration
from assets.governance.audit_log import AuditEntry
from assets.product.names import REGISTERED_MODEL
from assets.rollout.keeper import Keeper
from assets.rollout.moves import Who, promoted
from assets.rollout.registered import record_registration
from pipelines.operations.rollout import keeper_of
from resources.environments import Environment, load_environment
from resources.rollout_store.manifest import Release
from tests.support.models.evaluated_bundle import NOW, evaluated_parts

AUTHOR = "risk@example.org"


@dataclass(frozen=True)
class RegisteredHome:
    """The home of one product."""

    home: Path
    product: str = "loans"

    @property
    def environment(self) -> Environment:
        return load_environment({"LOOPLINE_HOME": str(self.home)})

    @property
    def keeper(self) -> Keeper:
        return keeper_of(self.environment)

    @property
    def alias(self) -> str | None:
        champion = self.keeper.tracking.champion(self.product)
        return champion.version if champion else None

    @property
    def decides(self) -> str | None:
        state = self.keeper.state(self.product)
        return state.champion.version if state else None

    @property
    def audit(self) -> list[AuditEntry]:
        return [entry for entry in self.keeper.audit.entries() if entry.action == "promote"]

    @property
    def values(self) -> Path:
        return self.home / "rollout" / ".values" / self.product

    def register(
        self,
        *,
        compared_with: str = "",
        publish: bool = True,
        pins: Mapping[str, Any] | None = None,
        gates: Gates = "promote",
    ) -> Release:
        """The next version, registered and published as the pipeline does it; with these pins beside its own."""
        keeper, tracking = self.keeper, self.keeper.tracking
        with tracking.run(self.product, "training") as run:
            pass
        version = tracking.next_version(self.product, run.run_id)
        parts = replace(evaluated_parts(), product=self.product, version=version)
        parts = replace(parts, pins={**parts.pins, **(pins or {})})
        verdict = {**parts.metrics["gates"], "action": gates, "reasons": ["all 18 gates passed"]}
        metrics = {**parts.metrics, "champion": compared_with or None, "gates": verdict}
        parts = replace(parts, metrics=metrics, model=bytes(range(100)), booster=bytes(range(100)))
        with TemporaryDirectory() as place:
            folder = Path(place) / "bundle"
            digest = write_bundle(parts, folder, keeper.key)
            record = Registration.of(parts, digest=digest, author=AUTHOR, code="0b7c")
            record_registration(keeper.audit, record, version, NOW)
            tracking.register(self.product, run.run_id, folder, record.to_tags())
            if publish:
                keeper.rollout.publish_bundle(self.product, version, folder)
        run.documents({"model_card": "# Card"})
        self.values.mkdir(parents=True, exist_ok=True)
        (self.values / f"{REGISTERED_MODEL}.json").write_text(json.dumps({"version": version, "digest": digest}))
        return Release(version=version, digest=digest)

    def approve(self, version: str, by: str = "Ada Risk") -> None:
        keeper, reason = self.keeper, "reviewed"
        entry = keeper.audit.append(
            actor=by, action="approve", product=self.product, version=version, reason=reason, at=NOW
        )
        answer = Approval(version=version, answer="approve", by=by, reason=reason, at=NOW, entry=entry.hash)
        self.keeper.tracking.annotate(self.product, version, answer.to_tags(earlier=0))

    def move(self, release: Release) -> None:
        """The state alone moves, as when the process dies before anything follows."""
        keeper = self.keeper
        state, who = keeper.state(self.product), Who("a run that died", "all gates passed", NOW)
        if state is None:
            keeper.begin(self.product, release, by=who.by, reason=who.reason, at=who.at)
        else:
            keeper.apply(promoted(state, who, release))

    def published(self, version: str) -> Path:
        return self.home / "rollout" / self.product / "bundles" / version

    def registry_copy(self, version: str) -> Path:
        run_id = self.keeper.tracking.version(self.product, version).run_id
        return self.home / "mlflow" / "artifacts" / self.product / run_id / "artifacts" / "bundle"

    def point_alias(self, version: str) -> None:
        """The alias alone, as older code left it after a crash."""
        self.keeper.tracking.follow(self.product, lambda: {"champion": version})


def flip(file: Path, at: int = 40) -> None:
    """Flips one bit."""
    data = bytearray(file.read_bytes())
    data[at % len(data)] ^= 1
    file.write_bytes(bytes(data))


@contextmanager
def moved(home: Path, to: Path) -> Iterator[Path]:
    """The home at another place; the old place does not exist meanwhile."""
    shutil.move(home, to)
    try:
        yield to
    finally:
        shutil.move(to, home)


def empty(folder: Path) -> None:
    """Removes every file of a folder, but not the folder."""
    for name in os.listdir(folder):
        (folder / name).unlink()
