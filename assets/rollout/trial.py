"""What one process has seen of a rollout, and what all processes together say.

Belongs here: counts and test states of a rollout as one immutable value, its JSON, several processes read together.
Does not belong here: the tests (`evidence`), what follows from them (`steps.py`), watching requests
(`assets.serving.live.guard`).

Each guard's share of false alarms is spent half in the shadow, half in the canary. A row counts as evidence once an
entity (`evidence.rows`); an entity that another process has counted counts no more here, once its record was read.
"""

import base64
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from assets.product.policies.rollout import Rollout, Step
from assets.rollout.evidence.assigned import SampleRatio
from assets.rollout.evidence.means import MeanShift, PairedShift
from assets.rollout.evidence.power import Asked, EffectTest, needed
from assets.rollout.evidence.rates import FlipShare, RateIncrease
from assets.rollout.evidence.rows import ArmRows, EvidenceError, SeenEntities
from assets.rollout.evidence.wealth import Needed
from assets.rollout.steps import ASSIGNMENT, Signals
from resources.rollout_store.manifest import Stage

_LOG = logging.getLogger("loopline.rollout")
RATES = ("errors", "fallbacks", "latency")
SCORED = ("score", "refusals")
"""Signals that follow from the bundle and the request alone."""
_SLOTS = 2**16
_ASSIGNMENT_ALARMS = 0.0001
_FIRST = "first"
AnyTest = EffectTest | SampleRatio
_KINDS = {kind.__name__: kind for kind in (FlipShare, MeanShift, PairedShift, RateIncrease, SampleRatio)}


@dataclass(frozen=True)
class Outcome:
    """How one bundle fared with one request.

    Attributes:
        score: The score; NaN without one.
    """

    errors: bool
    fallbacks: bool
    latency: bool
    refused: bool
    score: float


@dataclass(frozen=True)
class Seen:
    """One request of a rollout.

    Attributes:
        step: Number of the step.
        place: The entity's place for evidence, 0 or more and below 1.
        share: The challenger's share.
        champion, challenger: How each arm fared: one of both in a canary, both in the shadow.
    """

    step: int
    place: float
    share: float
    champion: Outcome | None
    challenger: Outcome | None


