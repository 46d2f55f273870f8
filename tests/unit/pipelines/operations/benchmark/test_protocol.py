"""The published card protocol: folds, known cards, card precision; and what a run may look at."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from assets.training.rows.learning import TrainingRows
from pipelines.operations.benchmark.choice import choose_model, score_fold
from pipelines.operations.benchmark.looks import DamagedRecord, count_look
from pipelines.operations.benchmark.protocol import (
    FIRST_TEST_DAY,
    TEST_STARTS,
    VALIDATION_STARTS,
    figures_of,
    fold_of,
)
from pipelines.operations.benchmark.published_cards import (
    NoPublishedData,
    PublishedCards,
    data_folder,
    day_number,
    published_cards,
)
from pipelines.products import load_product
from tests.unit.features.kernel.test_kernel_protocol import DATA

START = date(2018, 6, 20)
FIRST = day_number(START)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def transactions(*rows: tuple[int, int, int]) -> PublishedCards:
    """Transactions of (day after START, card, fraud)."""
    day, card, fraud = np.array(rows, np.int64).T
    matrix = np.zeros((len(rows), 1), np.float32)
    moments = (day + FIRST + np.datetime64("2018-04-01")).astype("datetime64[us]")
    known = TrainingRows(matrix, ("a",), ("a",), fraud.astype(np.int8), moments, np.arange(len(rows)))
    return PublishedCards(known, day + FIRST, card)


def test_a_fold_trains_a_week_and_tests_the_week_after_the_next() -> None:
    cards = transactions((-1, 1, 0), (0, 1, 0), (6, 1, 0), (7, 1, 0), (13, 1, 0), (14, 1, 0), (20, 1, 0), (21, 1, 0))
    fold = fold_of(cards, START)
    assert fold.train.tolist() == [1, 2]
    assert fold.test.tolist() == [5, 6]


def test_cards_are_not_tested_once_their_fraud_is_known() -> None:
    cards = transactions(
        (3, 1, 1), (7, 2, 1), (14, 1, 0), (14, 2, 0), (14, 3, 0), (15, 1, 1), (15, 2, 1), (15, 3, 0), (16, 4, 1),
    )  # fmt: skip
    tested = fold_of(cards, START).test
    assert tested.tolist() == [3, 4, 7, 8], "card 1 is known from training, card 2 from the day eight days before"


def test_card_precision_takes_each_cards_highest_score_and_drops_cards_that_were_found() -> None:
    first = [(14, card, int(card < 10)) for card in range(150)]
    second = [(15, card, int(card < 20)) for card in range(150)]
    cards = transactions(*first, *second)
    rows = np.arange(300)
    scores = 1.0 - cards.card / 1_000
    # The 10 of the first day are found; of the second day's 100 highest the other 10 are.
    assert figures_of(cards, rows, scores).card_precision == pytest.approx((0.10 + 0.10) / 2)


def test_a_choice_is_refused_the_test_period() -> None:
    cards = transactions((0, 1, 0), (FIRST_TEST_DAY - FIRST, 1, 1))
    with pytest.raises(ValueError, match="test period"):
        choose_model(cards, load_product("card_fraud").model, lambda _: None)
    assert cards.before(FIRST_TEST_DAY).day.tolist() == [FIRST]


def test_no_validation_week_reaches_the_test_period() -> None:
    assert max(map(day_number, VALIDATION_STARTS)) + 21 <= FIRST_TEST_DAY


def test_looks_at_the_test_period_are_counted(tmp_path: Path) -> None:
    assert [count_look(tmp_path, "card_fraud", model, NOW) for model in ("one", "two", "two")] == [1, 2, 3]
    record = json.loads((tmp_path / "benchmarks" / "card_fraud.json").read_text())
    assert [look["model"] for look in record["test_period_looked_at"]] == ["one", "two", "two"]
    (tmp_path / "benchmarks" / "card_fraud.json").write_text("{}")
    with pytest.raises(DamagedRecord, match=r"card_fraud\.json"):
        count_look(tmp_path, "card_fraud", "three", NOW)


def test_without_data_both_ways_to_give_them_are_named(tmp_path: Path) -> None:
    with pytest.raises(NoPublishedData, match=r"neither is given.*--data.*LOOPLINE_REAL_DATA"):
        data_folder(None, {})
    with pytest.raises(NoPublishedData, match="is not a folder"):
        data_folder(None, {"LOOPLINE_REAL_DATA": str(tmp_path)})
    assert data_folder(tmp_path, {}) == tmp_path


@pytest.mark.skipif(not DATA.is_dir(), reason=f"the published card transactions are not at {DATA}")
def test_the_single_split_has_the_published_rows_and_a_validation_week_is_ranked_well() -> None:
    """The whole benchmark is a campaign (`tests.campaigns.test_published_benchmark`)."""
    product = load_product("card_fraud")
    cards = published_cards(DATA, product)
    single, frauds = fold_of(cards, TEST_STARTS[0]), cards.rows.y
    assert (len(single.train), int(frauds[single.train].sum())) == (67_240, 598)
    assert (len(single.test), int(frauds[single.test].sum())) == (58_264, 385)
    fold = fold_of(cards, VALIDATION_STARTS[0])
    found = figures_of(cards, fold.test, score_fold(cards, fold, ("XGBoost, depth 6",), product.model))
    assert found.average_precision > 0.68
    assert found.auc > 0.86
