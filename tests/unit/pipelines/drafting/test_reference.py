"""The reference page in docs/ is that of the code, and says what every field means."""

from pipelines.drafting.reference import reference_page
from resources.environments import CHECKOUT


def test_the_page_is_generated_from_the_docstrings() -> None:
    page = (CHECKOUT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert page == reference_page(), "run make docs"


def test_every_field_has_a_meaning() -> None:
    rows = [line for line in reference_page().splitlines() if line.startswith("| `")]
    assert len(rows) > 100
    assert [row for row in rows if row.endswith("|  |")] == []
