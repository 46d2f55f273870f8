"""What tests of sources share: a place of products without any."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pipelines
from pipelines import products
from pipelines.operations import new_product as drafting


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place of products without any."""
    place, workspace = tmp_path / "pipelines", tmp_path / "workspace.yaml"
    place.mkdir()
    workspace.write_text("load_from:\n")
    monkeypatch.setenv("LOOPLINE_HOME", str(tmp_path / "home"))
    for module in (products, drafting):
        monkeypatch.setattr(module, "PRODUCTS", place)
    monkeypatch.setattr(drafting, "WORKSPACE", workspace)
    monkeypatch.setattr(pipelines, "__path__", [*pipelines.__path__, str(place)])
    yield place
    for name in [name for name in sys.modules if name.startswith("pipelines.shop")]:
        del sys.modules[name]
    importlib.invalidate_caches()
