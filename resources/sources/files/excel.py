"""A sheet of an Excel workbook (.xlsx, .xlsm, .xlsb, .xls, .ods) as a table of text.

Belongs here: which sheet is read, its header, and the text of a cell. Does not belong here: fetching a file
(`places.py`), the meaning of columns.

A cell with a date is text as in a CSV, `2026-03-01` or `2026-03-01T12:00:00`; its zone is the source's. A number
without a fraction has no point, because Excel holds every number as a float. A cell with an error, such as `#N/A`, is
read as empty: the library does not tell them apart.
"""

import io
import zipfile
from collections.abc import Collection, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import pyarrow as pa
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, PasswordError, load_workbook

from resources.sources.files.parsed import FileRows, NotWhole, Unreadable, checked_columns
from resources.sources.readers import text_table

_ZIP = b"PK\x03\x04"
_EXACT = 2**53
"""Up to here a float holds every whole number."""


def read_sheet(content: bytes, *, sheet: str, header_line: int, known: Collection[str] = ()) -> FileRows:
    """Reads the rows below the header of a sheet; a row without any value is no row.

    Args:
        sheet: The name of the sheet; empty where the workbook has one.
        header_line: The line of the header, from 1.
        known: The columns of the contract, which a message may name.

    Raises:
        NotWhole: The file ends early.
        Unreadable: It is no workbook, it is encrypted, the sheet is not to be found or has no header, a column has
            values and no name, or cells are merged.
    """
    with _opened(content) as book:
        found = _chosen(book, sheet)
        try:
            cells = found.to_python(skip_empty_area=False)
            merged = found.merged_cell_ranges or []
        except CalamineError as error:
            raise Unreadable(f"has a sheet '{found.name}' that cannot be read ({error})") from error
    where = f"has a sheet '{found.name}' "
    if len(cells) < header_line or not any(_text(cell) for cell in cells[header_line - 1]):
        raise Unreadable(f"{where}without a header on line {header_line}; name its line with header_line=")
    for first, last in merged:
        if last[0] >= header_line - 1:
            area = f"{_column_letters(first[1])}{first[0] + 1}:{_column_letters(last[1])}{last[0] + 1}"
            if first[0] < header_line:
                raise Unreadable(
                    f"{where}with merged cells in its header ({area}), of which one alone has a value; name the line "
                    f"with the names of the columns with header_line=, or unmerge them"
                )
            raise Unreadable(
                f"{where}with merged cells among its rows ({area}), of which one alone has a value; unmerge them"
            )
    names = [(_text(cell) or "").strip() for cell in cells[header_line - 1]]
    rows = [[_text(cell) for cell in row] for row in cells[header_line:]]
    rows = [row for row in rows if any(value is not None for value in row)]
    return FileRows(_table(names, rows, where, known))


def _opened(content: bytes) -> CalamineWorkbook:
    if not content or (content.startswith(_ZIP) and not zipfile.is_zipfile(io.BytesIO(content))):
        raise NotWhole("ends before the directory of the workbook does")
    try:
        return load_workbook(io.BytesIO(content))
    except PasswordError as error:
        raise Unreadable("is a workbook with a password; save it without one") from error
    except CalamineError as error:
        raise Unreadable(f"is not an Excel workbook ({error})") from error


def _chosen(book: CalamineWorkbook, sheet: str) -> CalamineSheet:
    names = book.sheet_names
    if not sheet and len(names) != 1:
        raise Unreadable(f"has {len(names)} sheets ({', '.join(names)}); name the one to read with sheet=")
    if sheet and sheet not in names:
        raise Unreadable(f"has no sheet '{sheet}'; it has {', '.join(names)}")
    return book.get_sheet_by_name(sheet or names[0])


def _table(names: Sequence[str], rows: Sequence[Sequence[str | None]], where: str, known: Collection[str]) -> pa.Table:
    used = [at for at, name in enumerate(names) if name]
    for at in range(len(names)):
        if not names[at] and any(row[at] is not None for row in rows):
            raise Unreadable(
                f"{where}with values in column {_column_letters(at)}, whose header is empty; give it a name, or name "
                f"the line with the names of the columns with header_line="
            )
    checked_columns([names[at] for at in used], known)
    return text_table([names[at] for at in used], [[row[at] for at in used] for row in rows])


def _text(cell: Any) -> str | None:
    """A cell as text; `None` for an empty one. A duration is in seconds."""
    if isinstance(cell, str):
        return cell or None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, (datetime, date, time)):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        cell = cell.total_seconds()
    return str(int(cell)) if float(cell).is_integer() and abs(cell) <= _EXACT else repr(float(cell))


def _column_letters(at: int) -> str:
    """The name that Excel gives a column: A, B, …, Z, AA."""
    letters = ""
    at += 1
    while at:
        at, rest = divmod(at - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
