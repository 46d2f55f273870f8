"""Rows as text: CSV and JSON.

Belongs here: the bytes of rows. Does not belong here: the columns of the rows, where the text is written to
(`landing.py`).
"""

import io

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv


def json_rows(table: pa.Table) -> pa.StringArray:
    """One compact JSON object a row, columns in the table's order; null is `null`.

    Strings are written as they are: they must not have quotes, backslashes or control characters, which is true of the
    sandbox's identifiers, words and moments.
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
        pyarrow.ArrowInvalid: A value has a comma, a quote or a line break, which would need quoting.
    """
    sink = io.BytesIO()
    sink.write((",".join(names) + "\n").encode())
    pcsv.write_csv(table, sink, pcsv.WriteOptions(include_header=False, quoting_style="none"))
    return sink.getvalue()
