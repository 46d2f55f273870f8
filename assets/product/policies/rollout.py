"""How a new model of a product reaches its customers, as frozen values.

Belongs here: strategy, steps, guards and deadlines of a rollout, and their record in the rollout state. Does not belong
here: the decision whether the next step is taken (`assets.rollout.steps`), the tests behind the guards
(`assets.rollout.evidence`), what a model must meet before its rollout begins (`policies.GatePolicy`).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any, Literal, Self, get_args

from assets.product.policies.model import ProductError

Strategy = Literal["canary", "ab_test", "bandit", "direct"]
Signal = Literal["errors", "fallbacks", "latency", "score", "refusals", "flips", "bad_rate"]
Outcomes = Literal["required", "watched"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
SIGNALS: tuple[Signal, ...] = get_args(Signal)


@dataclass(frozen=True)
class Guard:
    """One signal that can end a rollout.

    Its test tolerates half of the smallest effect, so that the smallest effect itself can be found.

    Attributes:
        signal: `errors` (requests without a decision), `fallbacks`, `latency` (decisions over the product's budget),
            `score` (shift of the mean score), `refusals` (shift of the refused share), `flips` (the share of the
            shadow's answers that differ from the champion's), `bad_rate` (of matured labels).
        smallest_effect: The smallest difference between challenger and champion that matters: a ratio of rates for
            `errors`, `fallbacks`, `latency` and `bad_rate` (1.5: half as many again), a difference for `score` and
            `refusals`, a share for `flips`.
        false_alarms: The chance that this guard ends a rollout of an equally good model, over the whole rollout.
        rare: Of a rate that is lower than this, the smallest effect is the increase that it would be of this rate: with
            0.01 and a ratio of 2, one more in a hundred requests. Without it a step would wait for ever where almost
            nothing fails. It bounds how long a step lasts, and makes no guard less sharp.
    """

    signal: Signal
    smallest_effect: float
    false_alarms: float = 0.001
    rare: float = 0.01

    def __post_init__(self) -> None:
        if self.signal not in SIGNALS:
            raise ProductError(f"rollout: guard of {self.signal!r}; known: {', '.join(SIGNALS)}")
        lowest, highest = (1.0, float("inf")) if self.is_ratio else (0.0, 1.0)
        if not lowest < self.smallest_effect < highest:
            wanted = "a ratio above 1" if self.is_ratio else "a difference above 0 and below 1"
            raise ProductError(
                f"rollout: guard of {self.signal}: smallest_effect={self.smallest_effect!r}; write {wanted}"
            )
        if not 0.0 < self.false_alarms <= 0.1:
            raise ProductError(f"rollout: guard of {self.signal}: false_alarms={self.false_alarms!r}; write 0 to 0.1")
        if not 0.0 < self.rare <= 0.5:
            raise ProductError(
                f"rollout: guard of {self.signal}: rare={self.rare!r}; write a rate above 0, 0.5 at most"
            )

    @property
    def is_ratio(self) -> bool:
        """Whether effects are ratios of rates; else they are differences."""
        return self.signal not in ("score", "refusals", "flips")

    @property
    def tolerated(self) -> float:
        """The largest effect that is no breach, as an increase: of a ratio the excess over 1."""
        return self.effect(1.0) / 2.0

    def effect(self, multiple: float) -> float:
        """A multiple of the smallest effect, as an increase: of a ratio the excess over 1; a difference at most 1."""
        excess = (self.smallest_effect - 1.0 if self.is_ratio else self.smallest_effect) * multiple
        return excess if self.is_ratio else min(excess, 1.0)


@dataclass(frozen=True)
class Step:
    """A step of a canary; share 0 is the shadow.

    Attributes:
        share: Share of the entities that the challenger decides for.
        requests: Decisions of the challenger, at least, before the next step. `None`: as many of each arm as the tests
            of the guards need to find `finds` times their smallest effects in four of five cases, and 500 at least;
            effects on `score` and `refusals` are found by the shadow, where there is one. A number stands in place of
            that calculation; where it is smaller, the verdict says what it leaves unfound.
        time: Time at least before the next step.
        finds: The multiple of the smallest effects that the step must be able to find. With a small share only large
            effects harm many, and small ones would take months to find. 1 in the last step, before the promotion.
    """

    share: float
    requests: int | None = None
    time: timedelta = timedelta(hours=1)
    finds: float = 1.0

    def __post_init__(self) -> None:
        few = self.requests is not None and self.requests < 1
        if not 0.0 <= self.share <= 1.0 or few or self.time < timedelta(0) or not 1.0 <= self.finds < float("inf"):
            raise ProductError(
                f"rollout: {self!r}; write a share from 0 to 1, requests from 1, no negative time, and finds from 1"
            )


GUARDS = (
    Guard("errors", 2.0),
    Guard("fallbacks", 2.0),
    Guard("latency", 2.0),
    Guard("score", 0.05),
    Guard("refusals", 0.1),
    Guard("flips", 0.2),
    Guard("bad_rate", 1.5),
)
STEPS = (Step(0.0), Step(0.01, finds=5.0), Step(0.05, finds=2.0), Step(0.25), Step(0.5))


SANDBOX_STEPS = (
    Step(0.0, 60, timedelta(seconds=2)),
    Step(0.1, 15, timedelta(seconds=2)),
    Step(0.5, 60, timedelta(seconds=2)),
)
"""In place of `STEPS` where customers are made up: seconds, not days, and far fewer requests than the tests need."""
SANDBOX_GUARDS = (
    Guard("errors", 3.0),
    Guard("fallbacks", 3.0),
    Guard("latency", 3.0),
    Guard("score", 0.1),
    Guard("refusals", 0.2),
    Guard("flips", 0.2),
    Guard("bad_rate", 2.0),
)
"""In place of `GUARDS` there: on a busy machine small effects come and go."""


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
        outcomes: What the promotion asks of a guard on `bad_rate`. `required`: as many decisions with mature labels as
            its test needs; at the deadline, or at once where labels mature only after it, a person is asked. `watched`:
            nothing; the verdict says that outcomes did not speak.
        latency_ms: Budget of a decision's time in the process, in milliseconds.
        deadline: Within this time from its start a step must have its requests and its evidence; else the rollout is
            paused and a person is asked.
        share: Of all challengers together, in an A/B test or a bandit.
        hypothesis: Of an A/B test, declared before it begins: what is expected.
        metric: Of an A/B test, declared before it begins: the figure that decides, `profit` a decision or `bad_rate`.
        smallest_effect: Of an A/B test, declared before it begins: the smallest difference of `metric` that matters.
        horizon: How long an A/B test or a bandit lasts at most.
        floor: The smallest share of an arm of a bandit.
        ask_from: A person must resume the rollout before a step of at least this share; 2 for no step.
    """

    strategy: Strategy = "canary"
    steps: tuple[Step, ...] = STEPS
    guards: tuple[Guard, ...] = GUARDS
    outcomes: Outcomes = "required"
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
        if self.strategy == "canary" and self.steps[-1].finds != 1.0:
            raise ProductError(f"rollout: the last step has finds={self.steps[-1].finds!r}; write 1: promotion follows")
        if self.outcomes not in get_args(Outcomes):
            raise ProductError(f"rollout: outcomes={self.outcomes!r}; write 'required' or 'watched'")
        if not 0.0 < self.share < 1.0 or not 0.0 < self.floor <= 0.5:
            raise ProductError(f"rollout: share={self.share!r}, floor={self.floor!r}; write shares between 0 and 1")
        most = 1.0 - self.floor
        if self.strategy == "bandit" and not (self.floor < most and self.floor <= self.share <= most):
            raise ProductError(
                f"rollout: share={self.share!r}, floor={self.floor!r}: write, for a bandit, a floor below 0.5, and a "
                f"share that leaves every arm its floor"
            )
        if self.strategy == "ab_test" and not (self.hypothesis.strip() and self.smallest_effect > 0.0):
            raise ProductError("rollout: an A/B test declares hypothesis= and smallest_effect= before it begins")

    def in_sandbox(self) -> "Rollout":
        """The policy for made-up customers: what is not declared otherwise takes seconds, and waits for no labels."""
        if self.steps != STEPS:
            return self
        guards = SANDBOX_GUARDS if self.guards == GUARDS else self.guards
        return replace(self, steps=SANDBOX_STEPS, guards=guards, outcomes="watched")

    def guard_of(self, signal: str) -> Guard | None:
        """The guard of a signal; `None` without one."""
        return next((guard for guard in self.guards if guard.signal == signal), None)

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
