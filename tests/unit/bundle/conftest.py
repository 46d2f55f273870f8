"""A small real bundle's parts, and rows with their reference profile."""

import pytest

from assets.bundle.bundle import BundleParts
from tests.support.monitored_rows import profile, rows, scores
from tests.support.serving_samples import sample_parts

__all__ = ["profile", "rows", "scores"]


@pytest.fixture(scope="session")
def parts() -> BundleParts:
    return sample_parts("1")
