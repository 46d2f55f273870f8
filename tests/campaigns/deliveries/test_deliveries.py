"""Deliveries of every kind: published right, quarantined with the reason, or refused with source, day and remedy.

Belongs here: what a run of the campaign must show. Does not belong here: deliveries (`generator.py`), the judgement of
one (`judge.py`).

Every day one delivery of each fourth kind; with LOOPLINE_CAMPAIGN=1 five of each kind. LOOPLINE_CAMPAIGN_SEED
gives another seed.
"""

import os
from collections.abc import Iterator
from datetime import date
from itertools import islice

import pytest

from assets.materialising import asset_key
from tests.campaigns.deliveries.generator import KINDS, deliveries
from tests.campaigns.deliveries.judge import Shop, judged, opened_shop

CAMPAIGN = os.environ.get("LOOPLINE_CAMPAIGN") == "1"
SEED = int(os.environ.get("LOOPLINE_CAMPAIGN_SEED", "1"))
ROUNDS = 5 if CAMPAIGN else 1

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200 if CAMPAIGN else 300)]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with opened_shop(tmp_path_factory.mktemp("deliveries") / "home") as opened:
        yield opened


def test_one_seed_gives_the_same_deliveries_again() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    first = list(deliveries(SEED, 1))
    assert first == list(deliveries(SEED, 1))
    assert first[:10] != list(islice(deliveries(SEED + 1, 1), 10))


def test_the_sums_of_rows_are_checked_for_every_source(shop: Shop) -> None:
    """A check that blocks: nothing downstream of a day whose rows do not balance runs."""
    graph = shop.definitions.resolve_asset_graph()
    for source in shop.product.sources:
        key = asset_key(shop.product, f"validated_{source.name}")
        (balance,) = [found for found in graph.asset_check_keys if found.asset_key == key and found.name == "balance"]
        assert graph.get(balance).blocking


def test_deliveries(shop: Shop) -> None:
    """Each has its outcome, and no row is lost; then the features of the days stand."""
    cases = [case for n, case in enumerate(deliveries(SEED, ROUNDS)) if CAMPAIGN or n % 4 == 1]
    faults = [fault for case in cases for fault in judged(shop, case)]
    if faults:
        pytest.fail(f"{len(faults)} faults:\n" + "\n".join(faults), pytrace=False)
    valid = shop.lake.days(f"{shop.product.name}/validated_csv")
    days: tuple[date, date] = valid[0], valid[-1]
    shop.make(days, "features")
    for day in valid:
        assert len(shop.rows_of("features", day)) == len(shop.rows("validated", "csv", day))
