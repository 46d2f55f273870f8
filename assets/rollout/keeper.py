"""The rollout state of a product, and what follows from it.

Belongs here: verifying the published bundle and publishing it again from the registry, moving the state, and letting
the registry's aliases and the audit log follow it. Does not belong here: whether a version may be promoted
(`promotion.py`), MLflow itself (`resources.tracking`), the files of the state (`resources.rollout_store`).

The state in the rollout store says which version decides. It moves first, by compare-and-set; the aliases and the audit
log follow. After a crash between these steps `repair` completes them: at the start of the next deployment, or by a
command.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from assets.bundle.bundle import Bundle, BundleError
from assets.bundle.files import MANIFEST, SIGNATURE
from assets.bundle.registration import Registration
from assets.bundle.released import bundle_in, released_bundle
from assets.bundle.signing import SignatureError, verify
from assets.governance.anchors import head_tag
from assets.governance.audit import Audit
from assets.governance.audit_entries import AuditEntry
from assets.rollout.aliases import last_champion, moves_of, record_by_hand
from resources.rollout_store.manifest import Move, Release, RolloutError, RolloutManifest, RolloutUnavailable
from resources.rollout_store.store import RolloutStore
from resources.tracking import Alias, MovedByHand, Tracking, TrackingError


@dataclass(frozen=True)
class Keeper:
    """Keeps the rollout state of products whole.

    Attributes:
        key: The signing key.
    """

    tracking: Tracking
    rollout: RolloutStore
    audit: Audit
    key: bytes

    def state(self, product: str) -> RolloutManifest | None:
        """The product's state; `None` before the first rollout.

        Raises:
            RolloutError: The state cannot be read.
        """
        return self.rollout.read_manifest(product)

    def release(self, product: str, version: str) -> Release:
        """The release of a registered version.

        Raises:
            TrackingError: There is no such version.
            RegistrationError: The version has no readable record.
        """
        registered = self.tracking.version(product, version)
        return Release(version=version, digest=Registration.from_tags(registered.tags).digest)

    def published(self, product: str, release: Release) -> tuple[Bundle, bool]:
        """The verified published bundle, published again from the registry if its copy is damaged or missing.

        Returns:
            The bundle, and whether it was published again.

        Raises:
            BundleError: The registry's copy is damaged too; nothing was changed.
            RolloutError: Another intact bundle is published under the version.
        """
        try:
            return released_bundle(product, release, self.rollout, self.key), False
        except RolloutUnavailable:
            raise
        except (BundleError, RolloutError) as error:
            self._publish_again(product, release, error)
        return released_bundle(product, release, self.rollout, self.key), True

    def begin(self, product: str, release: Release, *, by: str, reason: str, at: datetime) -> RolloutManifest:
        """Makes a release the champion of a product that has no state; the caller has verified its bundle.

        Raises:
            LostRace: It has one meanwhile.
        """
        first = RolloutManifest(
            product=product,
            champion=release,
            updated_at=at,
            by=by,
            reason=reason,
            details={"digest": release.digest},
            generation=1 + self._last_generation(product),
        )
        self.apply(first)
        return first

    def apply(self, state: RolloutManifest) -> None:
        """Writes the next state, if nobody has moved it since; the caller has verified the bundles that it adds.

        Raises:
            LostRace: The state has moved.
        """
        self.rollout.publish_manifest(state.product, state)

    def follow(self, product: str) -> tuple[str, ...]:
        """Lets the registry's aliases and the audit log follow the state; returns what had to be done.

        Raises:
            TrackingError: The registry does not have the version that decides.
        """
        state = self.state(product)
        if state is None:
            return ()
        recorded, by_hand = self.record(state), self.tracking.moved_by_hand(product)
        told = tuple(record_by_hand(self.audit, product, one, self._holders(product)()) for one in by_hand)
        moved = self.tracking.follow(product, self._holders(product))
        if recorded or moved or by_hand:
            self._note_head(product)
        behind = [alias for alias in moved if alias not in {one.alias for one in by_hand}]
        return (*told, *(f"the alias {alias} was moved" for alias in behind), *recorded)

    def record(self, state: RolloutManifest) -> tuple[str, ...]:
        """Completes the audit log by the changes of a state that it lacks; returns what had to be done."""
        missing = unrecorded(self.audit, state)
        for move in missing:
            self.audit.append(
                actor=move.by, action=move.action, product=state.product, version=move.version, reason=move.reason,
                at=move.at, details={**move.details, "generation": move.generation},
            )  # fmt: skip
        return tuple(f"the audit log now has generation {move.generation}" for move in missing)

    def repair(self, product: str, *, at: datetime) -> tuple[str, ...]:
        """Completes what a crash or damage left undone; returns what was repaired, nothing where all was whole.

        A lost state is written again: the audit log says which version decided last. The registry's alias does not:
        anybody can move it.

        Raises:
            BundleError: The bundle that decides is damaged in the rollout store and in the registry.
            RolloutError: The state cannot be read, or another intact bundle is published under its version.
            TrackingError: The registry does not have the version that decides.
        """
        done: list[str] = []
        state = self.state(product)
        if state is None:
            champion = last_champion(self.audit, product)
            if champion is None:
                return self._without_champion(product)
            release = self.release(product, champion)
            if self.published(product, release)[1]:
                done.append(f"the bundle of version {champion} was published again from the registry")
            reason = "the rollout state was lost; the champion of the audit log decides again"
            self.begin(product, release, by="loopline repair", reason=reason, at=at)
            done.append(f"the lost rollout state was written again: version {champion} decides")
        elif self.published(product, state.champion)[1]:
            done.append(f"the bundle of version {state.champion.version} was published again from the registry")
        return (*done, *self.follow(product))

    def is_whole(self, product: str) -> bool:
        """Whether the deciding bundle is intact and the last step of the last move was done; the registry is not asked.

        Raises:
            RolloutError: The state cannot be read, or the store cannot be reached.
            AuditLogDamaged: The audit log was altered.
        """
        state = self.state(product)
        if state is None:
            return True
        try:
            released_bundle(product, state.champion, self.rollout, self.key)
        except RolloutUnavailable:
            raise
        except (BundleError, RolloutError):
            return False
        return self._is_recorded(state)

    def _is_recorded(self, state: RolloutManifest) -> bool:
        return not unrecorded(self.audit, state)

    def _publish_again(self, product: str, release: Release, problem: BundleError | RolloutError) -> None:
        with TemporaryDirectory(prefix="loopline-") as place:
            try:
                copy = self.tracking.bundle(product, release.version, Path(place))
                bundle_in(copy, product, release, self.key)
            except (BundleError, TrackingError) as error:
                raise BundleError(
                    f"{product} version {release.version} is whole nowhere. Rollout store: {problem}. Registry: "
                    f"{error}. Restore one of them from a backup, or train a new version: the job {product}_retrain"
                ) from error
            self.rollout.publish_bundle(
                product, release.version, copy, over_damaged=not self._is_signed(product, release)
            )

    def _is_signed(self, product: str, release: Release) -> bool:
        """Whether the published manifest, of whatever bundle, is signed with our key."""
        path = f"{product}/bundles/{release.version}"
        manifest, signature = (self.rollout.backend.read(f"{path}/{name}") for name in (MANIFEST, SIGNATURE))
        try:
            verify(manifest or b"", (signature or b"").decode("utf-8", "replace").strip(), self.key)
        except SignatureError:
            return False
        return True

    def _holders(self, product: str) -> Callable[[], Mapping[Alias, str | None]]:
        def holders() -> Mapping[Alias, str | None]:
            state = self.state(product)
            if state is None:
                return {}
            candidate = state.candidate
            return {"champion": state.champion.version, "challenger": candidate.version if candidate else None}

        return holders

    def _without_champion(self, product: str) -> tuple[str, ...]:
        """Of a product that was never deployed no version is the champion, whatever alias somebody gave it."""
        champion = self.tracking.champion(product)
        if champion is None:
            return ()
        none: Mapping[Alias, str | None] = {"champion": None, "challenger": None}
        told = record_by_hand(self.audit, product, MovedByHand("champion", champion.version, None), none)
        self.tracking.follow(product, lambda: none)
        return (told,)

    def _note_head(self, product: str) -> None:
        """Notes the audit log's last entry with the product's model: another place that the log's writer must forge."""
        last = self.audit.last()
        if last is not None:
            self.tracking.annotate_model(product, head_tag(last))

    def _last_generation(self, product: str) -> int:
        """The generation of the last move that the audit log has; 0 for none."""
        moves = moves_of(self.audit, product)
        return max((int(entry.details.get("generation", 1)) for entry in moves), default=0)


def unrecorded(audit: Audit, state: RolloutManifest) -> tuple[Move, ...]:
    """The changes of a state that the audit log does not have yet, the oldest first."""
    known = [entry for entry in audit.entries(last="skipped") if entry.product == state.product]
    return tuple(move for move in state.moves if not any(_is_of(entry, move) for entry in known))


def _is_of(entry: AuditEntry, move: Move) -> bool:
    """Whether an entry records a change; entries of older code have no generation."""
    if (entry.action, entry.version) != (move.action, move.version):
        return False
    generation = entry.details.get("generation")
    return generation == move.generation or (generation is None and move.generation == 1)
