"""Days that were made from other content than the present one are made again, and nothing else is."""

import csv
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from pipelines.jobs import DATA, WATCH
from pipelines.operations.data.tables import product_tables
from pipelines.operations.loop import product_jobs
from pipelines.operations.loop.product_jobs import ProductJobs
from pipelines.partitions import partitions_of
from pipelines.products import load_product
from resources.rollout_store.store import RolloutStore
from tests.integration.conftest import SETTINGS, Small
from tests.support.models.champions import crown

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

PRODUCT = load_product("card_fraud")
MADE = ["raw_card_transactions", "raw_fraud_labels", "validated_card_transactions", "validated_fraud_labels"]
DAYS = [SETTINGS.first_day + timedelta(days=31 + n) for n in range(9)]
ALL = DAYS[0], DAYS[-1]
SECOND = DAYS[1]
Hashes = dict[str, dict[str, str]]


def change_amounts(small: Small, day: date) -> None:
    """The file of the day comes again, with other amounts of some payments."""
    path = small.landing_file("card_transactions", day)
    with path.open(newline="") as lines:
        header, *rows = list(csv.reader(lines))
    amount = header.index("amount")
    for row in rows[:40]:
        row[amount] = f"{float(row[amount]) + 7:.2f}"
    with path.open("w", newline="") as lines:
        csv.writer(lines).writerows([header, *rows])


def hashes(small: Small) -> Hashes:
    """For each table the canonical hash of each day."""
    return {table.name: table.hashes for table in product_tables(small.lake, small.product)}


def changed(before: Hashes, after: Hashes, table: str) -> list[date]:
    return [day for day in DAYS if before[table].get(f"{day}") != after[table].get(f"{day}")]


def champion_digest(small: Small) -> str:
    manifest = RolloutStore.open(small.environment.rollout, small.environment.home / "fetched").read_manifest(
        "card_fraud"
    )
    assert manifest is not None
    return manifest.champion.digest


def test_what_was_made_of_changed_days_is_made_again(
    small: Callable[[str], Small], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a run that was killed when it had validated a day: its features, those that look back on it, and the
    scores, outcomes and figures that come of them."""
    bank = small("card_fraud")
    monkeypatch.setattr(product_jobs, "load_definitions", lambda _: bank.definitions)
    crown(PRODUCT, bank.environment, tmp_path)
    jobs = ProductJobs(PRODUCT, partitions_of(PRODUCT, bank.environment), bank.instance, bank.lake)

    def rest() -> tuple[set[str], set[str]]:
        """What a run of the loop does of the daily assets."""
        data = jobs.run_days(DATA, ALL, again=False)
        watched = jobs.run_days(
            WATCH, (DAYS[4], DAYS[-1]), again=False, stale_from=DAYS[0], judge=champion_digest(bank)
        )
        return set(data), set(watched)

    watch = (
        "scores", "batch_outcomes", "distributions", "attributions", "separation", "drift", "batch_performance",
        "anomalies", "vintages", "calibration", "estimated_performance", "kpis", "group_performance",
        "fingerprints", "data_faults", "consistency", "retraining",
    )  # fmt: skip
    bank.make(*ALL, *MADE, "features", *watch, "decisions", "outcomes", "performance")
    assert rest() == (set(), set())
    whole = hashes(bank)

    # Equal content, in new versions.
    bank.make(SECOND, SECOND, *MADE, "features")
    assert rest() == (set(), set())

    change_amounts(bank, SECOND)
    bank.make(SECOND, SECOND, *MADE)
    data, watched = rest()
    assert data == {"features"}
    assert watched >= set(watch)
    mended = hashes(bank)
    assert changed(whole, mended, "validated_card_transactions") == [SECOND]
    assert changed(whole, mended, "features")[:2] == [SECOND, DAYS[2]], "windows of later days have the payments too"
    assert changed(whole, mended, "scores")[0] == SECOND, "a stale day is made again, however old it is"
    assert changed(whole, mended, "batch_outcomes") == [DAYS[8]], "seven days later the label is final"
    assert changed(whole, mended, "drift")
    assert rest() == (set(), set())

    bank.make(*ALL, "features", *watch)
    assert hashes(bank) == mended, "nothing stale was left"
    assert rest() == (set(), set())
