"""Numbers and moments as text, a whole column at a time.

Belongs here: ISO-8601 moments, identifiers and JSON rows as Arrow strings, and CSV bytes. Does not belong here: where
text is written to.
"""

import io

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv

_MOMENT_BYTES = 27  # YYYY-MM-DDTHH:MM:SS.ffffffZ


def iso_moments(micros: np.ndarray) -> pa.StringArray:
    """Moments as `YYYY-MM-DDTHH:MM:SS.ffffffZ`, which sort as text like they do in time.

    Args:
        micros: int64 [n], microseconds since 1970 (UTC), of years 1000 to 9999.
    """
    count = len(micros)
    plain = pa.array(micros, pa.timestamp("us")).cast(pa.string())
    digits = np.frombuffer(plain.buffers()[2] or b"", np.uint8)[: count * (_MOMENT_BYTES - 1)]
    text = np.empty((count, _MOMENT_BYTES), np.uint8)
    text[:, :-1] = digits.reshape(count, _MOMENT_BYTES - 1)
    text[:, 10] = ord("T")
    text[:, -1] = ord("Z")
    offsets = np.arange(count + 1, dtype=np.int32) * _MOMENT_BYTES
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(text))


def identifiers(prefix: str, numbers: np.ndarray, width: int) -> pa.StringArray:
    """Names such as `C0000042`: the prefix and the number, filled with zeros to the width."""
    digits = pc.utf8_lpad(pa.array(numbers, pa.int64()).cast(pa.string()), width, padding="0")
    return pc.binary_join_element_wise(pa.scalar(prefix), digits, "")


def coded(values: list[str] | tuple[str, ...], codes: np.ndarray) -> pa.StringArray:
    """The strings that integer codes stand for."""
    return pa.array(values, pa.string()).take(pa.array(codes, pa.int32()))


def json_rows(table: pa.Table) -> pa.StringArray:
    """One compact JSON object a row, columns in the table's order; null is `null`.

    String values are written as they are: they must hold no quotes, backslashes or control characters, which is true of
    the sandbox's identifiers, words and moments.
    """
    parts: list[object] = []
    for number, name in enumerate(table.column_names):
        column = table[name].combine_chunks()
        opening = ("{" if number == 0 else ",") + f'"{name}":'
        if pa.types.is_string(column.type):
            column = pc.binary_join_element_wise(pa.scalar('"'), column, pa.scalar('"'), "")
        else:
            column = column.cast(pa.string())
        parts += [pa.scalar(opening), pc.fill_null(column, "null")]
    return pc.binary_join_element_wise(*parts, pa.scalar("}"), "")


def csv_bytes(table: pa.Table, names: tuple[str, ...]) -> bytes:
    """A CSV file with an unquoted header of these names; null is an empty field.

    Raises:
        pyarrow.ArrowInvalid: A value holds a comma, a quote or a line break, which would need quoting.
    """
    sink = io.BytesIO()
    sink.write((",".join(names) + "\n").encode())
    pcsv.write_csv(table, sink, pcsv.WriteOptions(include_header=False, quoting_style="none"))
    return sink.getvalue()
