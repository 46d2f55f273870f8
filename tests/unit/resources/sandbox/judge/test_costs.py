"""What an incident cost, beside the quiet days before it."""

from dataclasses import replace
from datetime import date, timedelta

from resources.sandbox.judge.costs import cost_of
from resources.sandbox.judge.record import DayFigures
from resources.sandbox.planned.incidents import PlannedIncident

FIRST = date(2026, 3, 1)
OUTAGE = PlannedIncident(
    kind="outage", day=date(2026, 3, 11), last_day=date(2026, 3, 12), product="card_fraud", dependency="decisions"
)
EARLIER = PlannedIncident(
    kind="bad_feed", day=date(2026, 3, 4), last_day=date(2026, 3, 4), product="card_fraud", source="fraud_labels"
)


def figures(lost: dict[date, float], product: str = "card_fraud") -> list[DayFigures]:
    days = [FIRST + timedelta(days=number) for number in range(14)]
    return [
        DayFigures(day=day, product=product, requests=9, answered=9, fallbacks=0, accepted=8, champion="1",
                   profit=100.0 - lost.get(day, 10.0), perfect=100.0)
        for day in days
    ]  # fmt: skip


def test_an_incident_costs_what_its_days_lose_beyond_the_quiet_days_before() -> None:
    lost = {date(2026, 3, 11): 60.0, date(2026, 3, 12): 30.0, date(2026, 3, 13): 99.0, EARLIER.day: 70.0}
    found = cost_of(OUTAGE, (EARLIER, OUTAGE), figures(lost))
    assert found is not None
    assert (found.eur, found.error, found.days) == (70.0, 0.0, 2), (
        "neither the days after it nor another incident count"
    )
    busy = [
        replace(one, profit=2 * one.profit, perfect=200.0) if one.day == OUTAGE.last_day else one for one in figures({})
    ]
    twice = cost_of(OUTAGE, (OUTAGE,), busy)
    assert twice is not None
    assert twice.eur == 0.0, "a day on which twice as much could be earned loses twice as much"
    noisy = cost_of(OUTAGE, (OUTAGE,), figures(lost))
    assert noisy is not None
    assert noisy.error > 0


def test_without_quiet_days_before_it_no_cost_is_known() -> None:
    assert cost_of(EARLIER, (EARLIER,), figures({})) is not None
    assert cost_of(EARLIER, (EARLIER,), figures({})[2:]) is None
    assert cost_of(OUTAGE, (OUTAGE,), figures({}, product="credit_risk")) is None
