"""False alarms a year of every judge, on years of the sandbox's bank in which nothing happens.

Without Dagster: rows, counts and verdicts alone. `LOOPLINE_CAMPAIGN_SEEDS` seeds (20), `LOOPLINE_CAMPAIGN_DAYS` days of
operation each (730). Every alarm is printed, and the table of them is left in build/test-output.
"""

import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import pandas as pd
import pytest
from scipy.stats import poisson

from pipelines.operations.gameday.scenarios import scenario_of
from pipelines.products import load_product
from resources.environments import CHECKOUT
from tests.support.processes.killing import CAMPAIGN
from tests.support.quiet_bank.alarms import Alarm, alarms
from tests.support.quiet_bank.rows import quiet_rows

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(6 * 3600),
    pytest.mark.skipif(not CAMPAIGN, reason="hours: LOOPLINE_CAMPAIGN=1"),
]

SEEDS = int(os.environ.get("LOOPLINE_CAMPAIGN_SEEDS", "20"))
DAYS = int(os.environ.get("LOOPLINE_CAMPAIGN_DAYS", "730"))
SCENARIO = replace(scenario_of("quiet"), days=DAYS)
PRODUCTS = tuple(SCENARIO.played(load_product(name)) for name in SCENARIO.products)
RETRAINS = ("drift retrain", "performance")


def alarms_of(seed: int) -> list[Alarm]:
    """All alarms of a seed."""
    rows = quiet_rows(PRODUCTS, SCENARIO.settings(seed), SCENARIO.keenness)
    return [one for product in PRODUCTS for one in alarms(product, rows[product.name], SCENARIO.first, SCENARIO.last)]


@pytest.fixture(scope="module")
def found() -> pd.DataFrame:
    with ProcessPoolExecutor(max_workers=os.cpu_count(), mp_context=get_context("spawn")) as pool:
        rows = [
            {"seed": seed, **vars(one)}
            for seed, of_seed in enumerate(pool.map(alarms_of, range(1, SEEDS + 1)), start=1)
            for one in of_seed
        ]
    table = pd.DataFrame(rows, columns=["seed", "product", "judge", "subject", "day", "text"])
    folder = CHECKOUT / "build" / "test-output"
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / "quiet_years.csv", index=False)
    with pd.option_context("display.max_colwidth", 160, "display.width", 250):
        print("\n" + table.drop(columns="text").to_string())
    years = SEEDS * DAYS / 365
    print((table.groupby(["product", "judge"]).size() / years).round(3).rename("alarms a year").to_string())
    return table


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda one: one.name)
def test_alarms_are_at_most_the_stated_number_a_year(found: pd.DataFrame, product: object) -> None:
    """The most that the stated number gives in all but one of a hundred campaigns."""
    name, stated = product.name, product.monitoring.false_alarms_a_year  # type: ignore[attr-defined]
    count = int((found["product"] == name).sum())
    most = int(poisson.ppf(0.99, stated * SEEDS * DAYS / 365))
    told = Counter(found[found["product"] == name]["judge"])
    assert count <= most, f"{name}: {count} alarms in {SEEDS} times {DAYS} days, {stated:g} a year allow {most}: {told}"


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda one: one.name)
def test_at_most_one_retraining_a_quarter_beside_the_schedule(found: pd.DataFrame, product: object) -> None:
    own = found[(found["product"] == product.name) & found["judge"].isin(RETRAINS)]  # type: ignore[attr-defined]
    quarter = [(day - SCENARIO.first).days // 91 for day in own["day"]]
    assert max(Counter(zip(own["seed"], quarter, strict=True)).values(), default=0) <= 1
