"""A rollout of version 2 over version 1, and what is seen of it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np

from assets.product import Rollout, Step
from assets.rollout.assignment import CHAMPION, arm_of, place
from assets.rollout.moves import Who, begun
from assets.rollout.trial import Outcome, Seen
from resources.rollout_store.manifest import Release, RolloutManifest

BEGUN = datetime(2026, 3, 1, 12, tzinfo=UTC)
STEPS = (
    Step(0.0, 200, timedelta(minutes=1)),
    Step(0.1, 100, timedelta(minutes=1)),
    Step(0.5, 300, timedelta(minutes=1)),
)
POLICY = Rollout(steps=STEPS, deadline=timedelta(hours=1), outcomes="watched")
WHO = Who("Ada Risk", "a test", BEGUN)
FIRST = RolloutManifest(
    product="loans", champion=Release(version="1", digest="1" * 64), updated_at=BEGUN, by="gates", reason="the first"
)
SECOND = Release(version="2", digest="2" * 64)


def under_way(policy: Rollout = POLICY) -> RolloutManifest:
    """The state right after the beginning."""
    return begun(FIRST, (SECOND,), policy, WHO)


def outcome(chance: np.random.Generator, *, errors: float = 0.001, shift: float = 0.0) -> Outcome:
    """How a bundle fares with a request.

    Args:
        errors: Probability of an error, a fallback and a late answer, each.
        shift: Added to the score.
    """
    score = float(np.clip(chance.beta(2, 6) + shift, 0.0, 1.0))
    failed, fell_back, late = (bool(one) for one in chance.random(3) < errors)
    return Outcome(failed, fell_back, late, score >= 0.4, float("nan") if failed else score)


def seen(
    state: RolloutManifest, requests: int, chance: np.random.Generator, *, errors: float = 0.001, shift: float = 0.0
) -> Iterator[Seen]:
    """Requests of as many entities under a state; the challenger has its own errors and shift."""
    for entity in chance.integers(0, 2**40, requests).tolist():
        where = place("loans/evidence", [entity])
        if state.shadow is not None:
            before = outcome(chance)
            # The shadow scores the same request: its score is the champion's, and its faults are its own.
            other = outcome(chance, errors=errors)
            score = float(np.clip(before.score + shift, 0.0, 1.0))
            now = Outcome(other.errors, other.fallbacks, other.latency, score >= 0.4, score)
            yield Seen(state.step, where, 0.0, before, now)
            continue
        share = state.challengers[0].share
        if arm_of(f"loans/{state.rollout}", [entity], [share]) == CHAMPION:
            yield Seen(state.step, where, share, outcome(chance), None)
        else:
            yield Seen(state.step, where, share, None, outcome(chance, errors=errors, shift=shift))
