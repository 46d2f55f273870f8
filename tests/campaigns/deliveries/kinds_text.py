"""Deliveries in the dialects of text: delimiters, quotes, byte order marks, encodings, compression, block boundaries.

Belongs here: kinds whose rows are all good, in odd forms, and forms that cannot be read. Does not belong here: odd
values (`kinds_values.py`), files that come and change (`kinds_files.py`).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from random import Random

from tests.campaigns.deliveries.cases import ANY_COLUMN, Row, Step, published, refused
from tests.campaigns.deliveries.forms import COMPRESSED, Compress, Dialect, as_is, gzipped, json_line, zstandard
from tests.campaigns.deliveries.kinds import Kind
from tests.campaigns.deliveries.rows import COLUMNS, ODD_NOTES, PLAIN_NOTES, good_rows

NOTES = (*PLAIN_NOTES, *ODD_NOTES)
COUNT = 24
MEBIBYTE = 2**20
# Powers of two at which readers cut their input.
BLOCKS = (MEBIBYTE, 2**16, 2**17, 2**18, 2**15, 2 * MEBIBYTE)
TOKENS = ("\n", "\r\n", '"', '""', ',"', '",', '"\n"', '\n"', "ä", "€", "🎈", "\r", "\n\n", "\\", '\\"')


def dialect(
    how: Dialect, path: str, chance: Random, day: date, *, compress: Compress = as_is, notes: Sequence[str] = NOTES
) -> list[Step]:
    """All kinds of notes in one dialect."""
    rows = good_rows(chance, day, COUNT, notes=notes)
    return [published({path.format(day=day): compress(how.file(rows))}, day, rows)]


def members(chance: Random, day: date) -> list[Step]:
    """A gzip file of several members, one of them empty."""
    rows = good_rows(chance, day, COUNT, notes=NOTES)
    data = Dialect().file(rows)
    cut = chance.randrange(len(data))
    return [published({f"gz/{day}.csv.gz": gzipped(data[:cut]) + gzipped(b"") + gzipped(data[cut:])}, day, rows)]


def trailing(chance: Random, day: date) -> list[Step]:
    """A gzip file with bytes behind its end."""
    rows = good_rows(chance, day, COUNT)
    data = gzipped(Dialect().file(rows)) + chance.choice([b"garbage", b"\x00" * 512, b"\x1f\x8b"])
    return [published({f"gz/{day}.csv.gz": data}, day, rows, may_refuse=True)]


def not_compressed(name: str, chance: Random, day: date) -> list[Step]:
    """A file whose suffix lies."""
    return [refused({f"{name}/{day}.csv.{name}": Dialect().file(good_rows(chance, day, COUNT))}, day)]


def compressed_unasked(chance: Random, day: date) -> list[Step]:
    """A compressed file under the name of a plain one."""
    return [
        refused(
            {f"csv/{day}.csv": chance.choice([gzipped, zstandard])(Dialect().file(good_rows(chance, day, COUNT)))}, day
        )
    ]


def wrong_encoding(chance: Random, day: date) -> list[Step]:
    """Bytes that are no text of the declared encoding, in the middle of the file or behind a mebibyte."""
    rows = list(good_rows(chance, day, COUNT))
    place = chance.randrange(COUNT)
    rows[place] = replace(rows[place], texts={**rows[place].texts, "note": "caf@@"}, published=(), faulty=ANY_COLUMN)
    padding = "x" * chance.choice([0, MEBIBYTE + 5])
    first = rows[0] if place else rows[1]
    rows[rows.index(first)] = _with_note(first, padding + "y")
    data = Dialect().file(rows).replace(b"caf@@", b"caf\xe9\xff")
    return [published({f"csv/{day}.csv": data}, day, tuple(rows), may_refuse=True)]


def nul_bytes(form: str, chance: Random, day: date) -> list[Step]:
    """A NUL in a text: published as it is, quarantined, or refused; never lost."""
    rows = list(good_rows(chance, day, COUNT))
    place = chance.randrange(COUNT)
    rows[place] = replace(_with_note(rows[place], "a\x00b"), faulty=ANY_COLUMN)
    data = Dialect().file(rows) if form == "csv" else "".join(json_line(row) + "\n" for row in rows).encode()
    return [published({f"{form}/{day}.{form}": data}, day, tuple(rows), may_refuse=True)]


def huge_field(form: str, chance: Random, day: date) -> list[Step]:
    """A value longer than any block, with line breaks in it."""
    rows = list(good_rows(chance, day, COUNT))
    place = chance.randrange(COUNT)
    rows[place] = _with_note(rows[place], ('line "of" text,\n' if chance.random() < 0.7 else "word ") * (MEBIBYTE // 6))
    data = Dialect().file(rows) if form == "csv" else "".join(json_line(row) + "\n" for row in rows).encode()
    return [published({f"{form}/{day}.{form}": data}, day, tuple(rows))]


def boundaries(form: str, compress: Compress, chance: Random, day: date) -> list[Step]:
    """A note in which each boundary of blocks cuts a sign that matters: a line break, a quote, a character."""
    how = Dialect(line_end=chance.choice(["\n", "\r\n"]), quoting=chance.choice(["minimal", "all"]))
    render = _json if form.startswith("jsonl") else partial(_csv, how)
    head = "" if form.startswith("jsonl") else how.line(COLUMNS) + how.line_end
    rows, lines, size, block = [], [head], len(head), chance.choice(BLOCKS)
    end = (2 * MEBIBYTE if block < MEBIBYTE else 2 * block) + 3_000
    for row in good_rows(chance, day, 2_000):
        if size > end:
            break
        to_boundary = block - size % block
        note = "n\n" + "x" * min(6_000, max(0, to_boundary - 1_500))
        if to_boundary < 1_500:
            token = chance.choice(TOKENS)
            before = len(render(_with_note(row, "\n@@@@")).split("@@@@")[0].encode())
            note = (
                "\n"
                + "x" * max(0, to_boundary - before - chance.randrange(len(token.encode()) + 2))
                + token * 3
                + "end"
            )
        row = _with_note(row, note)
        line = render(row)
        rows.append(row)
        lines.append(line)
        size += len(line.encode())
    suffix = {"gz": "csv.gz", "zst": "csv.zst", "jsonl_gz": "jsonl.gz"}.get(form, form)
    name = f"{form}/{day}.{suffix}"
    return [published({name: compress("".join(lines).encode())}, day, tuple(rows))]


def unclosed_quote(chance: Random, day: date) -> list[Step]:
    """A quote that opens a value and is never closed swallows the rest of the file."""
    lines = Dialect().lines(good_rows(chance, day, COUNT))
    place = chance.randrange(1, COUNT + 1)
    lines[place] = '"' + lines[place]
    return [refused({f"csv/{day}.csv": "".join(lines).encode()}, day)]


def inner_quotes(chance: Random, day: date) -> list[Step]:
    """Quotes within a value that is not quoted are signs like others."""
    rows = tuple(_with_note(row, chance.choice(['5" nail', 'a"b"c', 'x""'])) for row in good_rows(chance, day, COUNT))
    data = "".join(Dialect().lines([_with_note(row, "@@@@") for row in rows]))
    for row in rows:
        data = data.replace("@@@@", str(row.texts["note"]), 1)
    ragged = tuple(replace(row, faulty=ANY_COLUMN) for row in rows)
    return [published({f"csv/{day}.csv": data.encode()}, day, ragged, may_refuse=True)]


def ragged(chance: Random, day: date) -> list[Step]:
    """A row with a value too many, or too few."""
    rows = list(good_rows(chance, day, COUNT))
    lines = Dialect().lines(rows)
    for place in chance.sample(range(COUNT - 1), 3):
        fields = lines[place + 1].rstrip("\n")
        lines[place + 1] = chance.choice(
            [fields + ",surplus\n", fields.rsplit(",", 1)[0] + "\n", fields.split(",")[0] + "\n", fields + ",,\n"]
        )
        rows[place] = replace(rows[place], published=(), faulty=ANY_COLUMN)
    return [published({f"csv/{day}.csv": "".join(lines).encode()}, day, tuple(rows))]


def blank_lines(form: str, chance: Random, day: date) -> list[Step]:
    """Empty lines behind the last row are no rows."""
    rows = good_rows(chance, day, COUNT)
    how = Dialect(line_end=chance.choice(["\n", "\r\n"]))
    data = how.file(rows) if form == "csv" else "".join(json_line(row) + how.line_end for row in rows).encode()
    return [published({f"{form}/{day}.{form}": data + how.line_end.encode() * chance.randrange(1, 4)}, day, rows)]


def odd_json(chance: Random, day: date) -> list[Step]:
    """Lines that are no object, or none that JSON knows; each is quarantined, or the file is refused."""
    rows = list(good_rows(chance, day, COUNT))
    lines = [json_line(row) for row in rows]
    for place in chance.sample(range(COUNT - 1), 4):
        good = lines[place]
        lines[place] = chance.choice(
            [
                "[1, 2]",
                "null",
                "7",
                '"text"',
                good[:-3],
                good + good,
                good.replace(":", "=", 1),
                "{}",
                good + ",",
                "{'id': 'x'}",
            ]
        )
        rows[place] = replace(rows[place], published=(), faulty=ANY_COLUMN)
    return [published({f"jsonl/{day}.jsonl": "\n".join([*lines, ""]).encode()}, day, tuple(rows), may_refuse=True)]


def json_escapes(chance: Random, day: date) -> list[Step]:
    """Texts written with escapes; half a surrogate pair is no text."""
    rows, lines = [], []
    for row in good_rows(chance, day, COUNT):
        text, note = chance.choice(
            [
                ("\\u00e4\\u20ac", "ä€"),
                ("\\ud83c\\udf88", "🎈"),
                ("\\/\\b\\f\\t", "/\b\f\t"),
                ("\\u2028", "\u2028"),
                ("\u2028", "\u2028"),
                ("\\ud800", None),
                ("\x85", "\x85"),
                ("\\u000a", "\n"),
            ]
        )
        lines.append(json_line(_with_note(row, "@@@@")).replace("@@@@", text))
        rows.append(
            _with_note(row, note) if note is not None else replace(row, published=(), faulty=ANY_COLUMN, anything=True)
        )
    lone = any(row.anything for row in rows)
    return [published({f"jsonl/{day}.jsonl": "\n".join([*lines, ""]).encode()}, day, tuple(rows), may_refuse=lone)]


def json_shapes(chance: Random, day: date) -> list[Step]:
    """Keys in any order, absent where there is no value, numbers as texts in some lines and as numbers in others."""
    rows = good_rows(chance, day, 400)
    lines = []
    for row in rows:
        columns = list(COLUMNS)
        chance.shuffle(columns)
        lines.append(json_line(row, columns, nulls=chance.random() < 0.5, literal=chance.random() < 0.5))
    data = chance.choice(["\n", "\r\n"]).join([*lines, ""]).encode()
    return [published({f"jsonl/{day}.jsonl": (b"\xef\xbb\xbf" if chance.random() < 0.3 else b"") + data}, day, rows)]


def _with_note(row: Row, note: str) -> Row:
    return replace(row, texts={**row.texts, "note": note}, published=({**row.published[0], "note": note},))


def _csv(how: Dialect, row: Row) -> str:
    return how.line([row.texts[column] for column in COLUMNS]) + how.line_end


def _json(row: Row) -> str:
    return json_line(row) + "\n"


_D = Dialect

KINDS = (
    Kind("plain", "csv", partial(dialect, _D(), "csv/{day}.csv")),
    Kind("crlf", "csv", partial(dialect, _D(line_end="\r\n"), "csv/{day}.csv")),
    Kind("bom", "csv", partial(dialect, _D(bom=True), "csv/{day}.csv")),
    Kind("quoted_header", "csv", partial(dialect, _D(quoting="header"), "csv/{day}.csv")),
    Kind(
        "bom_quoted_header", "csv", partial(dialect, _D(bom=True, quoting="header", line_end="\r\n"), "csv/{day}.csv")
    ),
    Kind("all_quoted", "csv", partial(dialect, _D(quoting="all"), "csv/{day}.csv")),
    Kind("no_last_line_end", "csv", partial(dialect, _D(last_line_end=False), "csv/{day}.csv")),
    Kind("semicolon", "semicolon", partial(dialect, _D(delimiter=";"), "semicolon/{day}.csv")),
    Kind(
        "pipe_third_line", "pipe", partial(dialect, _D(delimiter="|", before='report\nof "today\n'), "pipe/{day}.csv")
    ),
    Kind("tsv", "tsv", partial(dialect, _D(delimiter="\t"), "tsv/{day}.tsv")),
    Kind("gz", "gz", partial(dialect, _D(), "gz/{day}.csv.gz", compress=gzipped)),
    Kind("gz_bom", "gz", partial(dialect, _D(bom=True, line_end="\r\n"), "gz/{day}.csv.gz", compress=gzipped)),
    Kind("zst", "zst", partial(dialect, _D(), "zst/{day}.csv.zst", compress=zstandard)),
    Kind("zst_stream", "zst", partial(dialect, _D(), "zst/{day}.csv.zst", compress=COMPRESSED["zst"])),
    Kind("bz2", "bz2", partial(dialect, _D(), "bz2/{day}.csv.bz2", compress=COMPRESSED["bz2"])),
    Kind("western", "western", partial(dialect, _D(encoding="cp1252"), "western/{day}.csv")),
    Kind("wide", "wide", partial(dialect, _D(encoding="utf-16"), "wide/{day}.csv")),
    Kind("gz_members", "gz", members),
    Kind("gz_trailing", "gz", trailing),
    Kind("gz_in_name_only", "gz", partial(not_compressed, "gz")),
    Kind("zst_in_name_only", "zst", partial(not_compressed, "zst")),
    Kind("bz2_in_name_only", "bz2", partial(not_compressed, "bz2")),
    Kind("compressed_unasked", "csv", compressed_unasked),
    Kind("wrong_encoding", "csv", wrong_encoding),
    Kind("nul_csv", "csv", partial(nul_bytes, "csv")),
    Kind("nul_jsonl", "jsonl", partial(nul_bytes, "jsonl")),
    Kind("huge_csv", "csv", partial(huge_field, "csv")),
    Kind("huge_jsonl", "jsonl", partial(huge_field, "jsonl")),
    Kind("boundaries_csv", "csv", partial(boundaries, "csv", as_is)),
    Kind("boundaries_gz", "gz", partial(boundaries, "gz", gzipped)),
    Kind("boundaries_zst", "zst", partial(boundaries, "zst", COMPRESSED["zst"])),
    Kind("boundaries_jsonl", "jsonl", partial(boundaries, "jsonl", as_is)),
    Kind("boundaries_jsonl_gz", "jsonl_gz", partial(boundaries, "jsonl_gz", gzipped)),
    Kind("unclosed_quote", "csv", unclosed_quote),
    Kind("inner_quotes", "csv", inner_quotes),
    Kind("ragged", "csv", ragged),
    Kind("blank_lines_csv", "csv", partial(blank_lines, "csv")),
    Kind("blank_lines_jsonl", "jsonl", partial(blank_lines, "jsonl")),
    Kind("odd_json", "jsonl", odd_json),
    Kind("json_escapes", "jsonl", json_escapes),
    Kind("json_shapes", "jsonl", json_shapes),
)
