"""The timeline: each planned incident with what was noticed of it, what was done and whether that was right.

Belongs here: which observations speak of which incident, the verdict on each, alarms that speak of none. Does not
belong here: the plan (`resources.sandbox.planned`), what incidents cost (`costs.py`) and what trainings earned
(`regret.py`), pages.

An observation speaks of an incident if it is of its product, lies within its time, and names what the incident touches:
a fault of the data its source, and its day if it names any; an outage what is down; a change of the world is told by
any training or alert that is not on schedule. An incident that nothing speaks of was not noticed, and the timeline says
so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from resources.sandbox.judge.costs import Cost, cost_of
from resources.sandbox.judge.record import Observation, Record, Seen
from resources.sandbox.planned.incidents import OF_THE_WORLD, Action, Dependency, PlannedIncident

Verdict = Literal["right", "late", "wrong", "not noticed"]
_ACTIONS: Mapping[Seen, Action] = {
    "alert": "alert", "waits": "wait", "quarantine": "quarantine", "retrain": "retrain", "refused": "refuse",
    "roll_back": "roll_back", "reloaded": "reload",
}  # fmt: skip
# A fault's consequences are seen for some days after its last day; a model's until it has left.
_AFTERMATH = timedelta(days=3)
_WAKE = timedelta(days=30)
# What a message says that speaks of a dependency that is down.
_DOWN: Mapping[Dependency, tuple[str, ...]] = {
    "landing": ("no file", "lacks files", "landing"), "database": ("database", "bank.db"), "bureau": ("bureau",),
    "stream": ("stream",), "decisions": ("decision service", "answered decisions", "decisions is not as expected"),
    "online_store": ("online store", "lmdb"), "tracking": ("mlflow", "registry"),
}  # fmt: skip
_CHALLENGERS = ("bad_challenger", "unfair_challenger")


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One incident and what followed.

    Attributes:
        noticed: The day on which it was first noticed; `None` if it was not.
        after: Days from its first day until then.
        done: The actions that followed, in the order of time, each once.
        words: The loop's own words when it noticed.
        cost: What it cost; `None` where no quiet days before it are known.
    """

    incident: PlannedIncident
    noticed: date | None
    after: int | None
    done: tuple[Action, ...]
    verdict: Verdict
    words: str
    cost: Cost | None

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        one = self.incident
        return {
            "kind": one.kind, "product": one.product, "source": one.source, "dependency": one.dependency,
            "first_day": str(one.day), "last_day": str(one.last_day), "notice_within": one.expected.within,
            "noticed": None if self.noticed is None else str(self.noticed), "after_days": self.after,
            "right_actions": list(one.expected.right), "done": list(self.done), "verdict": self.verdict,
            "words": self.words, "cost": None if self.cost is None else vars(self.cost),
        }  # fmt: skip


@dataclass(frozen=True)
class Timeline:
    """All incidents, and the observations that speak of none.

    Attributes:
        unexplained: Alerts, trainings off schedule and rollbacks that no planned incident explains.
    """

    judged: tuple[Judged, ...]
    unexplained: tuple[Observation, ...]

    def count(self, verdict: Verdict) -> int:
        """How many incidents have that verdict."""
        return sum(one.verdict == verdict for one in self.judged)


def judge(plan: Sequence[PlannedIncident], record: Record) -> Timeline:
    """The timeline of a game day."""
    telling = [one for one in record.observations if one.seen in _ACTIONS and one.cause != "schedule"]
    explained: set[int] = set()
    judged = []
    for incident in plan:
        mine = [(number, one) for number, one in enumerate(telling) if speaks_of(one, incident)]
        explained.update(number for number, _ in mine)
        explained.update(number for number, one in enumerate(telling) if follows_from(one, incident))
        cost = cost_of(incident, plan, record.figures)
        judged.append(_judged(incident, [one for _, one in mine], cost))
    unexplained = tuple(one for number, one in enumerate(telling) if number not in explained and _is_alarm(one))
    return Timeline(tuple(judged), unexplained)


def speaks_of(one: Observation, incident: PlannedIncident) -> bool:
    """Whether an observation speaks of an incident."""
    last = max(incident.last_day, incident.notice_by) if incident.kind in OF_THE_WORLD else incident.last_day
    if one.product != incident.product or not incident.day <= one.at.date() <= last + _AFTERMATH + _late(incident):
        return False
    if incident.kind in OF_THE_WORLD:
        return one.seen == "retrain" or (one.seen == "alert" and not one.about.startswith(("raw_", "validated_")))
    if incident.kind in _CHALLENGERS:
        return one.seen in ("refused", "roll_back")
    if one.seen == "retrain":  # no answer to a fault; only where nothing else of the world explains it is it wrong
        return one.cause in ("drift", "performance", "estimated")
    if incident.dependency is not None:
        return _names_down(one, incident.dependency)
    said = f"{one.about} {one.text}"
    return incident.source in said and (one.day is None or incident.covers(one.day))


def follows_from(one: Observation, incident: PlannedIncident) -> bool:
    """Whether an alert is a consequence of an incident that it need not name.

    A day is made whole or not at all, so other sources lack the day too; the days of an incident count in figures for
    weeks; and what is down for one product is down for the others of the bank. Nobody has noticed the incident by it.
    """
    if one.seen != "alert":
        return False
    if one.product != incident.product:
        soon = incident.day <= one.at.date() <= incident.last_day + _AFTERMATH
        return incident.dependency is not None and soon and _names_down(one, incident.dependency)
    if incident.kind in _CHALLENGERS:
        return one.about == "rollout" and incident.day <= one.at.date() <= incident.last_day + _AFTERMATH
    days = [incident.day + timedelta(days=number) for number in range((incident.last_day - incident.day).days + 1)]
    names_one = one.day in days or any(str(day) in one.text for day in days)
    return names_one and incident.day <= one.at.date() <= incident.last_day + _WAKE


def _names_down(one: Observation, dependency: Dependency) -> bool:
    return any(word in f"{one.about} {one.text}".lower() for word in _DOWN[dependency])


def _late(incident: PlannedIncident) -> timedelta:
    late = incident.kind in ("late_feed", "label_delay")
    return timedelta(days=incident.strength) if late else timedelta(0)


def _judged(incident: PlannedIncident, mine: Sequence[Observation], cost: Cost | None) -> Judged:
    expected = incident.expected
    done = tuple(dict.fromkeys(_ACTIONS[one.seen] for one in mine))
    right = [one for one in mine if _ACTIONS[one.seen] in expected.right]
    first = right[0] if right else None
    after = None if first is None else (first.at.date() - incident.day).days
    verdict: Verdict = "not noticed"
    if set(done) & set(expected.wrong):
        verdict = "wrong"
    elif after is not None:
        verdict = "right" if after <= expected.within else "late"
    return Judged(
        incident=incident, noticed=None if first is None else first.at.date(), after=after, done=done, verdict=verdict,
        words="" if first is None else first.text[:300], cost=cost,
    )  # fmt: skip


def _is_alarm(one: Observation) -> bool:
    return one.seen in ("alert", "retrain", "roll_back")
