"""A CSV file as a table of text.

Belongs here: byte order mark, header, quoted line breaks, and telling a file that is whole from one that is still being
written. Does not belong here: fetching a file (`readers.py`), the meaning of columns.

Arrow reads the rows. The header is read as a row like any other, so that quoted names are names and every column is
text. Two faults are searched for beforehand, because Arrow would join rows without a word: a quote that is never
closed, and one that is closed on a later line in the middle of a value.
"""

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.csv as pcsv

from resources.errors import LooplineError

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LARGEST_BLOCK = 2**30
"""A row must lie within one block; a file up to this size is one block."""
_QUOTED = re.compile(rb'"(?:(?<=[,\r\n]")|(?<=\A"))(?:[^"]++|"")*+(?:"(?=[,\r\n]|\Z)|(?P<odd>")|(?P<open>\Z))')
"""A quoted value: closed at the end of its column, closed in the middle of it (`odd`), or never closed (`open`)."""


_LINE_BREAK = re.compile(r"[\r\n]+")


class NotCsv(LooplineError):
    """The content is no CSV file that can be read without a guess; the message completes a sentence about the file."""


class NotWhole(LooplineError):
    """The file ends before its last row does; the message completes a sentence about the file."""


@dataclass(frozen=True)
class CsvRows:
    """The rows of a CSV file.

    Attributes:
        table: All columns of type string; an empty value is null.
        malformed: Lines that do not have as many values as the header, as text.
    """

    table: pa.Table
    malformed: tuple[str, ...]


def read_csv(content: bytes, *, settled: bool) -> CsvRows:
    """Reads the content of a file with commas and a header, in UTF-8 with or without a byte order mark.

    Args:
        settled: Whether the file has stopped changing. Until then a file without a line break at its end may lack a
            part of its last value.

    Raises:
        NotWhole: The file is empty, or ends within a row.
        NotCsv: The file is not UTF-8, a column is in the header twice, or a quote is missing.
    """
    content = content.removeprefix(_BYTE_ORDER_MARK)
    if not content.strip():
        raise NotWhole("is empty and has no header")
    ended = content.endswith((b"\n", b"\r"))
    _check_text(content, ended=ended)
    _check_quotes(content)
    names = _header(content)
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
            parse_options=pcsv.ParseOptions(newlines_in_values=True, invalid_row_handler=keep),
            convert_options=pcsv.ConvertOptions(
                column_types=dict.fromkeys(positions, pa.string()), strings_can_be_null=True, null_values=[""]
            ),
        )
    except pa.ArrowInvalid:
        # Without Arrow's error: it may quote a row.
        raise NotCsv("is not a CSV file: Arrow cannot read its rows") from None
    if not ended:
        _check_last_row(content, broken, settled=settled)
    first = [] if table.num_rows == 0 else [value or "" for value in table.slice(0, 1).to_pylist()[0].values()]
    if first != names:
        # Without the names: a file that lacks its header begins with a row.
        raise NotCsv("is not a CSV file: its first line is read in two ways; it may have a quote too many")
    # A quote that is missing joins lines: each of them counts as a row that cannot be read.
    malformed = tuple(line for row in broken for line in _LINE_BREAK.split(row.text) if line)
    return CsvRows(table.slice(1).rename_columns(names), malformed)


def _check_text(content: bytes, *, ended: bool) -> None:
    try:
        content.decode()
    except UnicodeDecodeError as error:
        if not ended and error.reason == "unexpected end of data":
            raise NotWhole("ends within a character") from error
        line, byte = _line(content, error.start), content[error.start]
        raise NotCsv(f"is not a CSV file in UTF-8 (line {line} has the byte 0x{byte:02x})") from error


def _check_quotes(content: bytes) -> None:
    """Refuses quotes by which lines would be joined that are rows of their own."""
    if b'"' not in content:
        return
    for value in _QUOTED.finditer(content):
        if value["open"] is not None:
            raise NotWhole(
                f"ends within a quoted value that begins on line {_line(content, value.start())}; unless the rest "
                f"arrives, a quote is missing there"
            )
        if value["odd"] is not None and re.search(rb"[\r\n]", value.group()):
            first, last = _line(content, value.start()), _line(content, value.end())
            raise NotCsv(
                f"has a quoted value that begins on line {first} and is followed by other text on line {last}: a "
                f"quote is missing between them"
            )


def _header(content: bytes) -> list[str]:
    """The names of the columns.

    Raises:
        NotCsv: A name is there twice, or has bytes that are zero. Columns without a name, as trailing commas make them,
            are no fault.
    """
    text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", newline="")
    try:
        names = next(row for row in csv.reader(text) if row)
    except csv.Error as error:
        raise NotCsv(f"is not a CSV file: its header cannot be read ({error})") from error
    if any("\0" in name for name in names):
        raise NotCsv("is not a CSV file in UTF-8 (its header has bytes that are zero, as UTF-16 has)")
    twice = [name for name, count in Counter(names).items() if count > 1 and name]
    if twice:
        places = [number for number, name in enumerate(names, start=1) if name in twice]
        raise NotCsv(f"has the same name in columns {', '.join(map(str, places))} of its header")
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
