"""Pages are kept by day, whole, and found again."""

from datetime import date
from pathlib import Path

import pytest

from resources.naming import BadName
from resources.pages import Pages

FIRST, SECOND = date(2026, 9, 29), date(2026, 9, 30)


def test_each_day_has_its_page_and_a_later_one_takes_its_place(tmp_path: Path) -> None:
    pages = Pages(str(tmp_path / "pages"))
    assert pages.days("loans") == ()
    pages.keep("loans", FIRST, "first")
    pages.keep("loans", SECOND, "second")
    address = pages.keep("loans", SECOND, "größer")
    assert address == pages.address("loans", SECOND)
    assert Path(address).read_text(encoding="utf-8") == "größer"
    assert pages.days("loans") == (FIRST, SECOND)
    assert sorted(path.name for path in Path(address).parent.iterdir()) == ["2026-09-29.html", "2026-09-30.html"]


def test_a_page_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    pages = Pages(str(tmp_path / "pages"))
    address = pages.keep("loans", FIRST, "first")
    with pytest.raises(UnicodeEncodeError):
        pages.keep("loans", FIRST, "\ud800")
    assert Path(address).read_text() == "first"
    assert [path.name for path in Path(address).parent.iterdir()] == ["2026-09-29.html"]


def test_a_product_that_names_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadName):
        Pages(str(tmp_path)).keep("../loans", FIRST, "page")
