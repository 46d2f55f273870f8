"""The moves of a rollout: from one state to the next.

Belongs here: pure functions that give the next state, the same for the guard, the steward and a person. Does not belong
here: whether a move is made (`steps.py`, `answers.py`), writing the state (`resources.rollout_store`), what follows
from it (`keeper.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from assets.product.policies.rollout import Rollout
from resources.rollout_store.manifest import Challenger, Release, RolloutError, RolloutManifest

KEPT_CHAMPIONS = 10
_ROUNDING = 1e-9


class NoSuchMove(RolloutError):
    """The state does not allow the move; the message says where the rollout stands."""


@dataclass(frozen=True)
class Who:
    """Who moves a rollout, why, and when."""

    by: str
    reason: str
    at: datetime


def policy_of(state: RolloutManifest) -> Rollout:
    """The policy under which the rollout began."""
    return Rollout.from_record(state.plan)


@dataclass(frozen=True)
class Begun:
    """A rollout as it was declared when it began; its policy stands in the audit log too, and nobody changes it.

    Attributes:
        versions: Its challengers, those that have left it too.
    """

    rollout: str
    policy: Rollout
    versions: tuple[str, ...]
    who: Who


def last_begun(state: RolloutManifest) -> Begun | None:
    """The rollout under way, else the last one that is remembered; `None` for none."""
    starts = [move for move in state.moves if move.action == "start" and "plan" in move.details]
    if state.rollout and (not starts or _id_of(starts[-1].generation) != state.rollout):
        # Older code began it, or its beginning is no longer among the latest changes.
        versions = tuple(release.version for role, release in state.roles if role != "champion")
        who = Who(state.by, state.reason, state.since or state.updated_at)
        return Begun(state.rollout, policy_of(state), versions, who)
    if not starts:
        return None
    move = starts[-1]
    who, policy = Who(move.by, move.reason, move.at), Rollout.from_record(move.details["plan"])
    return Begun(_id_of(move.generation), policy, tuple(move.version.split(", ")), who)


def begun(state: RolloutManifest, releases: Sequence[Release], policy: Rollout, who: Who) -> RolloutManifest:
    """A rollout of a release begins; an A/B test or a bandit may have several.

    Raises:
        NoSuchMove: Another rollout is under way, the product is frozen, a release is the champion, or there are several
            for a canary, or too many for the floor of a bandit.
    """
    versions = ", ".join(release.version for release in releases)
    if state.rollout:
        raise NoSuchMove(f"{under_way(state)}; it ends by promotion or rollback before another one begins")
    if state.hold == "frozen":
        raise NoSuchMove(f"{state.product} is frozen: {state.reason}; first: loopline rollout {state.product} resume")
    if state.champion in releases:
        raise NoSuchMove(f"version {state.champion.version} of {state.product} is the champion already")
    if len(releases) != 1 and policy.strategy not in ("ab_test", "bandit"):
        raise NoSuchMove(f"a {policy.strategy} rollout of {state.product} takes one version, not {versions or 'none'}")
    if policy.strategy == "bandit" and len(releases) > policy.share / policy.floor + _ROUNDING:
        raise NoSuchMove(
            f"versions {versions} of {state.product} share {policy.share:g}, which leaves each less than the floor "
            f"{policy.floor:g}; begin fewer at once, or declare a larger share= or a smaller floor="
        )
    return state.changed(
        "start", by=who.by, reason=who.reason, at=who.at, subject=versions,
        details={"strategy": policy.strategy, "digests": [release.digest for release in releases],
                 "plan": policy.to_record()},
        rollout=_id_of(state.generation + 1), plan=policy.to_record(), step=0, since=who.at,
        **_arms(releases, policy, 0),
    )  # fmt: skip


def advanced(state: RolloutManifest, who: Who, *, details: Mapping[str, Any] | None = None) -> RolloutManifest:
    """The canary's next step; after the last one the challenger is the champion.

    Raises:
        NoSuchMove: No rollout is under way.
    """
    release, policy = _candidate(state), policy_of(state)
    step = state.step + 1
    if step >= len(policy.steps):
        return promoted(state, who, details=details)
    return state.changed(
        "advance", by=who.by, reason=who.reason, at=who.at, subject=release.version,
        details={**(details or {}), "step": step, "share": policy.steps[step].share}, step=step, since=who.at,
        hold="none", **_arms((release,), policy, step),
    )  # fmt: skip


def promoted(
    state: RolloutManifest, who: Who, release: Release | None = None, *, details: Mapping[str, Any] | None = None
) -> RolloutManifest:
    """A release is the champion, by default that of the rollout; a rollout under way ends.

    Raises:
        NoSuchMove: No rollout is under way and no release is given.
    """
    release = release or _candidate(state)
    former = tuple(one for one in (state.champion, *state.former) if one != release)
    return state.changed(
        "promote", by=who.by, reason=who.reason, at=who.at, subject=release.version,
        details={**(details or {}), "digest": release.digest, "replaced": state.champion.version},
        champion=release, former=former[:KEPT_CHAMPIONS], **_ENDED,
    )  # fmt: skip


def rolled_back(
    state: RolloutManifest, who: Who, version: str | None = None, *, details: Mapping[str, Any] | None = None
) -> RolloutManifest:
    """A rollout under way ends and the champion decides alone; without one, the champion before decides again.

    Args:
        version: The champion to go back to; by default the one before. During a rollout, the champion itself.

    Raises:
        NoSuchMove: There is nothing to go back to.
    """
    if state.rollout and version in (None, state.champion.version):
        gone = ", ".join(release.version for role, release in state.roles if role != "champion")
        return state.changed(
            "roll_back", by=who.by, reason=who.reason, at=who.at, subject=gone,
            details={**(details or {}), "to": state.champion.version, "rollout": state.rollout}, **_ENDED,
        )  # fmt: skip
    known = [one for one in state.former if version in (None, one.version)]
    if not known:
        there = ", ".join(one.version for one in state.former) or "none"
        asked = "no champion came before" if version is None else f"version {version} is no champion before this one"
        begin = (
            "" if version is None else f"; a rollout takes it back: loopline rollout {state.product} start {version}"
        )
        raise NoSuchMove(f"{state.product} cannot be rolled back: {asked}; champions before: {there}{begin}")
    release = known[0]
    return state.changed(
        "roll_back", by=who.by, reason=who.reason, at=who.at, subject=state.champion.version,
        details={**(details or {}), "to": release.version, "digest": release.digest, "rollout": state.rollout},
        champion=release, former=tuple(one for one in state.former if one != release), **_ENDED,
    )  # fmt: skip


def taken_out(
    state: RolloutManifest, who: Who, version: str, *, details: Mapping[str, Any] | None = None
) -> RolloutManifest:
    """One challenger leaves the rollout; its entities are the champion's. With the last one the rollout ends."""
    left = tuple(one for one in state.challengers if one.release.version != version)
    if not left or len(left) == len(state.challengers):
        return rolled_back(state, who, details=details)
    return state.changed(
        "roll_back", by=who.by, reason=who.reason, at=who.at, subject=version,
        details={**(details or {}), "to": state.champion.version, "rollout": state.rollout}, challengers=left,
    )  # fmt: skip


