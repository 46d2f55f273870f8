"""The steward: one look at a product's rollout, and the move that follows from it.

Belongs here: reading state and evidence, the verdict, making the move, whoever asks for it. Does not belong here: the
verdict itself (`steps.py`), the moves (`moves.py`), the rollback within seconds (`assets.serving.live.guard`), Dagster.

Of two stewards that look at the same state one moves it; the other finds it moved, and does nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from assets.product import Verdict
from assets.rollout.evidence.wealth import Evidence, Needed
from assets.rollout.keeper import Keeper
from assets.rollout.moves import Who, advanced, paused, policy_of, promoted, reassigned, taken_out
from assets.rollout.permits import Permit, next_share
from assets.rollout.steps import Signals, StepAction, next_step
from assets.rollout.trial import read_together, trials_of
from resources.rollout_store.manifest import LostRace, RolloutManifest
from resources.rollout_store.store import RolloutStore

BY = "steward"


@dataclass(frozen=True)
class Late:
    """What labels say, which the decision service does not have.

    Attributes:
        maturity: How long after its decision a label is mature.
        evidence: By version and signal.
    """

    maturity: timedelta
    evidence: Mapping[str, Mapping[str, Evidence]] = field(default_factory=dict)


@dataclass(frozen=True)
class Look:
    """One look at a rollout.

    Attributes:
        state: The state that was looked at; `None` for a product without one.
        verdict: What comes next.
        version: The version that the verdict and the signals are about; empty without a rollout.
        moved: The state that was written; `None` if nothing was.
    """

    state: RolloutManifest | None
    signals: Signals
    verdict: Verdict[StepAction]
    version: str = ""
    moved: RolloutManifest | None = None

    @property
    def readings(self) -> list[dict[str, Any]]:
        """For each signal its figures, as JSON values."""
        known = {} if self.state is None else self.signals.needed.get(self.state.step, {})
        return [reading_of(one, known.get(name, one.needed)) for name, one in self.signals.evidence.items()]


def look(store: RolloutStore, product: str, now: datetime, *, late: Late | None = None) -> Look:
    """Looks, and moves nothing. Of several challengers, the first one that is rolled back is told, or the first one.

    Args:
        late: `None` where labels were not read.

    Raises:
        RolloutError: The state cannot be read.
        RolloutUnavailable: The store cannot be reached.
    """
    state = store.read_manifest(product)
    none = Signals(requests={}, evidence={})
    if state is None or not state.rollout or state.candidate is None:
        return Look(state, none, Verdict("hold", ("no rollout is under way",)))
    policy, records = policy_of(state), store.read_evidence(product, state.rollout)
    looks = []
    for role, release in state.roles:
        if role != "champion":
            trials = trials_of(product, release.version, records)
            signals = read_together(trials, policy, state.stage) if trials else none
            if late is not None:
                evidence = {**signals.evidence, **late.evidence.get(release.version, {})}
                signals = replace(signals, evidence=evidence, maturity=late.maturity)
            looks.append(Look(state, signals, next_step(state, signals, policy, now), release.version))
    return next((found for found in looks if found.verdict.action == "roll_back"), looks[0])


def stewarded(
    keeper: Keeper,
    product: str,
    now: datetime,
    *,
    by: str = BY,
    late: Late | None = None,
    values: Sequence[Mapping[str, Any]] = (),
    permit: Permit | None = None,
) -> Look:
    """Looks, and makes the move that follows; the registry and the audit log follow the state in any case.

    Args:
        values: What each arm is worth by propensities, to be recorded with the move.
        permit: Whether people's approvals let the version go further; a step that they do not permit is a pause, which
            asks a person. `None` where nobody has to approve.

    Raises:
        BundleError: The challenger is to be the champion, and its bundle is whole nowhere.
        RolloutError: The state cannot be read.
        TrackingError: The registry does not have the version that decides.
    """
    found = _permitted(look(keeper.rollout, product, now, late=late), permit)
    if found.state is not None and found.verdict.action != "hold":
        state = _after(found.state, found, values, Who(by, "; ".join(found.verdict.reasons), now))
        try:
            if found.verdict.action == "promote":
                keeper.published(product, state.champion)
            keeper.apply(state)
            found = replace(found, moved=state)
        except LostRace:
            found = replace(found, verdict=Verdict("hold", ("somebody else moved the rollout meanwhile",)))
    keeper.follow(product)
    return found


def follow_results(
    keeper: Keeper, product: str, shares: Mapping[str, float], who: Who, *, details: Mapping[str, Any]
) -> bool:
    """Gives the challengers of a bandit their next shares; returns whether nobody else moved the rollout meanwhile.

    Args:
        details: The results from which the shares follow; they are recorded.
    """
    state = keeper.state(product)
    if state is None or not state.rollout or state.hold != "none":
        return False
    try:
        keeper.apply(reassigned(state, who, shares, details=details))
    except LostRace:
        return False
    keeper.follow(product)
    return True


def reading_of(evidence: Evidence, needed: Needed | None = None) -> dict[str, Any]:
    """The figures of a signal, as JSON values; what is missing says so.

    Args:
        needed: The rows of each arm that its test needs at this step; `None` where it is not asked to find an effect.
    """
    return {
        "signal": evidence.signal,
        "champion": evidence.value_champion,
        "challenger": evidence.value_challenger,
        "n_champion": evidence.n_champion,
        "n_challenger": evidence.n_challenger,
        "needed_champion": None if needed is None else needed.champion,
        "needed_challenger": None if needed is None else needed.challenger,
        "effect": evidence.effect,
        "bound": evidence.bound,
        "evidence": round(evidence.log_e, 3),
        "threshold": round(evidence.threshold, 3),
        "missing": evidence.missing,
    }


def _permitted(found: Look, permit: Permit | None) -> Look:
    """The look, with a pause in place of a step for which the approvals of its version do not hold."""
    if permit is None or found.state is None or found.verdict.action not in ("advance", "promote"):
        return found
    share = 1.0 if found.verdict.action == "promote" else next_share(found.state, policy_of(found.state))
    why = permit(found.version, share)
    return replace(found, verdict=Verdict("pause", (why,))) if why else found


def _after(state: RolloutManifest, found: Look, values: Sequence[Mapping[str, Any]], who: Who) -> RolloutManifest:
    details: dict[str, Any] = {
        "readings": found.readings, "requests": found.signals.requests.get(state.step, 0),
        **({"values": list(values)} if values else {}),
    }  # fmt: skip
    match found.verdict.action:
        case "advance":
            return advanced(state, who, details=details)
        case "promote":
            return promoted(state, who, details=details)
        case "pause":
            return paused(state, who, details=details)
        case _:
            return taken_out(state, who, found.version, details=details)