@dataclass(frozen=True)
class Trial:
    """Counts and test states of a rollout in one process, or in several together.

    Attributes:
        requests: By number of the step, the requests that the challenger decided, or the shadow scored.
        tests: By stage and signal, as `canary/errors`.
        counted: By stage and kind of row, which entities have counted.
        at: When it was written last.
    """

    rollout: str
    requests: Mapping[int, int]
    tests: Mapping[str, AnyTest]
    counted: Mapping[str, SeenEntities]
    at: datetime

    @classmethod
    def none(cls, rollout: str, policy: Rollout, at: datetime) -> Self:
        """Nothing was seen yet."""
        tests: dict[str, AnyTest] = {f"canary/{ASSIGNMENT}": SampleRatio()}
        for guard in policy.guards:
            if guard.signal in RATES:
                for stage in ("shadow", "canary"):
                    tests[f"{stage}/{guard.signal}"] = RateIncrease(tolerance=guard.tolerated)
            elif guard.signal in SCORED:
                tests[f"canary/{guard.signal}"] = MeanShift(bound=guard.tolerated)
                tests[f"shadow/{guard.signal}"] = PairedShift(bound=guard.tolerated)
            elif guard.signal == "flips":
                tests["shadow/flips"] = FlipShare(tolerance=guard.tolerated)
        stages = [f"canary/{_FIRST}", f"shadow/{_FIRST}", *(name for name in tests if name.split("/")[1] in RATES)]
        return cls(rollout, {}, tests, {name: SeenEntities.none(_SLOTS) for name in stages}, at)

    def after(self, rows: Sequence[Seen], at: datetime, *, elsewhere: Iterable["Trial"] = ()) -> "Trial":
        """With further requests, in the order in which they were answered.

        Args:
            elsewhere: What other processes have seen: entities that they counted do not count again.
        """
        counted = dict(self.counted)
        for other in elsewhere:
            for name, seen in other.counted.items():
                counted[name] = SeenEntities(counted[name].taken | seen.taken)
        requests, tests = dict(self.requests), dict(self.tests)
        for row in rows:
            if row.challenger is not None:
                requests[row.step] = requests.get(row.step, 0) + 1
        paired = [row for row in rows if row.champion is not None and row.challenger is not None]
        single = [row for row in rows if (row.champion is None) != (row.challenger is None) and 0 < row.share < 1]
        if paired:
            _count_pairs(paired, tests, counted)
        if single:
            _count_arms(single, tests, counted)
        return replace(self, requests=requests, tests=tests, counted=counted, at=at)

    def to_json(self) -> bytes:
        """The trial as JSON text."""
        tests = {name: {"kind": type(test).__name__, **test.to_json()} for name, test in self.tests.items()}
        counted = {
            name: base64.b64encode(np.packbits(seen.taken).tobytes()).decode() for name, seen in self.counted.items()
        }
        requests = {str(step): number for step, number in self.requests.items()}
        return json.dumps(
            {"rollout": self.rollout, "at": self.at.isoformat(), "requests": requests, "tests": tests,
             "counted": counted}
        ).encode()  # fmt: skip

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Reads `to_json`.

        Raises:
            EvidenceError: It is no such record.
        """
        try:
            record: Mapping[str, Any] = json.loads(data)
            tests = {name: _KINDS[test.pop("kind")].from_json(test) for name, test in record["tests"].items()}
            counted = {
                name: SeenEntities(np.unpackbits(np.frombuffer(base64.b64decode(text), np.uint8)).astype(np.bool_))
                for name, text in record["counted"].items()
            }
            requests = {int(step): int(number) for step, number in record["requests"].items()}
            return cls(record["rollout"], requests, tests, counted, datetime.fromisoformat(record["at"]))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise EvidenceError(f"this is no record of a rollout's evidence: {error!r}") from error


def trials_of(product: str, version: str, records: Mapping[str, bytes]) -> list[Trial]:
    """The trials of a challenger among the records of a rollout; a record that cannot be read is left out, and logged.

    Args:
        records: By name, which begins with the challenger's version and a point.
    """
    found = []
    for name, data in records.items():
        if name.startswith(f"{version}."):
            try:
                found.append(Trial.from_json(data))
            except EvidenceError as error:
                _LOG.warning("%s: evidence %s is left out: %s", product, name, error)
    return found


def read_together(trials: Sequence[Trial], policy: Rollout, stage: Stage) -> Signals:
    """What all processes say of a rollout, for a stage, and how many requests its tests need at each step.

    Evidence with other settings than the policy's is left out, as that of an earlier release.
    """
    requests: dict[int, int] = {}
    for trial in trials:
        for step, number in trial.requests.items():
            requests[step] = requests.get(step, 0) + number
    read_at = max((one.at for one in trials), default=None)
    if read_at is None:
        return Signals(requests=requests, evidence={})
    alarms = {guard.signal: guard.false_alarms / 2 for guard in policy.guards} | {ASSIGNMENT: _ASSIGNMENT_ALARMS}
    declared = Trial.none("", policy, read_at).tests
    together: dict[str, AnyTest] = {}
    for signal in alarms:
        name = f"{stage}/{signal}"
        states = [one for trial in trials if (one := trial.tests.get(name)) and _same_kind(one, declared.get(name))]
        if states:
            together[signal] = type(states[0]).combined(states)  # type: ignore[arg-type]
    evidence = {signal: test.evidence(signal, alarms[signal]) for signal, test in together.items()}
    steps = [(number, step) for number, step in enumerate(policy.steps) if (step.share == 0.0) is (stage == "shadow")]
    wanted = {number: _needed(together, policy, step, alarms) for number, step in steps if step.share < 1.0}
    return Signals(requests=requests, evidence=evidence, read_at=read_at, needed=wanted)


def _needed(
    tests: Mapping[str, AnyTest], policy: Rollout, step: Step, alarms: Mapping[str, float]
) -> Mapping[str, Needed | None]:
    """By signal, the requests that a step's tests need.

    What the shadow was able to find of both bundles' scores of the same requests is not waited for again in the canary,
    whose tests of two arms need many more entities for it.
    """
    first, found = policy.steps[0], dict[str, Needed | None]()
    had_shadow = first.share == 0.0 < step.share and first.requests is None and first.finds <= step.finds
    for guard in policy.guards:
        test, is_known = tests.get(guard.signal), had_shadow and guard.signal in SCORED
        if test is not None and not isinstance(test, SampleRatio) and not is_known:
            asked = Asked(guard.effect(step.finds), alarms[guard.signal], step.share, guard.rare)
            found[guard.signal] = needed(test, asked)
    return found


def _same_kind(test: AnyTest, declared: AnyTest | None) -> bool:
    """Whether a test asks the declared question."""
    names = ("tolerance", "bound")
    settings = [[getattr(one, name, None) for name in names] for one in (test, declared)]
    return type(test) is type(declared) and settings[0] == settings[1]


def _count_arms(rows: Sequence[Seen], tests: dict[str, AnyTest], counted: dict[str, SeenEntities]) -> None:
    """Counts requests that one arm answered."""
    places, shares = np.array([row.place for row in rows]), np.array([row.share for row in rows])
    challenger = np.array([row.challenger is not None for row in rows])
    outcomes = [row.challenger or row.champion for row in rows]
    first, counted[f"canary/{_FIRST}"] = counted[f"canary/{_FIRST}"].first(places, np.ones(len(rows), np.bool_))
    for name, test in tests.items():
        stage, signal = name.split("/")
        if stage != "canary":
            continue
        value = np.zeros(len(rows)) if signal == ASSIGNMENT else _values(outcomes, signal)
        counts = first
        if signal in RATES:
            counts, counted[name] = counted[name].first(places, value == 1)
        if isinstance(test, (RateIncrease, MeanShift, SampleRatio)):
            tests[name] = test.update(ArmRows(challenger, value, shares, counts))


def _count_pairs(rows: Sequence[Seen], tests: dict[str, AnyTest], counted: dict[str, SeenEntities]) -> None:
    """Counts requests that both answered.

    A rate bets on which of both had the event, in pairs of which one alone had it: equally good bundles have it equally
    often. Pairs that agree say nothing.
    """
    places = np.array([row.place for row in rows])
    first, counted[f"shadow/{_FIRST}"] = counted[f"shadow/{_FIRST}"].first(places, np.ones(len(rows), np.bool_))
    for name, test in tests.items():
        stage, signal = name.split("/")
        if stage != "shadow":
            continue
        before, now = (
            _values([row.champion for row in rows], signal), _values([row.challenger for row in rows], signal)
        )  # fmt: skip
        match test:
            case RateIncrease():
                differs, counted[name] = counted[name].first(places, before != now)
                arms = np.repeat([False, True], len(rows))
                tests[name] = test.update(
                    ArmRows(arms, np.concatenate([before, now]), np.full(2 * len(rows), 0.5), np.tile(differs, 2))
                )
            case PairedShift():
                tests[name] = test.update(before[first], now[first])
            case FlipShare():
                tests[name] = test.update((before != now)[first].astype(np.float64))


def _values(outcomes: Sequence[Outcome | None], signal: str) -> NDArray[np.float64]:
    attribute = "refused" if signal in ("refusals", "flips") else signal
    return np.array([float(getattr(outcome, attribute)) for outcome in outcomes])
