"""The forms in which rows are delivered: CSV in its dialects, JSON lines, Parquet, compressed or not.

Belongs here: rows to bytes. Does not belong here: which rows (`rows.py`), which faults (`kinds_*.py`).
"""

import bz2
import gzip
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.campaigns.deliveries.cases import Row
from tests.campaigns.deliveries.rows import COLUMNS

Compress = Callable[[bytes], bytes]


def as_is(data: bytes) -> bytes:
    """No compression."""
    return data


def gzipped(data: bytes) -> bytes:
    """One gzip member, the same bytes each time."""
    return gzip.compress(data, mtime=0)


def zstandard(data: bytes) -> bytes:
    """One zstd frame."""
    return pa.compress(data, codec="zstd", asbytes=True)  # type: ignore[no-any-return]


def zstandard_stream(data: bytes) -> bytes:
    """One zstd frame as a stream writes it, without the size of its content."""
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


COMPRESSED: Mapping[str, Compress] = {"gz": gzipped, "zst": zstandard_stream, "bz2": bz2.compress}


@dataclass(frozen=True)
class Dialect:
    """How a CSV is written.

    Attributes:
        quoting: `minimal` quotes where it must, `all` always; `header` quotes the header alone.
        before: Lines before the header.
    """

    delimiter: str = ","
    line_end: str = "\n"
    quoting: str = "minimal"
    bom: bool = False
    encoding: str = "utf-8"
    before: str = ""
    last_line_end: bool = True

    def cell(self, text: str | None, *, quoted: bool = False) -> str:
        """One value as it stands between two delimiters."""
        text = text or ""
        if quoted or self.quoting == "all" or any(sign in text for sign in ('"', "\n", "\r", self.delimiter)):
            return '"' + text.replace('"', '""') + '"'
        return text

    def line(self, texts: Sequence[str | None], *, quoted: bool = False) -> str:
        """One line without its end."""
        return self.delimiter.join(self.cell(text, quoted=quoted) for text in texts)

    def lines(self, rows: Sequence[Row], columns: Sequence[str] = COLUMNS) -> list[str]:
        """The header and a line for each row, with their ends."""
        header = self.line(columns, quoted=self.quoting == "header")
        return [
            text + self.line_end for text in (header, *(self.line([r.texts.get(c) for c in columns]) for r in rows))
        ]

    def encoded(self, text: str) -> bytes:
        """The bytes of a text, with what stands before it."""
        body = self.before + text
        return (b"\xef\xbb\xbf" if self.bom else b"") + body.encode(self.encoding)

    def file(self, rows: Sequence[Row], columns: Sequence[str] = COLUMNS) -> bytes:
        """A whole file."""
        text = "".join(self.lines(rows, columns))
        return self.encoded(text if self.last_line_end else text.removesuffix(self.line_end))


NUMERIC = ("amount", "share", "count")


def json_line(row: Row, columns: Sequence[str] = COLUMNS, *, nulls: bool = True, literal: bool = True) -> str:
    """One object; numbers and booleans as such where `literal` and their text is one."""
    cells = []
    for column in columns:
        text = row.texts.get(column)
        if text is None:
            if nulls:
                cells.append(f'"{column}": null')
            continue
        plain = literal and (
            (column in NUMERIC and _is_json_number(text)) or (column == "flag" and text in ("true", "false"))
        )
        cells.append(f'"{column}": {text if plain else json.dumps(text, ensure_ascii=False)}')
    return "{" + ", ".join(cells) + "}"


def _is_json_number(text: str) -> bool:
    try:
        return type(json.loads(text, parse_constant=lambda _: "")) in (int, float)
    except ValueError:
        return False


def json_lines(rows: Sequence[Row], line_end: str = "\n", **terms: Any) -> bytes:
    """A whole file of JSON lines."""
    return "".join(json_line(row, **terms) + line_end for row in rows).encode()


def parquet_file(columns: Mapping[str, pa.Array], **terms: Any) -> bytes:
    """A Parquet file of these columns."""
    sink = io.BytesIO()
    pq.write_table(pa.table(dict(columns)), sink, **terms)
    return sink.getvalue()


def parquet_columns(rows: Sequence[Row]) -> dict[str, pa.Array]:
    """The rows with the types that a careful writer gives them: exact decimals, times with a zone."""
    values = [row.published[0] for row in rows]
    types = {
        "id": pa.string(), "customer": pa.string(), "event_time": pa.timestamp("us", "UTC"),
        "known_at": pa.timestamp("us", "UTC"), "amount": pa.float64(), "share": pa.float64(), "count": pa.int64(),
        "flag": pa.bool_(), "note": pa.string(), "seen_at": pa.timestamp("us", "UTC"),
    }  # fmt: skip
    return {name: pa.array([value[name] for value in values], kind) for name, kind in types.items()}
