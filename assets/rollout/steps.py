"""The verdict on the next step of a rollout, from its state, what was observed, and its policy.

Belongs here: the pure decision. Does not belong here: the tests behind a reading and how many requests they need
(`evidence`), counting (`trial.py`), making the move (`moves.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from assets.product import Verdict
from assets.product.policies.rollout import Rollout, Step
from assets.rollout.evidence.wealth import Evidence, Needed
from assets.rollout.moves import last_begun
from resources.rollout_store.manifest import RolloutManifest

StepAction = Literal["hold", "advance", "promote", "roll_back", "pause"]

ASSIGNMENT = "assignment"
"""The signal of arms that were not assigned as declared; it pauses, since no other figure means anything then."""
BAD_RATE = "bad_rate"
"""The signal of outcomes: it needs labels, which mature long after the requests."""
_SHADOW_ALONE = ("flips",)
_SILENT = timedelta(minutes=10)
_FEWEST = 500
_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Signals:
    """What is known of a rollout.

    Attributes:
        requests: By number of the step, how many requests the challenger decided (the shadow scored).
        evidence: By signal.
        read_at: When the newest of them was written by a process that decides; `None` if there is none.
        needed: By number of the step and by signal, the requests of each arm that the tests need; `None` where no
            number of them would do.
        maturity: How long after its decision a label is mature; `None` where nobody knows, as in the decision process.
    """

    requests: Mapping[int, int]
    evidence: Mapping[str, Evidence]
    read_at: datetime | None = None
    needed: Mapping[int, Mapping[str, Needed | None]] = field(default_factory=dict)
    maturity: timedelta | None = None


def next_step(state: RolloutManifest, signals: Signals, policy: Rollout, now: datetime) -> Verdict[StepAction]:
    """What comes next: hold, advance, promote, roll back, or pause and ask a person.

    A breach rolls back, whatever holds the rollout. What is missing never advances: it holds until the deadline, and
    then asks a person.
    """
    if not state.rollout:
        return Verdict("hold", ("no rollout is under way",))
    breached = [one for name, one in signals.evidence.items() if one.breached and name != ASSIGNMENT]
    if breached:
        return Verdict("roll_back", tuple(told(one) for one in breached))
    if state.hold != "none":
        return Verdict("hold", (f"{state.hold} by {state.by}: {state.reason}",))
    assignment = signals.evidence.get(ASSIGNMENT)
    if assignment is not None and assignment.breached:
        return Verdict("pause", (told(assignment),))
    if policy.strategy != "canary":
        return _at_horizon(state, policy, now)
    return _by_step(state, signals, policy, now)


def told(evidence: Evidence) -> str:
    """A reading as a sentence without its end."""
    strength = f"evidence {evidence.log_e:.1f} of {evidence.threshold:.1f}"
    if evidence.value_champion is None and evidence.value_challenger is None and evidence.effect is not None:
        # Of pairs that both answered there is one share.
        return f"{evidence.signal}: {_figure(evidence.effect)} of {evidence.n_challenger} requests; {strength}"
    values = f"{_figure(evidence.value_challenger)} against the champion's {_figure(evidence.value_champion)}"
    rows = f"{evidence.n_challenger} and {evidence.n_champion} requests"
    return f"{evidence.signal}: {values} over {rows}; {strength}"


def _figure(value: float | None) -> str:
    return "nothing" if value is None else f"{value:.4g}"


def _by_step(state: RolloutManifest, signals: Signals, policy: Rollout, now: datetime) -> Verdict[StepAction]:
    step, is_last = policy.steps[state.step], state.step + 1 == len(policy.steps)
    unsaid = _unsaid(signals, policy) if is_last else ""
    missing = _missing(state, step, signals, policy, now)
    too_late = signals.maturity is not None and signals.maturity > policy.deadline
    if unsaid and policy.outcomes == "required" and not too_late:
        missing = (*missing, unsaid)
    waited = now - (state.since or state.updated_at)
    if missing and waited >= policy.deadline:
        return Verdict("pause", (f"inconclusive at the deadline of {policy.deadline}", *missing))
    if missing:
        return Verdict("hold", missing)
    if unsaid and policy.outcomes == "required" and state.action != "resume":
        return Verdict("pause", (f"{unsaid}; a person decides",))
    passed = [f"{signals.requests[state.step]} requests in {waited.total_seconds():.0f} s, and no guard was breached"]
    unfound = _short(state.step, signals, policy)
    if unfound:
        passed.append(f"the policy asks for fewer than the tests need: {', '.join(unfound)}")
    if is_last:
        without = "the policy asks for none" if policy.outcomes == "watched" else f"{state.by} decided without them"
        return _asked(1.0, state, policy) or Verdict(
            "promote", (*passed, *([f"{unsaid}; {without}"] if unsaid else []))
        )
    return _asked(policy.steps[state.step + 1].share, state, policy) or Verdict("advance", tuple(passed))


def _missing(state: RolloutManifest, step: Step, signals: Signals, policy: Rollout, now: datetime) -> tuple[str, ...]:
    missing = []
    if signals.read_at is None or now - signals.read_at > _SILENT:
        missing.append("no process of the decision service has seen a request lately")
    requests, wanted = signals.requests.get(state.step, 0), step.requests or _FEWEST
    if requests < wanted:
        missing.append(f"{requests} of {wanted} requests")
    waited = now - (state.since or state.updated_at)
    if waited < step.time:
        missing.append(f"{waited.total_seconds():.0f} of {step.time.total_seconds():.0f} seconds")
    for guard in policy.guards:
        if guard.signal == BAD_RATE or (guard.signal in _SHADOW_ALONE and step.share > 0.0):
            continue
        evidence = signals.evidence.get(guard.signal)
        if evidence is None or evidence.n_challenger == 0 or evidence.n_champion == 0:
            missing.append(f"no reading of {guard.signal} for both arms")
    return (*missing, *(_short(state.step, signals, policy) if step.requests is None else ()))


def _short(step: int, signals: Signals, policy: Rollout) -> tuple[str, ...]:
    """The signals whose tests could not yet find what the step must be able to find."""
    needed = signals.needed.get(step, {})
    known = [signals.evidence[guard.signal] for guard in policy.guards if guard.signal in needed]
    found = [_few(one, needed[one.signal], "requests") for one in known]
    return tuple(text for text in found if text)


def _few(evidence: Evidence, needed: Needed | None, what: str) -> str:
    """How far a test is from the rows that it needs; empty once it has them."""
    name = evidence.signal
    if needed is None:
        return f"{name}: no number of {what} finds so small an effect; declare a larger one"
    if evidence.n_challenger < needed.challenger:
        return f"{name}: {evidence.n_challenger:,} of {needed.challenger:,} {what} needed"
    if evidence.n_champion < needed.champion:
        return f"{name}: {evidence.n_champion:,} of {needed.champion:,} {what} of the champion needed"
    return ""


def _unsaid(signals: Signals, policy: Rollout) -> str:
    """Why outcomes have not spoken, where the policy has a guard on them; empty once they have."""
    if policy.guard_of(BAD_RATE) is None:
        return ""
    evidence, maturity = signals.evidence.get(BAD_RATE), signals.maturity
    unsaid = f"no reading of {BAD_RATE} for both arms"
    if evidence is not None and evidence.n_champion and evidence.n_challenger:
        unsaid = _few(evidence, evidence.needed, "decisions with mature labels")
    if unsaid and maturity is not None and maturity > policy.deadline:
        ages = f"{maturity / _DAY:g} days, after the deadline of {policy.deadline / _DAY:g} days"
        return f"outcomes could not speak: labels mature after {ages}; {unsaid}"
    return unsaid


def _asked(share: float, state: RolloutManifest, policy: Rollout) -> Verdict[StepAction] | None:
    """A person is asked before a large step, unless one has just resumed the rollout at this step."""
    if share < policy.ask_from or state.action == "resume":
        return None
    return Verdict("pause", (f"the next step is {share:.0%}, which a person must approve",))


def _at_horizon(state: RolloutManifest, policy: Rollout, now: datetime) -> Verdict[StepAction]:
    begun = last_begun(state)
    end = (state.updated_at if begun is None else begun.who.at) + policy.horizon
    if now < end:
        return Verdict("hold", (f"it lasts until {end:%Y-%m-%d %H:%M} UTC",))
    return Verdict("pause", ("the horizon is reached: a person decides by the report",))
