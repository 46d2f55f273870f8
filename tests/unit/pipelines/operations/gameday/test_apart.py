"""Products in processes of their own: the same incidents and bank, one report; a process that fails is told."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from pipelines.operations.gameday.apart import PartFailed, play_scenario
from pipelines.operations.gameday.report import Report, merged
from pipelines.operations.gameday.scenarios import scenario_of
from pipelines.operations.gameday.stage import UsedHome
from resources.sandbox.judge.record import DayFigures, Observation, Record
from resources.sandbox.judge.timeline import judge
from resources.sandbox.planned.dates import plan_of
from resources.sandbox.planned.incidents import PlannedIncident

TWO_YEARS = scenario_of("two_years")


def planned(products: tuple[str, ...]) -> tuple[PlannedIncident, ...]:
    return plan_of("all", seed=5, first=TWO_YEARS.first, last=TWO_YEARS.last, products=products)


def report_of(product: str) -> Report:
    """Of a process: its product's incidents, the first of which is noticed on its day."""
    alone = TWO_YEARS.alone(product)
    plan = planned(alone.products)
    seen = Observation(
        at=datetime.combine(plan[0].day + timedelta(days=1), time(2), UTC), seen="alert", product=product,
        about=f"validated_{plan[0].source}", text=plan[0].source,
    )  # fmt: skip
    figures = tuple(
        DayFigures(day=TWO_YEARS.first + timedelta(days=n), product=product, requests=9, answered=9, fallbacks=0,
                   accepted=8, champion="1", profit=1.0, perfect=2.0)
        for n in range(3)
    )  # fmt: skip
    record = Record(first=alone.first, last=alone.last, observations=(seen,), figures=figures)
    return Report(
        scenario=alone, seed=5, plan=plan, record=record, timeline=judge(plan, record), regret={product: ()},
        passing={"card": 0.5} if product == "card_fraud" else {}, runs={f"{product}_daily": (3, 0)},
        stated={product: 1.0}, contradictions=(), seconds=10.0, cpu_seconds=9.0,
    )  # fmt: skip


def test_a_process_has_the_incidents_of_its_product_on_the_days_of_the_whole_scenario() -> None:
    together = planned(TWO_YEARS.products)
    parts = [one for product in TWO_YEARS.products for one in planned(TWO_YEARS.alone(product).products)]
    assert sorted(parts, key=lambda one: (one.day, one.name)) == sorted(together, key=lambda one: (one.day, one.name))
    for product in TWO_YEARS.products:
        alone = TWO_YEARS.alone(product)
        assert (alone.products, set(alone.planned)) == ((product,), set(TWO_YEARS.products))
        assert alone.settings(5) == TWO_YEARS.settings(5), "the bank is the same one"
        assert not alone.apart


def test_one_report_of_both_has_all_of_each_in_the_order_of_time() -> None:
    parts = [report_of(product) for product in TWO_YEARS.products]
    found = merged(TWO_YEARS, parts, 12.0)
    assert list(found.plan) == sorted(found.plan, key=lambda one: one.day)
    assert len(found.timeline.judged) == len(parts[0].plan) + len(parts[1].plan)
    for part in parts:
        own = {one.incident: one.verdict for one in part.timeline.judged}
        assert "right" in own.values()
        assert {one.incident: one.verdict for one in found.timeline.judged if one.incident in own} == own
    assert [one.day for one in found.record.figures] == sorted(one.day for one in found.record.figures)
    assert (found.passing, found.seconds, found.cpu_seconds) == ({"card": 0.5}, 12.0, 18.0)
    assert set(found.runs) == {"card_fraud_daily", "credit_risk_daily"}
    assert set(found.to_dict()["alarms"]) == set(TWO_YEARS.products)


def test_a_home_with_content_is_refused_before_any_process_begins(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsedHome, match="name an empty folder"):
        play_scenario(TWO_YEARS, 1, tmp_path, {}, lambda _: None)


def test_a_process_that_fails_is_told_by_product(tmp_path: Path) -> None:
    """A real process: of a product that is none."""
    told: list[str] = []
    scenario = replace(TWO_YEARS, products=("no_product",), history=100, days=2, customers=50, cards=20, terminals=20)
    with pytest.raises(PartFailed, match=r"game day two_years, product no_product: .*no_product"):
        play_scenario(scenario, 1, tmp_path / "home", {}, told.append)
