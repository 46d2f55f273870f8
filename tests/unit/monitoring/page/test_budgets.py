"""Error budgets by the definitions of the objectives, from the decision log and the lake alone."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from assets.monitoring.page.budgets import ErrorBudget, error_budgets, late_share
from assets.serving.decision import Decision
from assets.serving.log.decision_log import read_day
from pipelines.credit_risk.product import PRODUCT
from resources.lake import Lake
from resources.objectives import objectives
from tests.support.models.decision_samples import another, write

DAY = date(2026, 9, 30)
CLOCK = datetime(2026, 10, 1, 12, tzinfo=UTC)


def at(day: date, **changes: object) -> Decision:
    return another(decided_at=datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=9), **changes)


def budgets(lake: Lake, log: Path, until: date = DAY) -> dict[str, ErrorBudget]:
    return {one.objective.name: one for one in error_budgets(PRODUCT, lake, log, objectives(), until, CLOCK)}


def test_fallbacks_spend_the_budget_of_thirty_days(tmp_path: Path) -> None:
    """Shadows, void decisions and those of earlier days count nowhere."""
    good, bad = [at(DAY) for _ in range(299)], at(DAY, fallback="scorecard", problem="the store is away")
    shadow, old = at(DAY, role="shadow", fallback="policy"), at(DAY - timedelta(days=30), fallback="policy")
    void = at(DAY, fallback="policy")
    write(tmp_path / "log", *good, bad, shadow, old, void, replace(void, void=True))
    found = budgets(Lake(str(tmp_path / "lake")), tmp_path / "log")["decided_by_the_model"]
    assert found.bad == pytest.approx(1 / 300)
    assert found.left == pytest.approx(1 - (1 / 300) / 0.01)
    assert found.over == "1 of 300 decisions from 2026-09-01 to 2026-09-30"


def test_days_that_the_table_has_are_not_counted_twice(tmp_path: Path) -> None:
    lake, log = Lake(str(tmp_path / "lake")), tmp_path / "log"
    before = DAY - timedelta(days=1)
    write(log, at(before), at(before, fallback="policy"), at(DAY))
    table = read_day(log, PRODUCT.name, before)
    table = table.append_column("day", pa.array([before] * table.num_rows, pa.date32()))
    lake.replace(f"{PRODUCT.name}/decisions", table, days=[before])
    found = budgets(lake, log)["decided_by_the_model"]
    assert found.over == "1 of 3 decisions from 2026-09-01 to 2026-09-30"
    assert found.left is not None
    assert found.left < 0, "more than all of it was spent"


def test_what_nobody_recorded_is_unknown_and_not_whole(tmp_path: Path) -> None:
    found = budgets(Lake(str(tmp_path / "lake")), tmp_path / "log")
    assert {name: one.left for name, one in found.items()} == dict.fromkeys(found)
    assert found["within_100_ms"].over == "only the metrics of the service tell it (dashboard: service)"
    assert found["decided_by_the_model"].over == "no decision was answered from 2026-09-01 to 2026-09-30"
    assert found["day_made_by_six"].over.startswith("no day was made before 2026-10-01 12:00")


def test_a_day_that_is_made_late_spends_the_time_until_it_is_made() -> None:
    """The limit is that of the objective: 30 hours after the end of a day the next one must be made."""
    (objective,) = [one for one in objectives() if one.recorded == "table_ends"]
    limit = timedelta(seconds=objective.limit)
    assert limit == timedelta(hours=30)
    assert f"> bool {objective.limit:g}" in objective.query
    first = datetime(2026, 9, 1, tzinfo=UTC)

    def made(days_late: float) -> list[tuple[datetime, datetime]]:
        """A day each night at 02:00 of the next one, and the tenth so much later."""
        ends = [first + timedelta(days=day) for day in range(1, 31)]
        late = timedelta(days=days_late)
        return [(end + timedelta(hours=2) + (late if place == 9 else timedelta()), end)
                for place, end in enumerate(ends[:10])] + [
                    (end + timedelta(hours=2), end) for end in ends[10:] if end > ends[9] + late]  # fmt: skip

    until = first + timedelta(days=30)
    assert late_share(made(0.0), limit, first, until) == 0
    assert late_share(made(0.5), limit, first, until) * 30 * 24 == pytest.approx(8.0), "from 06:00 to 14:00"
    assert late_share([(first, first)], limit, first, until) == pytest.approx(1 - 30 / 720), "nothing is made any more"


def test_each_objective_is_one_that_prometheus_has_too() -> None:
    known = objectives()
    assert {one.recorded for one in known} == {"fallbacks", "table_ends", "nothing"}
    assert 'fallback!="none"' in next(one for one in known if one.recorded == "fallbacks").errors
    assert 'table="features"' in next(one for one in known if one.recorded == "table_ends").bad
