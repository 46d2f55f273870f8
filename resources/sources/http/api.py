"""The reader of an HTTP API.

Belongs here: asking an API for a day, page by page, what its answers mean, and which days it answers differently now.
Does not belong here: one question and its retries (`client.py`), the meaning of columns.

An API that takes the ends of a window is asked for an hour as it is for a day. Any other one answers with a day: it is
asked once for the hours of a day, whose rows are divided by their time. A row whose time cannot be read belongs to the
day or the window that was asked for, and there to the first hour.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.compute as pc

from resources.slots import Hour, Slot, day_of, days_of, end_of, first_of, named, slot_holding, start_of
from resources.sources.http.client import ApiClient, hidden
from resources.sources.readers import (
    Closing,
    DayRows,
    SourceBroken,
    SourceUnavailable,
    json_value,
    objects_table,
    table_digest,
)
from resources.sources.times import moments, slot_type, slots, table_with_offsets, with_known

_PAGES = 10_000
_MOST_TAGS = 100
"""Of a day with more pages the tags are not kept: they are in the metadata of its commit."""
_OVERLAP = 3
"""How many of the last days are asked for again, where the API has ETags."""


@dataclass(frozen=True)
class ApiForm:
    """How an API is asked, and where its answer has the rows; `assets.product.HttpEndpoint` describes it for people."""

    source: str
    path: str
    day_parameter: str = "day"
    rows_field: str = ""
    next_field: str = ""
    cursor_parameter: str = "cursor"
    key_header: str = ""
    until_parameter: str = ""
    page_size: int | None = None
    limit_parameter: str = "limit"
    offset_parameter: str = "offset"
    most_a_second: float | None = None
    day_column: str = ""
    known_after: timedelta | None = None
    zone: str = "UTC"
    times: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Page:
    """An answer: its rows, what it says of the next page, and the tag by which the server knows it."""

    url: httpx.URL
    rows: list[dict[str, Any]]
    following: httpx.URL | None
    tag: str


class HttpReader(Closing):
    """The JSON objects of each day: GET `{base}{path}?day=YYYY-MM-DD`, then its further pages.

    Args:
        token: The secret, sent as a bearer token or in the form's `key_header`; to this server alone.
        secret: The variable that gives the token, for messages.
        timeout: Seconds that the server may take for an answer.
        wait: Seconds before the second attempt; they double with each attempt.
    """

    def __init__(
        self,
        base: str,
        form: ApiForm,
        *,
        token: str | None = None,
        secret: str = "",
        timeout: float = 20.0,
        wait: float = 0.25,
    ) -> None:
        self._form = form
        self._client = ApiClient(
            base, token=token, key_header=form.key_header, secret=secret, timeout=timeout, wait=wait,
            most_a_second=form.most_a_second,
        )  # fmt: skip

    def read(self, days: Sequence[Slot]) -> Iterator[DayRows]:
        """The rows of each day, or hour.

        Raises:
            SourceUnavailable: The server does not answer, is busy, or cut its answer short.
            SourceBroken: It refuses, or its answer is not of the form.
        """
        for asked, wanted in groupby(days, self._asked):
            yield from self._answered(asked, tuple(wanted))

    def fields(self, day: date) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
        """Of an answer that is an object: its fields with arrays of objects, and its other fields; else `None`.

        Raises:
            SourceUnavailable, SourceBroken: As `read`.
        """
        content = self._content(self._first(day), self._where(day))[0]
        if not isinstance(content, dict):
            return None
        arrays = [name for name, value in content.items() if isinstance(value, list) and _are_objects(value)]
        return tuple(arrays), tuple(name for name in content if name not in arrays)

    def changed(self, recorded: Mapping[Slot, Mapping[str, Any]]) -> frozenset[Slot]:
        """See `Reader.changed`. Asks for the last days whose answers had ETags; for others the API is not asked."""
        last = days_of(recorded)[-_OVERLAP:]
        tagged = [slot for slot in sorted(recorded) if day_of(slot) in last and recorded[slot].get("tags")]
        late: set[Slot] = set()
        for asked, wanted in groupby(tagged, self._asked):
            known = tuple(wanted)
            if not self._holds(asked, [dict(recorded[slot]["tags"]) for slot in known]):
                now = self._answered(asked, known)
                late |= {found.day for found in now if found.origin["digest"] != recorded[found.day]["digest"]}
        return frozenset(late)

    def _asked(self, slot: Slot) -> Slot:
        """The day, or the hour, for which the API is asked to have the rows of a slot."""
        asked = slot - (self._form.known_after or timedelta(0))
        return asked if self._form.until_parameter else day_of(asked)

    def _holds(self, asked: Slot, tags: Sequence[Mapping[str, str]]) -> bool:
        """Whether the API still gives an answer with the same tags each time it was asked.

        Args:
            tags: Of each page of an answer. The hours of a day may be of several answers: the rows tell which changed.
        """
        if any(one != tags[0] for one in tags):
            return False
        where = self._where(asked)
        try:
            return all(
                self._client.ask(self._client.joined(url), where, unless=tag) is None for url, tag in tags[0].items()
            )
        except SourceBroken:  # the address of a page, with its cursor, may hold for a while alone: the day tells
            return False

    def _answered(self, asked: Slot, wanted: Sequence[Slot]) -> Iterator[DayRows]:
        """The rows of slots that are in one answer.

        Args:
            wanted: The slot that is asked for, as rows of it become known; or hours of a day that is asked for.
        """
        where, pages = self._where(wanted[0]), list(self._pages(asked))
        items = [item for page in pages for item in page.rows]
        try:
            rows: pa.Table = objects_table(items)
        except ValueError as error:
            raise SourceBroken(f"{where} did not answer with JSON ({error}); ask its owner") from error
        is_divided = isinstance(wanted[0], Hour) and not isinstance(asked, Hour)
        of_rows = None
        if (self._form.day_column or is_divided) and rows.num_columns:
            rows, known = self._timed(rows, asked, where)
            if is_divided:
                first = first_of(asked, wanted[0]) + (self._form.known_after or timedelta(0))
                of_rows = pc.fill_null(slots(known, first), pa.scalar(first, slot_type(first)))
        told = {"url": hidden(pages[0].url), "pages": len(pages)}
        if len(pages) <= _MOST_TAGS and all(page.tag for page in pages):
            told["tags"] = {page.url.raw_path.decode(): page.tag for page in pages}
        for slot in wanted:
            own = rows if of_rows is None else rows.filter(pc.equal(of_rows, pa.scalar(slot, of_rows.type)))
            yield DayRows(slot, own, origin={**told, "rows": own.num_rows, "digest": table_digest(own)})

    def _timed(self, rows: pa.Table, asked: Slot, where: str) -> tuple[pa.Table, pa.ChunkedArray]:
        """The rows with their times, if they are of the day or window that was asked for; when each became known.

        Raises:
            SourceBroken: One is not, or they have no such column.
        """
        form = self._form
        if form.day_column not in rows.column_names:
            raise SourceBroken(f"{where} answered without '{form.day_column}', which day_column names; ask its owner")
        rows = table_with_offsets(rows, [form.day_column, *form.times], form.zone)
        at = moments(rows[form.day_column], form.zone)
        others = at.filter(pc.fill_null(pc.not_equal(slots(at, asked), pa.scalar(asked, slot_type(asked))), False))
        if len(others):
            raise SourceBroken(
                f"{where} answered with a row of {slot_holding(pc.min(others).as_py(), asked)}, and was asked for "
                f"{asked}; check day_parameter= and zone=, or ask its owner"
            )
        return with_known(rows, form.day_column, form.known_after, form.zone)

    def _first(self, asked: Slot) -> httpx.URL:
        """The address of the first page of a day or, of an API with windows, of an hour."""
        form = self._form
        params = {form.day_parameter: str(asked)}
        if form.until_parameter:
            ends = (f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in (start_of(asked), end_of(asked)))
            params = dict(zip((form.day_parameter, form.until_parameter), ends, strict=True))
        if form.page_size is not None:
            params |= {form.limit_parameter: str(form.page_size), form.offset_parameter: "0"}
        return self._client.url(form.path, params)

    def _pages(self, slot: Slot) -> Iterator[_Page]:
        """The pages of a day, or an hour, in their order."""
        form, where = self._form, self._where(slot)
        url: httpx.URL | None = self._first(slot)
        asked: set[httpx.URL] = set()
        place, before = 0, None
        while url is not None:
            if url in asked or len(asked) == _PAGES:
                raise SourceBroken(f"{where} answers page after page without an end ({len(asked)}); ask its owner")
            asked.add(url)
            page = self._page(url, where)
            yield page
            url = page.following
            if form.page_size is not None and page.rows:
                if page.rows == before:
                    raise SourceBroken(
                        f"{where} gives the same rows from {form.offset_parameter}={place} on as before it: it does "
                        f"not know this parameter; correct offset_parameter=, or leave page_size= out"
                    )
                # A server may give fewer rows than asked for: the end is a page without any.
                place, before = place + len(page.rows), page.rows
                url = page.url.copy_set_param(form.offset_parameter, str(place))

    def _where(self, slot: Slot) -> str:
        return f"source {self._form.source}, {named(slot)}: {hidden(self._client.url(self._form.path, {}))}"

    def _page(self, url: httpx.URL, where: str) -> _Page:
        """One page.

        Raises:
            SourceUnavailable, SourceBroken: As `read`.
        """
        content, answer = self._content(url, where)
        form, following = self._form, None
        if isinstance(content, dict):
            following = content.get(form.next_field) if form.next_field else None
            content = content.get(form.rows_field) if form.rows_field else content
        if not isinstance(content, list) or not _are_objects(content):
            at = f" in '{form.rows_field}'" if form.rows_field else ""
            raise SourceBroken(
                f"{where} did not answer with a JSON array of objects{at}; name its field with rows_field=, or ask its "
                f"owner"
            )
        return _Page(url, content, self._next(answer, following, where), answer.headers.get("ETag", ""))

    def _content(self, url: httpx.URL, where: str) -> tuple[Any, httpx.Response]:
        """What the server answers, as a value of JSON."""
        answer = self._client.ask(url, where)
        if answer is None:
            raise AssertionError("only a question with a tag has no answer")
        try:
            return json_value(answer.content), answer
        except (ValueError, RecursionError) as error:
            if answer.content.strip()[:1] in (b"[", b"{") and answer.content.rstrip()[-1:] not in (b"]", b"}"):
                raise SourceUnavailable(
                    f"{where} sent an answer that ends within a row; the day waits: run it again later"
                ) from error
            raise SourceBroken(f"{where} did not answer with JSON ({error}); ask its owner") from error

    def _next(self, answer: httpx.Response, following: object, where: str) -> httpx.URL | None:
        """The address of the next page: of a link header, or of the field that names a link or a cursor."""
        link = answer.links.get("next", {}).get("url")
        if link is None and following not in (None, "", False):
            text = str(following)
            if not text.startswith(("http://", "https://", "/", "?")):
                return answer.url.copy_set_param(self._form.cursor_parameter, text)
            link = text
        return None if link is None else self._client.followed(answer, link, where)

    def __exit__(self, *exception: object) -> None:
        self._client.close()


def _are_objects(items: list[Any]) -> bool:
    return all(isinstance(item, dict) for item in items)
