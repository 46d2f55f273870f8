"""A lake with one table of five days."""

from pathlib import Path

import pytest

from resources.lake import Lake
from tests.unit.resources.lake.samples import DAYS, rows


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(str(tmp_path))
    lake.replace("p/t", rows(DAYS), days=DAYS, metadata={"run_id": "r1"})
    return lake
