"""Figures of planted and of honest features against the label and its time."""

import numpy as np
import pytest

from assets.training.leakage.label_evidence import LEAST_TIMED_ROWS, label_information, label_timing


def test_what_no_ranking_finds_is_found_by_its_information() -> None:
    """A value in the middle that only bad rows have; noise explains nothing, the label itself everything."""
    generator = np.random.default_rng(1)
    y = (generator.random(4000) < 0.1).astype(np.int8)
    noise = generator.normal(size=4000)
    middle = np.where(y == 1, 0.0, np.where(noise > 0, 1 + np.abs(noise), -1 - np.abs(noise)))
    gap = np.where(y == 1, np.nan, noise)
    purpose = np.eye(2)[y]
    matrix = np.column_stack([noise, middle, gap, y, purpose]).astype(np.float32)
    information = label_information(matrix, ["noise", "middle", "gap", "label", "purpose", "purpose"], y)
    assert information["noise"] < 0.02
    assert min(information["middle"], information["gap"], information["label"], information["purpose"]) > 0.9


def test_a_feature_that_knows_when_is_found_among_the_positive_rows() -> None:
    """Rank correlation over the rows that have a time; unknown for too few of them, a category or a constant."""
    generator = np.random.default_rng(2)
    days = np.where(generator.random(1000) < 0.2, generator.uniform(90, 180, 1000), np.nan)
    timed = np.where(np.isnan(days), 0.0, np.exp(-days / 30))
    matrix = np.column_stack([timed, generator.normal(size=1000), np.ones(1000), np.eye(2)[np.arange(1000) % 2]])
    names = ["timed", "noise", "constant", "purpose", "purpose"]
    timing = label_timing(matrix.astype(np.float32), names, days)
    assert timing["timed"] == pytest.approx(-1.0)
    assert timing["noise"] is not None
    assert abs(timing["noise"]) < 0.3
    assert (timing["constant"], timing["purpose"]) == (None, None)
    few = np.where(np.cumsum(~np.isnan(days)) < LEAST_TIMED_ROWS, days, np.nan)
    assert label_timing(matrix.astype(np.float32), names, few)["timed"] is None
