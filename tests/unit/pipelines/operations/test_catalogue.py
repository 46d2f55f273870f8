"""Where the page of the feature catalogue can be written; its content is in the tests of the catalogue."""

from pathlib import Path

import pytest

from assets.features.catalogue.survey import survey
from pipelines.operations.data.catalogue import write_page
from pipelines.operations.pages import NoPage
from pipelines.products import load_product
from resources.lake import Lake


def test_a_page_is_html_or_markdown_in_a_folder_that_exists(tmp_path: Path) -> None:
    found = survey(load_product("card_fraud"), Lake(str(tmp_path / "lake")), [])
    for name, start in (("page.html", "<!doctype html>"), ("page.md", "#")):
        write_page(found, tmp_path / name)
        assert (tmp_path / name).read_text(encoding="utf-8").lower().startswith(start)
    with pytest.raises(NoPage, match=r"unknown kind of page; write a name that ends in \.html or \.md"):
        write_page(found, tmp_path / "page.pdf")
    with pytest.raises(NoPage, match="there is no folder .*; create it first"):
        write_page(found, tmp_path / "none" / "page.md")
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["page.html", "page.md"]
