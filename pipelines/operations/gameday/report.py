"""The report of a game day: what was planned, what followed, what was stated.

Belongs here: the report, its standards, its JSON, one report of several products that were played apart. Does not
belong here: playing (`play.py`), the judgement (`resources.sandbox.judge`), the page (`page.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.operations.gameday.scenarios import Scenario
from resources.sandbox.judge.record import Record
from resources.sandbox.judge.regret import Compared
from resources.sandbox.judge.standards import Alarms, alarms_of, shortfalls
from resources.sandbox.judge.timeline import Timeline, judge
from resources.sandbox.planned.incidents import PlannedIncident


@dataclass(frozen=True, kw_only=True)
class Report:
    """A game day that was played.

    Attributes:
        regret: By product, what the times of its trainings earned beside the best ones.
        passing: By way of fraud, the share that passed lately; fraudsters move to the larger ones.
        runs: By job, how many runs there were and how many failed.
        stated: By product, the false alarms a year that it allows.
        contradictions: Between tables at the end, a sentence each.
        seconds: Of this machine; `cpu_seconds` of this process and its ended children.
    """

    scenario: Scenario
    seed: int
    plan: tuple[PlannedIncident, ...]
    record: Record
    timeline: Timeline
    regret: Mapping[str, tuple[Compared, ...]]
    passing: Mapping[str, float]
    runs: Mapping[str, tuple[int, int]]
    stated: Mapping[str, float]
    contradictions: tuple[str, ...]
    seconds: float
    cpu_seconds: float

    @property
    def alarms(self) -> dict[str, Alarms]:
        """By product, the alerts that speak of no incident."""
        days = (self.record.last - self.record.first).days + 1
        return {
            name: alarms_of([one for one in self.timeline.unexplained if one.product == name], stated, days)
            for name, stated in self.stated.items()
        }

    @property
    def shortfalls(self) -> tuple[str, ...]:
        """Where the game day falls short of what was stated, beside its incidents; a sentence each."""
        return (*shortfalls(self.alarms, self.timeline.unexplained, self.regret), *self.contradictions)

    @property
    def holds(self) -> bool:
        """Whether each incident was noticed in time and answered rightly, and nothing falls short."""
        return self.timeline.count("right") == len(self.timeline.judged) and not self.shortfalls

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        verdicts = {name: self.timeline.count(name) for name in ("right", "late", "wrong", "not noticed")}
        return {
            "scenario": self.scenario.name, "seed": self.seed, "first": str(self.record.first),
            "last": str(self.record.last), "holds": self.holds, "verdicts": verdicts,
            "timeline": [one.to_dict() for one in self.timeline.judged],
            "regret": {name: [one.to_dict() for one in found] for name, found in self.regret.items()},
            "shortfalls": list(self.shortfalls),
            "alarms": {name: {**vars(one), "about": dict(one.about)} for name, one in self.alarms.items()},
            "passing": {way: round(share, 3) for way, share in self.passing.items()},
            "unexplained": [one.to_dict() for one in self.timeline.unexplained],
            "observations": [one.to_dict() for one in self.record.observations],
            "figures": [{**vars(one), "day": str(one.day)} for one in self.record.figures],
            "runs": {job: {"runs": all_, "failed": failed} for job, (all_, failed) in self.runs.items()},
            "seconds": round(self.seconds, 1), "cpu_seconds": round(self.cpu_seconds, 1),
        }  # fmt: skip


def merged(scenario: Scenario, reports: Sequence[Report], seconds: float) -> Report:
    """The report of a scenario whose products were played apart.

    Args:
        reports: One or more of each product, in the order of the scenario's products.
        seconds: Of this machine, from the first beginning to the last end.
    """
    first = reports[0]
    plan = tuple(sorted((one for report in reports for one in report.plan), key=lambda one: one.day))
    seen = [one for report in reports for one in report.record.observations]
    figures = [one for report in reports for one in report.record.figures]
    record = Record(
        first=first.record.first, last=first.record.last, observations=tuple(sorted(seen, key=lambda one: one.at)),
        figures=tuple(sorted(figures, key=lambda one: one.day)),
    )  # fmt: skip
    return Report(
        scenario=scenario, seed=first.seed, plan=plan, record=record, timeline=judge(plan, record),
        regret={name: found for report in reports for name, found in report.regret.items()},
        passing={way: share for report in reports for way, share in report.passing.items()},
        runs={job: counts for report in reports for job, counts in report.runs.items()},
        stated={name: one for report in reports for name, one in report.stated.items()},
        contradictions=tuple(words for report in reports for words in report.contradictions),
        seconds=seconds, cpu_seconds=sum(report.cpu_seconds for report in reports),
    )  # fmt: skip
