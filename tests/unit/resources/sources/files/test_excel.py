"""Excel workbooks as files: the sheet, its dates and numbers, and what is refused in a sentence."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines.drafting.draft import draft_product
from pipelines.drafting.render import files_of
from pipelines.drafting.roles import Given
from pipelines.drafting.sample import SampleUnreadable, read_sample
from resources.sources.files.form import FileForm
from resources.sources.files.formats import read_content
from resources.sources.files.parsed import NotWhole, Unreadable
from resources.sources.files.places import Folder
from resources.sources.files.reader import FilesReader
from resources.sources.readers import SourceBroken, SourceUnavailable
from tests.support.data.workbooks import Cell, workbook

START = date(2026, 3, 1)
ROWS: list[list[Cell]] = [
    ["id", "amount", "at", "born", "paid", "note"],
    [1, 12.5, datetime(2026, 3, 1, 9, 30), date(1990, 2, 28), True, " ü "],
    [2, 0.1 + 0.2, datetime(2026, 3, 2, 0, 0, 1), None, False, None],
    [None, None, None, None, None, None],
    [2**53, 3, None, None, None, "no time"],
]


def rows(content: bytes, **terms: Any) -> list[dict[str, str]]:
    return read_content(FileForm("f", "a.xlsx", **terms), content, settled=True).table.to_pylist()


def test_cells_are_text_without_loss() -> None:
    assert rows(workbook({"Orders": ROWS})) == [
        {
            "id": "1", "amount": "12.5", "at": "2026-03-01T09:30:00", "born": "1990-02-28", "paid": "true",
            "note": " ü ",
        },
        {
            "id": "2", "amount": "0.30000000000000004", "at": "2026-03-02T00:00:01", "born": None, "paid": "false",
            "note": None,
        },
        {"id": str(2**53), "amount": "3", "at": None, "born": None, "paid": None, "note": "no time"},
    ]  # fmt: skip


def test_a_sheet_is_split_into_days_in_the_zone_of_its_source(tmp_path: Path) -> None:
    (tmp_path / "orders.xlsx").write_bytes(workbook({"Notes": [["x"]], "Orders": [["of March"], *ROWS]}))
    form = FileForm(
        "f", "orders.xlsx", day_column="at", zone="Europe/Berlin", sheet="Orders", header_line=2, first_day=START
    )
    first, second = FilesReader(form, Folder(str(tmp_path))).read([START, date(2026, 3, 2)])
    assert first.rows["id"].to_pylist() == ["1", "2", str(2**53)], "the one without a time is of the first day"
    assert first.rows["at"].to_pylist()[:2] == ["2026-03-01T08:30:00.000000Z", "2026-03-01T23:00:01.000000Z"]
    assert second.rows.num_rows == 0


@pytest.mark.parametrize(
    ("content", "terms", "said"),
    [
        (workbook({"A": ROWS, "B": ROWS}), {}, r"has 2 sheets \(A, B\); name the one to read with sheet="),
        (workbook({"A": ROWS}), {"sheet": "C"}, "has no sheet 'C'; it has A"),
        (workbook({"A": []}), {}, "has a sheet 'A' without a header on line 1"),
        (workbook({"A": [[None, None], [1, 2]]}), {}, "without a header on line 1"),
        (workbook({"A": ROWS}, ["B1:C1"]), {}, r"merged cells in its header \(B1:C1\)"),
        (workbook({"A": ROWS}, ["A3:A4"]), {}, r"merged cells among its rows \(A3:A4\)"),
        (workbook({"A": [["id", None, "id"], [1, None, 2]]}), {}, "has the column of place 1 more than once"),
        (workbook({"A": [["id", None], [1, 2]]}), {}, "with values in column B, whose header is empty"),
        (b"id,amount\n1,2\n", {}, "is not an Excel workbook"),
    ],
)
def test_a_workbook_that_needs_a_guess_is_refused(content: bytes, terms: dict[str, Any], said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        rows(content, **terms)


def test_a_column_without_name_and_values_is_no_column() -> None:
    assert rows(workbook({"A": [["id", None, None], [1, None, None]]})) == [{"id": "1"}]


def test_a_workbook_that_is_cut_short_waits(tmp_path: Path) -> None:
    content = workbook({"A": ROWS})
    for cut in (b"", content[:200], content[:-30]):
        with pytest.raises(NotWhole, match="ends before"):
            rows(cut)
    (tmp_path / "2026-03-01.xlsx").write_bytes(content[:-30])
    reader = FilesReader(FileForm("f", "{day}.xlsx"), Folder(str(tmp_path)))
    with pytest.raises(SourceUnavailable, match="source f, day 2026-03-01: .*the day waits"):
        list(reader.read([START]))
    (tmp_path / "2026-03-01.xlsx").write_bytes(workbook({"A": ROWS}, ["A1:B1"]))
    with pytest.raises(SourceBroken, match="unmerge them; ask the owner to deliver it again"):
        list(reader.read([START]))


def test_a_product_is_drafted_from_a_sheet(tmp_path: Path) -> None:
    orders: list[list[Cell]] = [["order_id", "ordered_at", "amount", "returned"]]
    orders += [[f"O{n}", datetime(2026, 1 + n // 40, 1 + n % 28, 12), n + 0.5, n % 2] for n in range(200)]
    (tmp_path / "orders.xlsx").write_bytes(workbook({"Cover": [["Orders"]], "Data": orders}))
    with pytest.raises(SampleUnreadable, match=r"orders.xlsx has 2 sheets \(Cover, Data\)"):
        read_sample(str(tmp_path / "orders.xlsx"))
    sample = read_sample(str(tmp_path / "orders.xlsx"), sheet="Data")
    drafted = draft_product(
        "shop", [sample], Given(label="returned"), label_delay=None, now=datetime.fromisoformat("2026-12-01T00:00Z")
    )
    files = files_of(drafted)
    assert 'pattern="orders.xlsx"' in files["product.py"]
    assert 'sheet="Data"' in files["product.py"]
    assert drafted.first == date(2026, 1, 1)
    assert "order_id: {type: string" in files["contracts/orders.yaml"]
    assert "amount: {type: number" in files["contracts/orders.yaml"]
