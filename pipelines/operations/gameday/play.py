"""Playing a scenario: from an empty home to the judge's report.

Belongs here: the history before the first day, the first model, the days, what is handed to the judge. Does not belong
here: one day (`day.py`), the judgement (`resources.sandbox.judge`), output (`pipelines.cli`).
"""

import resource
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from datetime import time as of_day
from pathlib import Path

from assets.materialising import asset_key
from assets.monitoring.faults.recognition import MONTHS_BEFORE
from assets.product.names import FINGERPRINTS
from pipelines.jobs import DATA, daily_name, retrain_name
from pipelines.operations.gameday.callers import Callers
from pipelines.operations.gameday.challengers import bring_bad, bring_unfair
from pipelines.operations.gameday.day import Operation
from pipelines.operations.gameday.handed_over import rows_of
from pipelines.operations.gameday.outages import Dependencies
from pipelines.operations.gameday.people import OnCall
from pipelines.operations.gameday.report import Report
from pipelines.operations.gameday.scenarios import Scenario
from pipelines.operations.gameday.stage import Played, Stage, staged
from pipelines.operations.gameday.tables import contradictions
from pipelines.operations.loop.run_job import run_job
from resources.sandbox.judge.record import STAKES, Record
from resources.sandbox.judge.regret import Compared, compared, earned_by_period, period_days, periods_of
from resources.sandbox.judge.timeline import judge
from resources.sandbox.planned.dates import plan_of
from resources.sandbox.planned.incidents import PlannedIncident

Progress = Callable[[str], None]
_TELL_EVERY = 10


def play(scenario: Scenario, seed: int, home: Path, variables: Mapping[str, str], progress: Progress) -> Report:
    """Plays a scenario in an empty home.

    Args:
        seed: Of the bank, of the incidents' dates, and of everything else that is drawn.
        variables: Environment variables; the ports are taken from them.

    Raises:
        UsedHome: The home has content.
        RunFailed: The history could not be made, or no first model passed its gates.
    """
    started, busy = time.perf_counter(), _cpu_seconds()
    everything = plan_of(scenario.plan, seed=seed, first=scenario.first, last=scenario.last, products=scenario.planned)
    plan = tuple(one for one in everything if one.product in scenario.products)
    with staged(scenario, seed, everything, home, variables) as stage:
        _live_through(stage, progress)
        dependencies = Dependencies(stage.environment, scenario.products)
        with dependencies.running("bureau"):
            for one in stage.played:
                progress(f"{one.product.name}: the history, and a first model")
                _begin(stage, one)
        with dependencies.running("bureau", "decisions"):
            _operate(stage, dependencies, plan, seed, progress)
        record = stage.recorder.record(scenario.first, scenario.last)
        regret = {one.product.name: _regret(stage, one, record) for one in stage.played}
        passing = dict(stage.bank.fraudsters.passing) if scenario.watches_cards else {}
        runs = {job: (counts[0], counts[1]) for job, counts in stage.recorder.runs.items()}
        stated = {one.product.name: one.product.monitoring.false_alarms_a_year for one in stage.played}
        contradicting = tuple(words for one in stage.played for words in contradictions(one.product, stage.lake))
    return Report(
        scenario=scenario, seed=seed, plan=plan, record=record, timeline=judge(plan, record), regret=regret,
        passing=passing, runs=runs, stated=stated, contradictions=contradicting,
        seconds=time.perf_counter() - started, cpu_seconds=_cpu_seconds() - busy,
    )  # fmt: skip


def _live_through(stage: Stage, progress: Progress) -> None:
    """The days before the first one."""
    scenario = stage.scenario
    progress(f"the bank lives through {scenario.history} days before {scenario.first}")
    for number in range(scenario.history):
        stage.bank.live_through(scenario.start + timedelta(days=number))
    stage.clock.set(datetime.combine(scenario.first, of_day(0, 30), UTC))


def _begin(stage: Stage, one: Played) -> None:
    """The history from the sources to the features, and the first model, which decides at once.

    The last months have fingerprints, as those have that `loopline run` makes: what comes once a month would else be
    new, and a fault, on the first day of operation that has it.
    """
    days = (one.product.start, stage.scenario.first - timedelta(days=1))
    graph = one.definitions.resolve_asset_graph()
    keys = [
        key for key in graph.get_all_asset_keys() if graph.get(key).is_executable and graph.get(key).group_name in DATA
    ]
    run_job(one.definitions, stage.instance, daily_name(one.product), days=days, selection=keys)
    months = (max(days[0], stage.scenario.first - timedelta(days=MONTHS_BEFORE)), days[1])
    prints = [asset_key(one.product, FINGERPRINTS)]
    run_job(one.definitions, stage.instance, daily_name(one.product), days=months, selection=prints)
    run_job(one.definitions, stage.instance, retrain_name(one.product))


def _operate(
    stage: Stage, dependencies: Dependencies, plan: tuple[PlannedIncident, ...], seed: int, progress: Progress
) -> None:
    """The days of operation. The plan is used to take dependencies away and to bring challengers, for nothing else."""
    callers = {one.product.name: Callers(one.product, stage.environment) for one in stage.played}
    operation, brought = Operation(stage, callers, seed, OnCall(stage)), set[PlannedIncident]()
    for number in range(stage.scenario.days):
        day = stage.scenario.first + timedelta(days=number)
        dependencies.set_down(frozenset(one.dependency for one in plan if one.dependency and one.covers(day)))
        _bring(stage, plan, brought, day)
        operation.day(day, lambda: dependencies.set_down(frozenset()))
        if number % _TELL_EVERY == 0:
            progress(f"{day}: {len(stage.recorder.observations)} observations, {_cpu_seconds():.0f} s of processor")


def _bring(stage: Stage, plan: tuple[PlannedIncident, ...], brought: set[PlannedIncident], day: date) -> None:
    """The challengers that people bring on a day; while another rollout is under way, they come again the next day."""
    stage.clock.set(datetime.combine(day, of_day(0, 5), UTC))
    for incident in plan:
        one = next((one for one in stage.played if one.product.name == incident.product), None)
        if one is None or incident in brought or not incident.covers(day):
            continue
        if incident.kind == "bad_challenger" and bring_bad(one.product, stage.environment, stage.clock.now()):
            brought.add(incident)
        if incident.kind == "unfair_challenger":
            words = bring_unfair(one.product)
            if words:
                stage.recorder.refused(one.product, words)
            brought.add(incident)


def _regret(stage: Stage, one: Played, record: Record) -> tuple[Compared, ...]:
    """What the times of a product's trainings earned."""
    scenario, product = stage.scenario, one.product
    rows = rows_of(product, stage.lake, stage.bank.truth(product.name), scenario.first)
    earned = earned_by_period(rows, scenario.days, STAKES[product.name])
    loop, on_drift = (
        periods_of(record.observations, product.name, scenario.first, scenario.days, off_schedule=off_schedule)
        for off_schedule in (False, True)
    )
    return compared(earned, loop, on_drift, period=period_days(scenario.days))


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
