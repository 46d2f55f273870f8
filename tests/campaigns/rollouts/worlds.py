"""The rollouts of the campaign: which policy over which traffic, with which regression.

Belongs here: sizes, and why a regression can be found with them. Does not belong here: traffic itself (`generator.py`).

A bet on who has the next event gains the divergence between the true chance p and the largest chance q that is
tolerated, for each event. At half the traffic, a rate of 1 + k (r - 1) times the champion's with smallest effect r has
p = ratio / (ratio + 1); half of the smallest effect is tolerated, q = (r + 1) / (r + 3). At exactly a doubling that is
0.01 an event; log(2000) and log(16) for not knowing the effect need 1,100 events: 37,000 requests at a rate of 0.02
and twice that, a quarter of those before the deadline. An entity counts once a signal, so that there must be many more
entities than events: `PLANTED_ENTITIES`.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from assets.product import Rollout, Step
from tests.campaigns.rollouts.generator import DAY, Kind, Rates, Regression, Traffic
from tests.campaigns.rollouts.glue import Simulated

_HOUR = timedelta(hours=1)
MULTIPLES = (1.0, 1.5, 2.0, 3.0, 4.0)
"""Effects of planted regressions, as multiples of the smallest effect of their guard."""
PLANTED_ENTITIES = 100_000
PLANTED = Rates(failed=0.01, fell_back=0.02, late=0.02, bad=0.15)
POWERED = Rollout(
    steps=(Step(0.0, 2_000, _HOUR), Step(0.1, 1_000, _HOUR), Step(0.5, 80_000, timedelta(days=1))),
    deadline=timedelta(days=7),
)
"""Its last step has the requests that the effects need."""
OUTCOMES = Rollout(steps=(Step(0.0, 500, _HOUR), Step(0.5, 3_000, timedelta(days=10))), deadline=timedelta(days=11))
"""Its last step outlasts the maturity of labels, a day, by nine."""
QUICK = Rollout(steps=(Step(0.0), Step(0.1), Step(0.25), Step(0.5)))
PATIENT = Rollout(steps=(Step(0.0, 500, timedelta(days=1)), Step(0.5, 500, timedelta(days=1))))
LONGEST_DAYS = 25.0

# 25 each of latency, errors and fallbacks, scores, outcomes.
_KINDS: tuple[tuple[Kind, ...], ...] = (("latency",), ("errors", "fallbacks"), ("score",), ("bad_rate",))


def regressions(each: int, multiples: tuple[float, ...] = MULTIPLES) -> Iterator[tuple[Kind, float]]:
    """As many of each kind, their effects in turn."""
    for kinds in _KINDS:
        for number in range(each):
            yield kinds[number // len(multiples) % len(kinds)], multiples[number % len(multiples)]


def planted(
    seed: int, kind: Kind, multiple: float, policy: Rollout | None = None, *, entities: int = PLANTED_ENTITIES
) -> Simulated:
    """A rollout of a challenger that is worse."""
    policy = policy or (OUTCOMES if kind == "bad_rate" else POWERED)
    (smallest,) = [guard.smallest_effect for guard in policy.guards if guard.signal == kind]
    traffic = Traffic(
        seed, an_hour=400.0 if kind == "bad_rate" else 1_000.0, rates=PLANTED, twins=seed % 2 == 0,
        regression=Regression(kind, multiple, smallest), entities=entities,
    )  # fmt: skip
    return Simulated(traffic, policy, processes=1 + seed % 3 // 2)


def equal(seed: int) -> Simulated:
    """A rollout of an equal model: of ten, eight quick, one with the steps of a product by default, one patient."""
    policy = {8: Rollout(), 9: PATIENT}.get(seed % 10, QUICK)
    an_hour = 1_000.0 if policy is PATIENT else 2_000.0
    traffic = Traffic(seed, an_hour=an_hour, twins=seed % 2 == 0 if seed % 10 < 8 else seed % 20 < 10)
    if seed % 10 in (3, 4, 9):
        # Few entities, each with many requests.
        traffic = replace(traffic, entities=4_000)
    return Simulated(traffic, policy, maturity=DAY / 2, processes=1 + seed % 3 // 2)