def reassigned(
    state: RolloutManifest, who: Who, shares: Mapping[str, float], *, details: Mapping[str, Any] | None = None
) -> RolloutManifest:
    """The challengers of a bandit have other shares, by version."""
    challengers = tuple(replace(one, share=shares[one.release.version]) for one in state.challengers)
    return state.changed(
        "reassign", by=who.by, reason=who.reason, at=who.at,
        subject=", ".join(one.release.version for one in challengers),
        details={**(details or {}), "shares": dict(shares)}, challengers=challengers,
    )  # fmt: skip


def paused(state: RolloutManifest, who: Who, *, details: Mapping[str, Any] | None = None) -> RolloutManifest:
    """The rollout keeps its shares and waits for a person.

    Raises:
        NoSuchMove: No rollout is under way.
    """
    release = _candidate(state)
    return state.changed(
        "pause", by=who.by, reason=who.reason, at=who.at, subject=release.version, details=details, hold="paused"
    )


def frozen(state: RolloutManifest, who: Who) -> RolloutManifest:
    """Nobody but a person moves the product; rollbacks still work."""
    return state.changed("freeze", by=who.by, reason=who.reason, at=who.at, hold="frozen")


def resumed(state: RolloutManifest, who: Who) -> RolloutManifest:
    """What was paused or frozen goes on; the step's time begins again.

    Raises:
        NoSuchMove: Nothing is held.
    """
    if state.hold == "none":
        raise NoSuchMove(f"{state.product} is neither paused nor frozen: {where(state)}")
    since = who.at if state.rollout else state.since
    return state.changed("resume", by=who.by, reason=who.reason, at=who.at, hold="none", since=since)


def where(state: RolloutManifest) -> str:
    """Where the rollout stands, as a sentence without its end."""
    held = "" if state.hold == "none" else f"; {state.hold}"
    if not state.rollout:
        return f"version {state.champion.version} decides alone{held}"
    return f"{under_way(state)}{held}"


def under_way(state: RolloutManifest) -> str:
    """The rollout under way."""
    version = _candidate(state).version
    if state.stage == "shadow":
        return f"version {version} is the shadow of version {state.champion.version}"
    shares = ", ".join(f"version {one.release.version} decides for {one.share:.0%}" for one in state.challengers)
    return f"{shares}, version {state.champion.version} for the rest"


_ENDED: Mapping[str, Any] = {
    "challengers": (), "shadow": None, "rollout": "", "stage": "champion", "step": 0, "since": None, "hold": "none",
    "plan": {},
}  # fmt: skip


def _id_of(generation: int) -> str:
    """The id of the rollout that began with a generation."""
    return f"rollout-{generation}"


def _candidate(state: RolloutManifest) -> Release:
    if not state.rollout or state.candidate is None:
        raise NoSuchMove(f"no rollout of {state.product} is under way: version {state.champion.version} decides alone")
    return state.candidate


def _arms(releases: Sequence[Release], policy: Rollout, step: int) -> dict[str, Any]:
    """Shadow and challengers of a step."""
    share = policy.steps[step].share if policy.strategy == "canary" else policy.share / len(releases)
    if share == 0.0:
        return {"stage": "shadow", "shadow": releases[0], "challengers": ()}
    challengers = tuple(Challenger(release=release, share=share) for release in releases)
    return {"stage": "canary", "shadow": None, "challengers": challengers}
