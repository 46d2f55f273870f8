"""A sample of an HTTP API: how it is asked for a day, and what it answers.

Belongs here: the parts of the address that a person gives, the field of an answer that has the rows, and days of rows.
Does not belong here: asking an API (`resources.sources`), samples of files and tables (`sample.py`).
"""

from datetime import date, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

import pyarrow as pa

from pipelines.drafting.sample import MOST_ROWS, ApiPlace, Sample, SampleUnreadable, source_name
from resources.environments import token_of, token_variable
from resources.sources.http.api import ApiForm, HttpReader

_DAYS = 60
"""A sample has the rows of so many days, up to yesterday."""
_DAY = "{day}"
_NEXT = ("next", "next_page", "next_url", "next_link", "next_cursor", "cursor")


def read_api(address: str, yesterday: date, *, name: str = "", zone: str = "UTC") -> Sample:
    """Reads a sample from an API that answers with the rows of a day.

    Args:
        address: Of its rows, as `https://host/v1/orders?date={day}`; without `{day}` the parameter is `day`.
        name: The name of the source; otherwise the last part of the address.

    Raises:
        SampleUnreadable: The address or the answers cannot be a source's; the message says what to write.
        SourceError: The API does not answer, or refuses.
    """
    parts = urlsplit(address)
    shown = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    folder, _, last = parts.path.rstrip("/").rpartition("/")
    if parts.username or not last:
        raise SampleUnreadable(f"{shown}: write the address of the rows, without a user: https://host/v1/orders")
    name = name or source_name(last, parts.hostname or "")
    query = parse_qsl(parts.query, keep_blank_values=True)
    parameter = next((key for key, value in query if value == _DAY), "day")
    kept = urlencode([(key, value) for key, value in query if value != _DAY])
    place = ApiPlace(
        address=f"{parts.scheme}://{parts.netloc}{folder}",
        connection=f"{name}_api",
        path=f"{last}?{kept}" if kept else last,
        day_parameter=parameter,
        zone=zone,
    )
    form = _form(place, name)
    with _reader(place, form) as reader:
        found = reader.fields(yesterday)
    if found is not None:
        arrays, others = found
        if len(arrays) != 1:
            raise SampleUnreadable(
                f"{shown}: its answer is an object with {len(arrays)} arrays of objects ({', '.join(arrays)}), and the "
                f"rows are to be in one; declare the source by hand, as docs/reference.md describes"
            )
        following = next((field for field in _NEXT if field in others), "")
        place = place.with_fields(arrays[0], following)
    return Sample(name, place, _rows(place, name, yesterday, shown))


def _rows(place: ApiPlace, name: str, yesterday: date, shown: str) -> pa.Table:
    """The rows of the last days, the oldest first."""
    parts: list[pa.Table] = []
    with _reader(place, _form(place, name)) as reader:
        for n in range(_DAYS):
            (found,) = reader.read([yesterday - timedelta(days=n)])
            if found.rows.num_rows:
                parts.append(found.rows)
            if len(parts) == 2 and parts[0] == parts[1]:
                raise SampleUnreadable(
                    f"{shown} answers with the same rows for two days: it does not know the parameter "
                    f"'{place.day_parameter}'; write its own, as ?date={_DAY}"
                )
            if sum(part.num_rows for part in parts) >= MOST_ROWS:
                break
    if not parts:
        raise SampleUnreadable(f"{shown} has no rows of the {_DAYS} days up to {yesterday}, so nothing can be proposed")
    return pa.concat_tables(parts[::-1], promote_options="default").slice(0, MOST_ROWS).combine_chunks()


def _form(place: ApiPlace, name: str) -> ApiForm:
    return ApiForm(name, place.path, place.day_parameter, rows_field=place.rows_field, next_field=place.next_field)


def _reader(place: ApiPlace, form: ApiForm) -> HttpReader:
    connection = place.connection
    return HttpReader(place.address, form, token=token_of(connection), secret=token_variable(connection))
