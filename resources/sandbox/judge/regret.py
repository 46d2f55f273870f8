"""What the loop's trainings earned, beside the best ones in hindsight and beside simple rules.

Belongs here: what a model that is trained in one month earns in each later month, by a learner of the judge's own, and
the regret of each rule for when to train. Does not belong here: the best plan (`optimum.py`).

The loop's own models are not compared one by one: that would take a training by every gate for each month. The judge's
learner sees the same features and the labels that were known by then, of accepted rows alone, and the truth of all rows
says what its decisions earn. So what is compared is *when* models were trained.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from resources.sandbox.judge.optimum import TrainingPlan, best_plan, value_of
from resources.sandbox.judge.record import Observation, Stakes

_MONTH, _FEWEST_PERIODS = 30, 4
COST_RATIOS = (0.0, 0.02, 0.1, 0.5)
"""What a training costs, as shares of what the best plan without costs earns in a period."""
_FEWEST_LABELS, _FEWEST_BAD = 200, 20
_SEED = 11


@dataclass(frozen=True, kw_only=True)
class Rows:
    """All rows of a product, history included, in the order of time.

    Attributes:
        day: int64 [n], days since the first day of operation; below 0 in the history.
        features: float64 [n, k], NaN where missing.
        stake: float64 [n], EUR.
        bad: bool [n], what becomes or would become of each.
        label_day: int64 [n], the day on which its label became known; a large number where it never did.
        told: bool [n], the label as it was told, which may be false.
    """

    day: np.ndarray
    features: np.ndarray
    stake: np.ndarray
    bad: np.ndarray
    label_day: np.ndarray
    told: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Compared:
    """The rules for when to train, at one cost of a training.

    Attributes:
        ratio: The cost as a share of what the best plan without costs earns in a period.
        plans: By rule: `optimum`, `loop`, `never`, `monthly`, `on drift only`.
    """

    ratio: float
    cost: float
    plans: Mapping[str, TrainingPlan]

    def share(self, rule: str) -> float | None:
        """What a rule earns, as a share of the optimum; `None` where the optimum earns nothing."""
        best = self.plans["optimum"].value
        return self.plans[rule].value / best if best > 0 else None

    def to_dict(self) -> dict[str, Any]:
        """JSON values, in EUR."""
        best = self.plans["optimum"].value
        return {
            "cost_ratio": self.ratio,
            "cost": round(self.cost, 2),
            "rules": {
                rule: {"trained_in": list(plan.trained), "value": round(plan.value, 2),
                       "regret": round(best - plan.value, 2), "share": self.share(rule)}
                for rule, plan in self.plans.items()
            },
        }  # fmt: skip


def period_days(days: int) -> int:
    """The days of a period: a month, and in a game day of less than four months a quarter of it."""
    return max(min(_MONTH, days // _FEWEST_PERIODS), 1)


def compared(
    earned: np.ndarray, loop: Sequence[int], on_drift: Sequence[int], *, period: int = _MONTH
) -> tuple[Compared, ...]:
    """Each rule's value at each cost of a training.

    Args:
        earned: As `optimum.best_plan` takes it.
        loop: The periods in which a model of the loop became the champion.
        on_drift: Those in which the loop trained for another reason than its schedule.
        period: Days of a period.
    """
    n = len(earned)
    usual = max(best_plan(earned, 0.0).value, 0.0) / n
    found = []
    for ratio in COST_RATIOS:
        cost = ratio * usual
        plans = {
            "optimum": best_plan(earned, cost),
            "loop": value_of(earned, loop, cost),
            "never": value_of(earned, (), cost),
            "monthly": value_of(earned, range(0, n, _MONTH // period), cost),
            "on drift only": value_of(earned, on_drift, cost),
        }
        found.append(Compared(ratio=ratio, cost=cost, plans=plans))
    return tuple(found)


def periods_of(
    observations: Collection[Observation], product: str, first: date, days: int, *, off_schedule: bool
) -> tuple[int, ...]:
    """The periods in which a model became the champion, or in which one was trained for another reason than time."""
    mine = [one for one in observations if one.product == product]
    if off_schedule:
        mine = [one for one in mine if one.seen == "retrain" and one.cause != "schedule"]
    else:
        mine = [one for one in mine if one.seen == "promoted"]
    period = period_days(days)
    last = days // period - 1
    return tuple(sorted({min((one.at.date() - first).days // period, last) for one in mine}))


def earned_by_period(rows: Rows, days: int, stakes: Stakes) -> np.ndarray:
    """float64 [n, n]: what the model trained at the beginning of period i earns in period t; 0 where t < i.

    A period that has too few labels keeps the model of the one before it.
    """
    period_of = period_days(days)
    n = days // period_of
    earned, model = np.zeros((n, n)), _Model(None, 1.0)
    good, lost = stakes.good * rows.stake, -stakes.bad * rows.stake
    worth = np.where(rows.bad, lost, good)
    for period in range(n):
        model = _trained(rows, period * period_of, stakes) or model
        accepted = model.accepts(rows.features)
        for later in range(period, n):
            of_period = (rows.day >= later * period_of) & (rows.day < (later + 1) * period_of)
            earned[period, later] = worth[of_period & accepted].sum()
    return earned


@dataclass(frozen=True)
class _Model:
    learner: Any
    threshold: float

    def accepts(self, features: np.ndarray) -> np.ndarray:
        if self.learner is None:
            return np.ones(len(features), bool)
        return np.asarray(self.learner.predict_proba(features)[:, 1] < self.threshold)


def _trained(rows: Rows, day: int, stakes: Stakes) -> _Model | None:
    """A model of the labels that were known by a day, its threshold by profit on the newest quarter of them."""
    from xgboost import XGBClassifier

    known = np.flatnonzero(rows.label_day < day)
    told = rows.told[known]
    if len(known) < _FEWEST_LABELS or not _FEWEST_BAD <= told.sum() <= len(known) - _FEWEST_BAD:
        return None
    cut = len(known) * 3 // 4
    old, new = known[:cut], known[cut:]
    if len(set(rows.told[old].tolist())) < 2:
        return None
    # One thread: its threads wait for each other by spinning, which a busy machine pays for dearly.
    learner = XGBClassifier(n_estimators=80, learning_rate=0.1, max_depth=4, random_state=_SEED, n_jobs=1)
    learner.fit(rows.features[old], rows.told[old])
    score = learner.predict_proba(rows.features[new])[:, 1]
    order = np.argsort(score, kind="stable")
    worth = np.where(rows.told[new], -stakes.bad * rows.stake[new], stakes.good * rows.stake[new])[order]
    best = int(np.argmax(np.concatenate([[0.0], np.cumsum(worth)])))
    threshold = float(score[order][best]) if best < len(order) else 1.1
    return _Model(learner, threshold)
