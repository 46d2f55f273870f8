"""Deliveries whose columns are others than the contract's.

Belongs here: headers that lack a column, have one more, or have them in another order. Does not belong here: values in
the columns (`kinds_values.py`), files as a whole (`kinds_files.py`).
"""

from dataclasses import replace
from datetime import date
from functools import partial
from random import Random

from tests.campaigns.deliveries.cases import Step, published, refused
from tests.campaigns.deliveries.forms import Dialect, json_lines, parquet_columns, parquet_file
from tests.campaigns.deliveries.kinds import Kind
from tests.campaigns.deliveries.rows import COLUMNS, good_rows

COUNT = 24


def columns_changed(chance: Random, day: date) -> list[Step]:
    """A header that lacks a column, has it under another name, twice, or in other letters."""
    rows, gone = good_rows(chance, day, COUNT), chance.choice(COLUMNS)
    left = tuple(column for column in COLUMNS if column != gone)
    how = chance.choice(["missing", "renamed", "letters", "twice", "none"])
    lines = Dialect().lines(rows)
    if how == "missing":
        return [refused({f"csv/{day}.csv": Dialect().file(rows, left)}, day, gone)]
    if how == "none":
        return [refused({f"csv/{day}.csv": "".join(lines[1:]).encode()}, day, "header")]
    other = {"renamed": f"{gone}_2", "letters": gone.upper(), "twice": left[0]}[how]
    header = ",".join(other if column == gone else column for column in COLUMNS) + "\n"
    named = other if how == "twice" else gone
    return [refused({f"csv/{day}.csv": (header + "".join(lines[1:])).encode()}, day, named)]


def columns_lost(form: str, chance: Random, day: date) -> list[Step]:
    """The same for the other formats; in JSON lines an optional key may be absent."""
    rows, gone = good_rows(chance, day, COUNT), chance.choice(COLUMNS[:5])
    if form == "parquet":
        columns = parquet_columns(rows)
        del columns[gone]
        return [refused({f"parquet/{day}.parquet": parquet_file(columns)}, day, gone)]
    left = tuple(column for column in COLUMNS if column != gone)
    return [refused({f"jsonl/{day}.jsonl": json_lines(rows, columns=left)}, day)]


def columns_moved(chance: Random, day: date) -> list[Step]:
    """Columns in another order."""
    rows, columns = good_rows(chance, day, COUNT), list(COLUMNS)
    chance.shuffle(columns)
    return [published({f"csv/{day}.csv": Dialect().file(rows, columns)}, day, rows)]


def column_added(chance: Random, day: date) -> list[Step]:
    """A column more than the contract has: the rows are published without it."""
    rows = good_rows(chance, day, COUNT)
    wide = [replace(row, texts={**row.texts, "surplus": "1"}) for row in rows]
    return [published({f"csv/{day}.csv": Dialect().file(wide, (*COLUMNS, "surplus"))}, day, rows)]


KINDS = (
    Kind("columns_changed", "csv", columns_changed),
    Kind("columns_lost_jsonl", "jsonl", partial(columns_lost, "jsonl")),
    Kind("columns_lost_parquet", "parquet", partial(columns_lost, "parquet")),
    Kind("columns_moved", "csv", columns_moved),
    Kind("column_added", "csv", column_added),
)
