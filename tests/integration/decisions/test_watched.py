"""A real Prometheus scrapes the decision service and the stream follower, and answers every rule and every panel."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.credit_risk.product import PRODUCT as CREDIT
from pipelines.services.figures import FigureMetrics
from pipelines.services.stream_health import StreamHealth, serve_health
from resources.lake import Lake
from resources.objectives import objectives
from resources.processes.loops import LoopHealth
from tests.graph.test_watching import RULES, queries
from tests.support.data.figured_lake import fill
from tests.support.models.serving_samples import PRODUCT, REQUEST, sample_parts
from tests.support.servers.ports import free_port
from tests.support.servers.prometheus_server import Prometheus, needs_prometheus, scraping
from tests.support.servers.serving_process import Service, Workspace

pytestmark = [pytest.mark.slow, needs_prometheus]

# What the scenario does not bring about: two processes that are well, a champion alone, and half a minute of history.
QUIET = (
    *("challenger_share", "loopline_bundle_load_failures", "loopline_guard_rollbacks", "loopline_shadow_failures"),
    *("loopline_events_total", "loopline_posted_rows", "loopline_rule_hits", "loopline_stream_not_followed{"),
    *("loopline_performance{", "loopline_reviewers_", "loopline_review_queue_cases"),
)


@dataclass(frozen=True)
class OneStream:
    """A stream that is followed, 2 s behind."""

    def health(self) -> tuple[StreamHealth, ...]:
        return (StreamHealth("loans/payments", None, lag_seconds=2.0, messages_behind=3),)

    def loop_health(self) -> LoopHealth:
        return LoopHealth("streams", 0, None, 0.0, False)

    def silent_seconds(self) -> float:
        return 0.0


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Prometheus after a few scrapes of a service that decides and refuses."""
    home = tmp_path_factory.mktemp("home")
    workspace = Workspace(home)
    workspace.variables["LOOPLINE_OPEN_METRICS"] = "1"
    workspace.roll_out(workspace.publish(sample_parts("1")))
    lake, stream = Lake(str(home / "lake")), free_port()
    fill(lake, CREDIT.name)
    figures = FigureMetrics([CREDIT], lake)
    with (
        Service(workspace) as service,
        serve_health(OneStream(), "127.0.0.1", stream, figures),
        scraping(tmp_path_factory.mktemp("prometheus"), {"decisions": workspace.port, "stream": stream}, list(RULES))
        as server,
    ):  # fmt: skip
        service.wait_until_ready()
        ends = time.monotonic() + 90
        while len({one["metric"]["objective"] for one in server.ask("loopline:error_budget_left")}) < len(objectives()):
            assert time.monotonic() < ends, server.ask('{__name__=~"loopline.*"}')
            service.post("/decide", {"product": PRODUCT, "request": REQUEST})
            service.post("/decide", {"product": "unknown", "request": {}})
            time.sleep(0.2)
        yield server


def test_both_processes_are_scraped(prometheus: Prometheus) -> None:
    assert {one["metric"]["job"]: one["value"][1] for one in prometheus.ask("up")} == {"decisions": "1", "stream": "1"}


def test_every_rule_is_evaluated_without_an_error(prometheus: Prometheus) -> None:
    groups = prometheus.get("rules")["groups"]
    states = {rule["name"]: (rule["health"], rule.get("lastError", "")) for group in groups for rule in group["rules"]}
    assert {name: state for name, state in states.items() if state[0] != "ok"} == {}


def test_every_query_is_answered_and_those_that_should_have_data_have(prometheus: Prometheus) -> None:
    empty = []
    for where, query in queries():
        asked = query.replace("$product", ".*")
        for window in ("[5m]", "[15m]", "[1h]"):  # of a counter that began seconds ago
            asked = asked.replace(window, "[30s]")
        if not prometheus.ask(asked) and ": " in where:
            empty.append((where, query))
    missing = [one for one in empty if not any(name in one[1] for name in QUIET)]
    assert missing == []


def test_a_machine_that_is_well_calls_nobody(prometheus: Prometheus) -> None:
    """But for the tables, whose last day is long past, and so is the history of events of the sample."""
    firing = {one["labels"]["alertname"] for one in prometheus.get("alerts")["alerts"]}
    assert firing <= {"DayLate", "EventsOld", "GroupsAcceptedUnequally", "ErrorBudgetBurns", "ErrorBudgetBurnsFast"}
    burning = prometheus.ask('ALERTS{alertname=~"ErrorBudgetBurns.*"}')
    assert {one["metric"]["objective"] for one in burning} <= {"day_made_by_six"}


def test_groups_that_are_accepted_unequally_are_noticed(prometheus: Prometheus) -> None:
    """Of women 80% and of men 60%: 75% is less than the gate's four fifths."""
    noticed = prometheus.ask('ALERTS{alertname="GroupsAcceptedUnequally"}')
    assert {one["metric"]["attribute"] for one in noticed} == {"sex", "age"}
    assert {one["metric"]["product"] for one in noticed} == {CREDIT.name}


def test_the_figures_of_the_tables_are_shown(prometheus: Prometheus) -> None:
    def value(query: str) -> float:
        (series,) = prometheus.ask(query)
        return float(series["value"][1])

    assert value('loopline_feature_drift{feature="income"}') == 0.31
    assert value('loopline_day_rows{source="applications"}') == 19
    assert value('loopline_performance{figure="auc"}') == 0.71
    age = timedelta(seconds=time.time() - value("loopline_figures_read_seconds"))
    assert age < timedelta(minutes=5)
    assert value('loopline_table_end_seconds{table="features"}') == datetime(2026, 10, 1, tzinfo=UTC).timestamp()


def test_figures_that_cannot_be_read_leave_the_last_ones_and_say_so(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    fill(lake, CREDIT.name)
    figures = FigureMetrics([CREDIT], lake)
    figures._turn()
    for log in (tmp_path / CREDIT.name / "drift" / "_delta_log").iterdir():
        log.write_text("{]")
    figures.loop._once()
    assert figures.loop.health().problem is not None
    shown = {sample.name for family in figures.collect() for sample in family.samples}
    assert "loopline_feature_drift" in shown
