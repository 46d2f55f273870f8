"""Fixtures of the sample product: a real bundle's parts, and a store with its events.

Belongs here: fixtures that the conftests of several packages import. Does not belong here: generating the samples
(`serving_samples.py`, `tests.support.data.card_samples`).
"""

from pathlib import Path

import pytest

from assets.bundle.bundle import BundleParts
from resources.online_store.lmdb.store import LmdbStore
from tests.support.models.serving_samples import fill_store, sample_parts


@pytest.fixture(scope="session")
def parts() -> BundleParts:
    return sample_parts("1")


@pytest.fixture
def store(tmp_path: Path) -> LmdbStore:
    opened = LmdbStore(tmp_path / "online" / "loans")
    fill_store(opened)
    return opened
