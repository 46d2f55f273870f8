"""What a person does to a rollout: start, promote, pause, resume, freeze, roll back.

Belongs here: the moves that are asked for by name, with what must be verified before each. Does not belong here: the
steward's own steps (`steward.py`), approvals (`answers.py`), commands.
"""

from datetime import datetime
from typing import Literal

from assets.bundle.registration import Registration
from assets.bundle.released import released_bundle
from assets.product.policies.rollout import Rollout
from assets.rollout.answers import standing_rejection
from assets.rollout.keeper import Keeper
from assets.rollout.moves import (
    NoSuchMove,
    Who,
    advanced,
    begun,
    frozen,
    paused,
    policy_of,
    promoted,
    resumed,
    rolled_back,
)
from assets.rollout.permits import Permit, answers_on, first_share, next_share
from assets.rollout.registered import altered
from resources.errors import LooplineError
from resources.rollout_store.manifest import Release, RolloutManifest

HandAction = Literal["start", "advance", "promote", "pause", "resume", "freeze", "roll_back"]


class MoveRefused(LooplineError):
    """What was asked for may not be done; nothing was changed."""


def asked(
    keeper: Keeper,
    product: str,
    action: HandAction,
    *,
    by: str,
    reason: str,
    at: datetime,
    version: str | None = None,
    policy: Rollout,
    permit: Permit | None = None,
) -> RolloutManifest:
    """Does what a person asks for; returns the new state. Registry and audit log follow by `Keeper.follow`.

    Args:
        version: The version to start (several with commas, for an A/B test or a bandit), or to go back to; by default
            that of the rollout, or the champion before.
        policy: The product's policy, for a rollout that begins.
        permit: Whether people's approvals let a version decide for a share; `None` where nobody has to approve.

    Raises:
        MoveRefused: The name or the reason is empty, or the version may not be rolled out.
        NoSuchMove: The state does not allow it; the message says where the rollout stands.
        BundleError: The bundle that would decide is damaged.
        LostRace: Somebody else moved the state meanwhile.
    """
    if not by.strip() or not reason.strip():
        raise MoveRefused(f"rollout of {product}: say who you are and why: --by NAME --reason TEXT")
    state = keeper.state(product)
    if state is None:
        raise NoSuchMove(f"no version of {product} was deployed yet: loopline run {product}")
    who = Who(by.strip(), reason.strip(), at)
    moved = _moved(keeper, state, action, version, policy, who)
    _check_permitted(state, moved, action, policy, permit)
    if moved.champion != state.champion:
        released_bundle(product, moved.champion, keeper.rollout, keeper.key)
    keeper.apply(moved)
    return moved


def _check_permitted(
    state: RolloutManifest, moved: RolloutManifest, action: HandAction, policy: Rollout, permit: Permit | None
) -> None:
    """Refuses a step for which the approvals of its version do not hold; what takes traffic away needs none.

    Raises:
        MoveRefused: They do not; the message names the approval.
    """
    if permit is None or action not in ("start", "advance", "promote"):
        return
    if action == "start":
        versions = [release.version for role, release in moved.roles if role != "champion"]
        share = first_share(policy, state.champion.version, len(versions))
    else:
        versions = [state.candidate.version] if state.candidate else []
        share = 1.0 if action == "promote" else next_share(state, policy_of(state))
    for version in versions:
        why = permit(version, share)
        if why:
            raise MoveRefused(f"{state.product} version {version} may not decide for a share of {share:.0%}: {why}")


def _moved(
    keeper: Keeper, state: RolloutManifest, action: HandAction, version: str | None, policy: Rollout, who: Who
) -> RolloutManifest:
    match action:
        case "start":
            if version is None:
                raise MoveRefused(f"say which version: loopline rollout {state.product} start VERSION")
            releases = tuple(_releasable(keeper, state.product, one.strip()) for one in version.split(","))
            return begun(state, releases, policy, who)
        case "advance":
            return advanced(state, who)
        case "promote":
            if version is not None and (state.candidate is None or state.candidate.version != version):
                raise NoSuchMove(f"version {version} of {state.product} is not the one that is rolled out")
            return promoted(state, who)
        case "pause":
            return paused(state, who)
        case "resume":
            return resumed(state, who)
        case "freeze":
            return frozen(state, who)
        case "roll_back":
            return rolled_back(state, who, version)


def _releasable(keeper: Keeper, product: str, version: str) -> Release:
    """The release of a version, whose bundle is published and whole.

    Raises:
        MoveRefused: Its gates or a person refused it, or its registration was changed by hand.
    """
    release = keeper.release(product, version)
    tags = keeper.tracking.version(product, version).tags
    record = Registration.from_tags(tags)
    if record.gates != "promote":
        raise MoveRefused(f"{product} version {version}: its gates refused it: {'; '.join(record.gate_reasons)}")
    rejection = standing_rejection(answers_on(keeper.audit, product, version, tags), record.author)
    if rejection is not None:
        raise MoveRefused(f"{product} version {version}: {rejection.by} rejected it: {rejection.reason}")
    bundle, _ = keeper.published(product, release)
    changed = altered(keeper, record, bundle.parts)
    if changed:
        raise MoveRefused(f"{product} version {version}: {'; '.join(changed)}")
    return release
