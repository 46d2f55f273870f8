"""How a new model of a product reaches its customers, as frozen values.

Belongs here: strategy, steps, guards and deadlines of a rollout, and their record in the rollout state. Does not belong
here: the decision whether the next step is taken (`assets.rollout.steps`), the tests behind the guards
(`assets.rollout.sequential`), what a model must meet before its rollout begins (`policies.GatePolicy`).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any, Literal, Self, get_args

from assets.product.policies import ProductError

Strategy = Literal["canary", "ab_test", "bandit", "direct"]
Signal = Literal["errors", "fallbacks", "latency", "score", "refusals", "bad_rate"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
SIGNALS: tuple[Signal, ...] = get_args(Signal)


@dataclass(frozen=True)
class Guard:
    """One signal that can end a rollout.

    Attributes:
        signal: `errors` (requests without a decision), `fallbacks`, `latency` (decisions over the product's budget),
            `score` (shift of the mean score), `refusals` (shift of the refused share), `bad_rate` (of matured labels).
        smallest_effect: The smallest difference between challenger and champion that matters: a ratio of rates for
            `errors`, `fallbacks`, `latency` and `bad_rate` (1.5: half as many again), a difference for `score` and
            `refusals`.
        false_alarms: The chance that this guard ends a rollout of an equally good model, over the whole rollout.
    """

    signal: Signal
    smallest_effect: float
    false_alarms: float = 0.001

    def __post_init__(self) -> None:
        if self.signal not in SIGNALS:
            raise ProductError(f"rollout: guard of {self.signal!r}; known: {', '.join(SIGNALS)}")
        is_ratio = self.signal not in ("score", "refusals")
        if not self.smallest_effect > (1.0 if is_ratio else 0.0):
            wanted = "a ratio above 1" if is_ratio else "a difference above 0"
            raise ProductError(
                f"rollout: guard of {self.signal}: smallest_effect={self.smallest_effect!r}; write {wanted}"
            )
        if not 0.0 < self.false_alarms <= 0.1:
            raise ProductError(f"rollout: guard of {self.signal}: false_alarms={self.false_alarms!r}; write 0 to 0.1")


@dataclass(frozen=True)
class Step:
    """A step of a canary; share 0 is the shadow.

    Attributes:
        share: Share of the entities that the challenger decides for.
        requests: Decisions of the challenger, at least, before the next step.
        time: Time at least before the next step.
    """

    share: float
    requests: int = 500
    time: timedelta = timedelta(hours=1)

    def __post_init__(self) -> None:
        if not 0.0 <= self.share <= 1.0 or self.requests < 1 or self.time < timedelta(0):
            raise ProductError(f"rollout: {self!r}; write a share from 0 to 1, requests from 1, and no negative time")


GUARDS = (
    Guard("errors", 2.0),
    Guard("fallbacks", 2.0),
    Guard("latency", 2.0),
    Guard("score", 0.05),
    Guard("refusals", 0.1),
    Guard("bad_rate", 1.5),
)
STEPS = (Step(0.0), Step(0.01), Step(0.05), Step(0.25), Step(0.5))


SANDBOX_STEPS = (
    Step(0.0, 60, timedelta(seconds=2)),
    Step(0.1, 15, timedelta(seconds=2)),
    Step(0.5, 60, timedelta(seconds=2)),
)
"""In place of `STEPS` where customers are made up: seconds, not days."""


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """How a new model reaches the customers of a product.

    The first model of a product decides at once, since there is nothing to compare it with.

    Attributes:
        strategy: `canary`: shadow, then growing shares. `ab_test`: fixed shares until the horizon. `bandit`: shares
            follow the results of matured cohorts. `direct`: the new model replaces the champion at once.
        steps: Of the canary; a first step with share 0 is the shadow.
        guards: The signals that end a rollout. `bad_rate` is judged when labels are mature; the others while requests
            are answered.
        latency_ms: Budget of a decision's time in the process, in milliseconds.
        deadline: Within this time from its start a step must have its requests and its evidence; else the rollout is
            paused and a person is asked.
        share: Of all challengers together, in an A/B test or a bandit.
        hypothesis, metric, smallest_effect: Of an A/B test, declared before it begins: what is expected, the figure
            that decides (`profit` a decision or `bad_rate`), and the smallest difference that matters.
        horizon: How long an A/B test or a bandit lasts at most.
        floor: The smallest share of an arm of a bandit.
        ask_from: A person must resume the rollout before a step of at least this share; 2 for no step.
    """

    strategy: Strategy = "canary"
    steps: tuple[Step, ...] = STEPS
    guards: tuple[Guard, ...] = GUARDS
    latency_ms: float = 50.0
    deadline: timedelta = timedelta(days=7)
    share: float = 0.5
    hypothesis: str = ""
    metric: Literal["profit", "bad_rate"] = "profit"
    smallest_effect: float = 0.0
    horizon: timedelta = timedelta(days=90)
    floor: float = 0.05
    ask_from: float = 2.0

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise ProductError(f"rollout: strategy={self.strategy!r}; known: {', '.join(STRATEGIES)}")
        if len({guard.signal for guard in self.guards}) < len(self.guards):
            raise ProductError("rollout: a signal has two guards; write one each")
        shares = [step.share for step in self.steps]
        if self.strategy == "canary" and (not shares or shares != sorted(set(shares))):
            raise ProductError(f"rollout: steps have the shares {shares}; write shares that grow")
        if not 0.0 < self.share < 1.0 or not 0.0 < self.floor <= 0.5:
            raise ProductError(f"rollout: share={self.share!r}, floor={self.floor!r}; write shares between 0 and 1")
        if self.strategy == "ab_test" and not (self.hypothesis.strip() and self.smallest_effect > 0.0):
            raise ProductError("rollout: an A/B test declares hypothesis= and smallest_effect= before it begins")

    def in_sandbox(self) -> "Rollout":
        """The policy for made-up customers: steps that are not declared otherwise take seconds."""
        return replace(self, steps=SANDBOX_STEPS) if self.steps == STEPS else self

    def to_record(self) -> dict[str, Any]:
        """The policy as JSON values; times in seconds."""
        steps = [{**asdict(step), "time": step.time.total_seconds()} for step in self.steps]
        times = {"deadline": self.deadline.total_seconds(), "horizon": self.horizon.total_seconds()}
        return asdict(self) | {"steps": steps, "guards": [asdict(guard) for guard in self.guards]} | times

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Reads `to_record`; an empty record is the default policy.

        Raises:
            ProductError: A field is unknown or has a wrong value.
        """
        values = dict(record)
        try:
            if "steps" in values:
                values["steps"] = tuple(
                    Step(**{**step, "time": timedelta(seconds=step["time"])}) for step in values["steps"]
                )
            if "guards" in values:
                values["guards"] = tuple(Guard(**guard) for guard in values["guards"])
            for name in ("deadline", "horizon"):
                if name in values:
                    values[name] = timedelta(seconds=values[name])
            return cls(**values)
        except (KeyError, TypeError) as error:
            raise ProductError(f"rollout: this is no record of a rollout policy: {error!r}") from error
