"""A small real bundle and a store for it: see `tests.serving_samples`."""

from pathlib import Path

import pytest

from assets.serving.bundle import BundleParts
from resources.lmdb_store import LmdbStore
from tests.serving_samples import fill_store, sample_parts


@pytest.fixture(scope="session")
def parts() -> BundleParts:
    return sample_parts("1")


@pytest.fixture
def store(tmp_path: Path) -> LmdbStore:
    opened = LmdbStore(tmp_path / "online" / "loans")
    fill_store(opened)
    return opened
