"""A new product's folder: whole or not at all."""

from pathlib import Path

import pytest

from pipelines import products
from pipelines.drafting.roles import Given
from pipelines.operations import new_product as operation
from pipelines.operations.new_product import ProductExists, new_product

ROWS = "order_id,ordered_at,amount,returned\n" + "".join(
    f"O{n},2026-0{1 + n // 40}-{1 + n % 28:02},{n}.50,{n % 2}\n" for n in range(200)
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place of products without any; its workspace lists none."""
    place, workspace = tmp_path / "pipelines", tmp_path / "workspace.yaml"
    place.mkdir()
    workspace.write_text("load_from:\n")
    (tmp_path / "orders.csv").write_text(ROWS)
    for module in (products, operation):
        monkeypatch.setattr(module, "PRODUCTS", place)
    monkeypatch.setattr(operation, "WORKSPACE", workspace)
    return place


def draft(folder: Path) -> None:
    new_product(
        "shop",
        [str(folder.parent / "orders.csv")],
        Given(label="returned"),
        label_delay=None,
        header_line=1,
        zone="UTC",
    )


def test_a_draft_that_cannot_be_loaded_leaves_nothing(folder: Path) -> None:
    """Here the fault is that Python does not find the package at this place."""
    with pytest.raises(ImportError, match=r"pipelines\.shop"):
        draft(folder)
    assert list(folder.iterdir()) == []
    assert (folder.parent / "workspace.yaml").read_text() == "load_from:\n"


def test_a_name_that_is_taken_is_refused_before_anything_is_read(folder: Path) -> None:
    (folder / "shop").mkdir()
    with pytest.raises(ProductExists, match="shop exists; write another name, or remove the folder"):
        new_product("shop", ["nowhere.csv"], Given(), label_delay=None, header_line=1, zone="UTC")
    assert list((folder / "shop").iterdir()) == []
