"""The text that declares a source of a draft.

Belongs here: each kind of source as Python, the connections that a product names itself, and how texts and periods are
written. Does not belong here: the rest of a product's file (`render.py`), what is proposed (`draft.py`).
"""

import json
from collections.abc import Iterator

from pipelines.drafting.parts import Draft, SourceDraft
from pipelines.drafting.sample import ApiPlace, FilesPlace, TablePlace

GUESSED = "  # guessed"
"""Marks a line that a person must look at."""


def connections(draft: Draft) -> str:
    """The addresses that the product declares, as a dictionary; empty where the environment has all of them."""
    found: dict[str, str] = {}
    for source in draft.sources:
        match source.sample.place:
            case FilesPlace() as place:
                found[_files_connection(source)] = str(place.folder)
            case ApiPlace() as place:
                found[place.connection] = place.address
            case TablePlace():
                pass  # the address may hold a secret: the environment alone has it
    return "{" + ", ".join(f"{text(name)}: {text(address)}" for name, address in found.items()) + "}" if found else ""


def kind_of(source: SourceDraft) -> str:
    """The name of the class that declares the source."""
    match source.sample.place:
        case FilesPlace():
            return "Files"
        case TablePlace() as place:
            return place.kind
        case ApiPlace():
            return "HttpEndpoint"


def declared(source: SourceDraft) -> str:
    """The declaration of a source, indented as an item of the product's sources."""
    match source.sample.place:
        case FilesPlace() as place:
            parts = _of_files(source, place)
        case TablePlace() as place:
            parts = _of_table(source, place)
        case ApiPlace() as place:
            parts = _of_api(source, place)
    return "\n".join([f"{kind_of(source)}(", *(f"            {part}," for part in parts), "        )"])


def text(value: str) -> str:
    """A text as Python writes it."""
    return json.dumps(value, ensure_ascii=False)


def period(days: int) -> str:
    """A number of days as Python writes it."""
    return f"timedelta(days={days})" if days else "timedelta(0)"


def title_of(name: str) -> str:
    """A name in words, as a heading."""
    return name.replace("_", " ").capitalize()


def _of_files(source: SourceDraft, place: FilesPlace) -> Iterator[str]:
    yield from (text(source.name), f"pattern={text(place.pattern)}", f"connection={text(_files_connection(source))}")
    yield from _times(source)
    form = place.form
    if form.header_line != 1:
        yield f"header_line={form.header_line}"
    if form.delimiter is not None:
        yield f"delimiter={text(form.delimiter)}"
    if form.encoding != "utf-8":
        yield f"encoding={text(form.encoding)}"
    if form.sheet:
        yield f"sheet={text(form.sheet)}"
    if form.zone != "UTC":
        yield f"zone={text(form.zone)}"


def _of_table(source: SourceDraft, place: TablePlace) -> Iterator[str]:
    yield from (text(source.name), text(place.table), f"connection={text(place.connection)}")
    yield from _times(source)
    if place.zone != "UTC":
        yield f"zone={text(place.zone)}"


def _of_api(source: SourceDraft, place: ApiPlace) -> Iterator[str]:
    yield from (text(source.name), text(place.path), f"connection={text(place.connection)}")
    if place.day_parameter != "day":
        yield f"day_parameter={text(place.day_parameter)}"
    if place.rows_field:
        yield f"rows_field={text(place.rows_field)}"
    if place.next_field:
        yield f"next_field={text(place.next_field)}"
    yield from _times(source)
    if place.zone != "UTC":
        yield f"zone={text(place.zone)}"


def _times(source: SourceDraft) -> Iterator[str]:
    if source.time is None:
        return
    known = source.known_at or source.time
    yield f"day_column={text(known.original)}"
    if source.known_at is None:
        yield f"known_after={period(source.known_after.days)}"


def _files_connection(source: SourceDraft) -> str:
    return f"{source.sample.name}_files"
