"""A CSV file as a table of text.

Belongs here: byte order mark, encoding, header, quoted line breaks, and telling a file that is whole from one that is
still being written. Does not belong here: fetching a file (`places.py`), the meaning of columns.

Arrow reads the rows. The header is read as a row like any other, so that quoted names are names and every column is
text. Two faults are searched for beforehand, because Arrow would join rows without a word: a quote that is never
closed, and one that is closed on a later line in the middle of a value.
"""

import csv
import io
import re
from collections.abc import Collection
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.csv as pcsv

from resources.sources.files.parsed import FileRows, NotWhole, Unreadable, checked_columns

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LARGEST_BLOCK = 2**30
"""A row must lie within one block; a file up to this size is one block."""
_LINE_BREAK = re.compile(r"[\r\n]+")


def read_csv(
    content: bytes,
    *,
    settled: bool,
    delimiter: str = ",",
    header_line: int = 1,
    encoding: str = "utf-8",
    known: Collection[str] = (),
) -> FileRows:
    """Reads the content of a file with a header, with or without a byte order mark.

    Args:
        settled: Whether the file has stopped changing. Until then a file without a line break at its end may lack a
            part of its last value.
        header_line: The line of the header, from 1; the lines before it are left out.
        known: The columns of the contract, which a message may name.

    Raises:
        NotWhole: The file is empty, or ends within a row.
        Unreadable: The file is not of that encoding, a column is in the header twice, or a quote is missing.
    """
    if encoding != "utf-8":
        content = _transcoded(content, encoding)
    content = content.removeprefix(_BYTE_ORDER_MARK)
    # Empty lines in the place of those before the header: the numbers of lines in messages stay the file's.
    content = b"\n" * (header_line - 1) + content.split(b"\n", header_line - 1)[-1]
    if not content.strip():
        raise NotWhole("is empty and has no header")
    ended = content.endswith((b"\n", b"\r"))
    _check_text(content, ended=ended)
    _check_quotes(content, delimiter)
    names = _header(content, delimiter, known)
    broken: list[Any] = []

    def keep(row: Any) -> str:
        broken.append(row)
        return "skip"

    positions = [str(position) for position in range(len(names))]
    try:
        table = pcsv.read_csv(
            pa.BufferReader(content),
            # One thread: the order of the rows that cannot be read must not depend on the machine.
            read_options=pcsv.ReadOptions(
                column_names=positions, use_threads=False, block_size=min(len(content) + 1, _LARGEST_BLOCK)
            ),
            parse_options=pcsv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=keep),
            convert_options=pcsv.ConvertOptions(
                column_types=dict.fromkeys(positions, pa.string()), strings_can_be_null=True, null_values=[""]
            ),
        )
    except pa.ArrowInvalid:
        # Without Arrow's error: it may quote a row.
        raise Unreadable("is not a CSV file: Arrow cannot read its rows") from None
    if not ended:
        _check_last_row(content, broken, settled=settled)
    first = [] if table.num_rows == 0 else [value or "" for value in table.slice(0, 1).to_pylist()[0].values()]
    if first != names:
        # Without the names: a file that lacks its header begins with a row.
        raise Unreadable("is not a CSV file: its first line is read in two ways; it may have a quote too many")
    # A quote that is missing joins lines: each of them counts as a row that cannot be read.
    malformed = tuple(line for row in broken for line in _LINE_BREAK.split(row.text) if line)
    return FileRows(table.slice(1).rename_columns(names), malformed)


def _transcoded(content: bytes, encoding: str) -> bytes:
    """The content in UTF-8."""
    try:
        return content.decode(encoding).encode()
    except UnicodeDecodeError as error:
        raise Unreadable(
            f"is not a CSV file in {encoding} (byte {error.start} is 0x{content[error.start]:02x})"
        ) from error


@cache
def _quoted(delimiter: str) -> re.Pattern[bytes]:
    """A quoted value: closed at the end of its column, closed in the middle of it (`odd`), or never closed (`open`)."""
    mark = re.escape(delimiter).encode()
    start = rb'"(?:(?<=[%b\r\n]")|(?<=\A"))(?:[^"]++|"")*+' % mark
    return re.compile(start + rb'(?:"(?=[%b\r\n]|\Z)|(?P<odd>")|(?P<open>\Z))' % mark)


def _check_text(content: bytes, *, ended: bool) -> None:
    try:
        content.decode()
    except UnicodeDecodeError as error:
        if not ended and error.reason == "unexpected end of data":
            raise NotWhole("ends within a character") from error
        line, byte = _line(content, error.start), content[error.start]
        raise Unreadable(
            f"is not a CSV file in UTF-8 (line {line} has the byte 0x{byte:02x}); if it has another "
            f"encoding, declare it (encoding='latin-1')"
        ) from error


def _check_quotes(content: bytes, delimiter: str) -> None:
    """Refuses quotes by which lines would be joined that are rows of their own."""
    if b'"' not in content:
        return
    for value in _quoted(delimiter).finditer(content):
        if value["open"] is not None:
            raise NotWhole(
                f"ends within a quoted value that begins on line {_line(content, value.start())}; unless the rest "
                f"arrives, a quote is missing there"
            )
        if value["odd"] is not None and re.search(rb"[\r\n]", value.group()):
            first, last = _line(content, value.start()), _line(content, value.end())
            raise Unreadable(
                f"has a quoted value that begins on line {first} and is followed by other text on line {last}: a "
                f"quote is missing between them"
            )


def _header(content: bytes, delimiter: str, known: Collection[str]) -> list[str]:
    """The names of the columns.

    Raises:
        Unreadable: A name is there twice, or has bytes that are zero.
    """
    text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", newline="")
    try:
        names = next(row for row in csv.reader(text, delimiter=delimiter) if row)
    except csv.Error as error:
        raise Unreadable(f"is not a CSV file: its header cannot be read ({error})") from error
    if any("\0" in name for name in names):
        raise Unreadable("is not a CSV file in UTF-8 (its header has bytes that are zero, as UTF-16 has)")
    checked_columns(names, known)
    return names


def _check_last_row(content: bytes, broken: list[Any], *, settled: bool) -> None:
    """Refuses a file without a line break at its end, if a part of the last row may be missing."""
    last = broken[-1] if broken else None
    if last is not None and last.actual_columns < last.expected_columns:
        text = last.text.encode()
        before = content[: len(content) - len(text)]
        if content.endswith(text) and before.endswith((b"\n", b"\r")):
            raise NotWhole(
                f"ends within a row: line {_line(content, len(before))} has {last.actual_columns} of "
                f"{last.expected_columns} values"
            )
    if not settled:
        raise NotWhole("has no line break at its end, and has just been changed: its last row may not be whole yet")


def _line(content: bytes, position: int) -> int:
    """The number of the line at a position, from 1."""
    return content.count(b"\n", 0, position) + 1
