"""The content of a file as rows of text, whatever its format.

Belongs here: compression, JSON lines, Parquet, and telling a file that is whole from one that is still being written.
Does not belong here: CSV (`csv_files.py`), Excel (`excel.py`), fetching a file (`places.py`), the day of a row
(`choice.py`).
"""

import json
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from resources.sources.files.csv_files import read_csv
from resources.sources.files.excel import read_sheet
from resources.sources.files.form import Compression, FileForm
from resources.sources.files.parsed import FileRows, NotWhole, Unreadable, checked_columns
from resources.sources.readers import json_object, json_value, message_text, objects_table
from resources.sources.times import MOMENT, as_text, naive_as_text

_CUT = "Truncated compressed stream"
"""How Arrow names a compressed file that ends early."""
_PARQUET_MARK = b"PAR1"


def read_content(form: FileForm, content: bytes, *, settled: bool) -> FileRows:
    """The rows of a file.

    Args:
        settled: Whether the file has stopped changing.

    Raises:
        NotWhole: The file ends before its last row does.
        Unreadable: The content is not of the form's format.
    """
    if form.compression is not None:
        content = _decompressed(content, form.compression)
    if form.file_format == "parquet":
        return FileRows(_parquet(content, form))
    if form.file_format == "excel":
        return read_sheet(content, sheet=form.sheet, header_line=form.header_line, known=form.columns)
    if form.file_format == "jsonl":
        return _json_lines(content, form.encoding, settled=settled)
    return read_csv(
        content,
        settled=settled or form.compression is not None,  # a compressed file has an end of its own
        delimiter=form.separator,
        header_line=form.header_line,
        encoding=form.encoding,
        known=form.columns,
    )


def _decompressed(content: bytes, compression: Compression) -> bytes:
    try:
        with pa.CompressedInputStream(pa.BufferReader(content), compression) as stream:
            return bytes(stream.read())
    except OSError as error:
        if not content or _CUT in str(error):
            raise NotWhole(f"ends within its {compression} stream") from error
        raise Unreadable(f"cannot be decompressed as {compression} ({error})") from error


def _json_lines(content: bytes, encoding: str, *, settled: bool) -> FileRows:
    """Objects, one a line; or one array of objects, as some systems write a file of that suffix."""
    if encoding != "utf-8":
        try:
            content = content.decode(encoding).encode()
        except UnicodeDecodeError as error:
            raise Unreadable(f"is not text in {encoding} (byte {error.start})") from error
    content = content.removeprefix(b"\xef\xbb\xbf")
    if content.lstrip().startswith(b"["):
        return _json_array(content)
    items: list[dict[str, Any]] = []
    malformed: list[str] = []
    *lines, last = content.split(b"\n")
    for line in (*lines, last):
        text = message_text(line.rstrip(b"\r"))
        if not text.strip():
            continue
        item = json_object(text)
        if item is not None:
            items.append(item)
        elif line is last:
            raise NotWhole(f"ends within a row: its last line, {len(lines) + 1}, is no whole object")
        else:
            malformed.append(text)
    if not content.strip() and not settled:
        raise NotWhole("is empty, and has just been changed")
    return FileRows(objects_table(items), tuple(malformed))


def _json_array(content: bytes) -> FileRows:
    try:
        items = json_value(content)
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise Unreadable("is no JSON array of objects")
        return FileRows(objects_table(items))
    except (ValueError, RecursionError) as error:
        if not content.rstrip().endswith(b"]"):
            raise NotWhole("ends within its JSON array") from error
        raise Unreadable(f"is not JSON ({error})") from error


def _parquet(content: bytes, form: FileForm) -> pa.Table:
    if not content.endswith(_PARQUET_MARK):
        if content[:4] != _PARQUET_MARK[: len(content)]:
            raise Unreadable("is not a Parquet file")
        raise NotWhole("has no footer")
    try:
        table = pq.read_table(pa.BufferReader(content), page_checksum_verification=True)
        table.validate(full=True)  # text that is no UTF-8 would fail wherever it is used
        names = table.column_names
    except (pa.ArrowException, OSError) as error:
        raise Unreadable(f"is damaged, or not a Parquet file ({_first_line(error)})") from error
    except UnicodeDecodeError as error:
        raise Unreadable("is damaged: the name of a column is no text") from error
    checked_columns(names, form.columns)
    return pa.table({name: _column(name, table[name], form) for name in names})


def _column(name: str, values: pa.ChunkedArray, form: FileForm) -> pa.ChunkedArray:
    """A column as text; one that the contract does not have, and that is no text, is left empty: nobody reads it."""
    try:
        return column_as_text(name, values, form.zone)
    except Unreadable:
        if form.columns and name not in (*form.columns, form.day_column):
            return pa.chunked_array([pa.nulls(len(values), pa.string())])
        raise


def column_as_text(name: str, values: pa.ChunkedArray, zone: str) -> pa.ChunkedArray:
    """A column as text without loss; a timestamp without a zone is a moment of `zone`.

    Raises:
        Unreadable: A value is no text.
    """
    try:
        return _as_text(values, zone)
    except pa.ArrowException as error:
        # Without the error's text: it may quote a value.
        raise Unreadable(f"has a column '{name}' of type {values.type} whose values are no text") from error


def _as_text(values: pa.ChunkedArray, zone: str) -> pa.ChunkedArray:
    kind = values.type
    if pa.types.is_dictionary(kind):
        return _as_text(pc.cast(values, kind.value_type), zone)
    if pa.types.is_timestamp(kind):
        # Cut to microseconds, as validation does.
        moment = pc.cast(values, pa.timestamp("us", kind.tz), safe=False)
        return naive_as_text(moment, zone) if kind.tz is None else as_text(pc.cast(moment, MOMENT))
    if pa.types.is_nested(kind):
        found = [None if value is None else json.dumps(value, default=str) for value in values.to_pylist()]
        return pa.chunked_array([pa.array(found, pa.string())])
    return pc.cast(values, pa.string())


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
