"""Windows in time: whole test days, the purge gap, and split that cannot be used."""

from datetime import timedelta

import numpy as np
import pytest

from assets.product import ModelSpec
from assets.training.rows.split import SplitError, rows_tested, split_at_random, split_rows

HOURS = np.datetime64("2026-01-01", "us") + np.arange(24 * 60) * np.timedelta64(1, "h")
LABELS = (np.arange(len(HOURS)) % 5 == 0).astype(np.int8)


def test_the_windows_are_whole_days_with_the_purge_gap_between() -> None:
    split = split_rows(HOURS, LABELS, spec=ModelSpec(train_days=20, test_days=7), maturity=timedelta(days=7))
    assert split.test_window.first == np.datetime64("2026-02-23")
    assert split.test_window.end == np.datetime64("2026-03-02")
    assert split.calibrate_window.end == np.datetime64("2026-02-16")
    assert split.calibrate_window.first == np.datetime64("2026-02-11")
    assert split.train_window.first == np.datetime64("2026-01-27")
    assert [len(split.train), len(split.calibrate), len(split.test)] == [15 * 24, 5 * 24, 7 * 24]


def test_every_learned_label_was_known_before_the_first_test_row() -> None:
    maturity = timedelta(days=3, hours=5)
    split = split_rows(HOURS, LABELS, spec=ModelSpec(train_days=None, test_days=10), maturity=maturity)
    learned = np.concatenate([split.train, split.calibrate])
    assert HOURS[learned].max() + np.timedelta64(77, "h") < HOURS[split.test].min()
    assert HOURS[split.train].max() < HOURS[split.calibrate].min()
    assert HOURS[split.train].min() == HOURS.min()


def test_parts_do_not_depend_on_the_order_of_rows() -> None:
    mixed = np.random.default_rng(1).permutation(len(HOURS))
    spec = ModelSpec(train_days=None, test_days=5)
    straight = split_rows(HOURS, LABELS, spec=spec, maturity=timedelta(days=1))
    shuffled = split_rows(HOURS[mixed], LABELS[mixed], spec=spec, maturity=timedelta(days=1))
    for name in ("train", "calibrate", "test"):
        assert sorted(mixed[getattr(shuffled, name)]) == getattr(straight, name).tolist()


def test_to_dict_has_windows_and_counts() -> None:
    windows = split_rows(HOURS, LABELS, spec=ModelSpec(train_days=8, test_days=1), maturity=timedelta(days=1)).to_dict()
    assert windows["test"] == {"first": "2026-03-01T00:00:00.000000Z", "end": "2026-03-02T00:00:00.000000Z", "rows": 24}


def test_a_part_without_both_classes_is_refused_with_its_figures() -> None:
    spec = ModelSpec(train_days=None, test_days=7)
    with pytest.raises(SplitError, match=r"train window .* has 0 rows"):
        split_rows(HOURS, LABELS, spec=spec, maturity=timedelta(days=90))
    calm = LABELS.copy()
    calm[-24 * 7 :] = 0
    with pytest.raises(SplitError, match="the test window .* has 168 rows, 0 of them positive"):
        split_rows(HOURS, calm, spec=spec, maturity=timedelta(days=7))
    with pytest.raises(SplitError, match="no mature rows"):
        split_rows(HOURS[:0], LABELS[:0], spec=spec, maturity=timedelta(days=7))
    with pytest.raises(SplitError, match="calibrate_share"):
        split_rows(HOURS, LABELS, spec=ModelSpec(None, 7, calibrate_share=1.0), maturity=timedelta(days=7))


def test_rows_without_time_stay_in_their_part_when_others_are_added() -> None:
    spec = ModelSpec(train_days=None, test_days=1, split="random")
    ids, times = np.arange(len(HOURS)), np.full(len(HOURS), HOURS[0])
    split = split_at_random(ids, times, LABELS, spec=spec)
    parts = [split.train, split.calibrate, split.test]
    assert sorted(np.concatenate(parts).tolist()) == ids.tolist()
    shares = [len(part) / len(ids) for part in parts]
    assert np.allclose(shares, [0.6, 0.2, 0.2], atol=0.05)
    fewer = split_at_random(ids[:1000], times[:1000], LABELS[:1000], spec=spec)
    assert fewer.test.tolist() == [row for row in split.test.tolist() if row < 1000]


def test_a_random_part_of_one_class_is_refused() -> None:
    with pytest.raises(SplitError, match="it needs both classes"):
        split_at_random(np.arange(50), HOURS[:50], np.zeros(50, np.int8), spec=ModelSpec(None, 1, split="random"))


def test_the_tested_rows_are_found_again_from_the_record() -> None:
    ids = np.arange(len(HOURS))
    in_time = split_rows(HOURS, LABELS, spec=ModelSpec(train_days=20, test_days=7), maturity=timedelta(days=7))
    assert rows_tested(ids, HOURS, in_time.to_dict()).tolist() == in_time.test.tolist()
    at_random = split_at_random(ids, HOURS, LABELS, spec=ModelSpec(train_days=None, test_days=7))
    assert rows_tested(ids, HOURS, at_random.to_dict()).tolist() == at_random.test.tolist()
