"""Checks of bodies, requests and events."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from assets.serving.requests.event import parse_event, parse_event_id
from assets.serving.requests.parse import RequestError, parse_json, parse_request
from assets.serving.requests.shape import RequestShape

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

SHAPE = RequestShape(
    row_id="application_id",
    keys=("customer_id",),
    numbers=("amount", "age"),
    categories={"purpose": ("car", "home")},
    labels=("terminal_id",),
)
GOOD = {"customer_id": "C1", "amount": 100, "age": None, "purpose": "car", "terminal_id": 7}


def parse(request: object, **settings: object) -> object:
    return parse_request(request, SHAPE, now=NOW, **({"as_of_allowed": True} | settings))  # type: ignore[arg-type]


def problems(request: object, **settings: object) -> tuple[str, ...]:
    with pytest.raises(RequestError) as refused:
        parse(request, **settings)
    return refused.value.problems


def test_a_good_request_keeps_its_values_in_the_order_of_the_shape() -> None:
    found = parse(GOOD)
    assert found.keys == {"customer_id": "C1"}  # type: ignore[attr-defined]
    assert list(found.values.items()) == [  # type: ignore[attr-defined]
        ("amount", 100.0), ("age", None), ("purpose", "car"), ("terminal_id", 7),
    ]  # fmt: skip
    assert found.as_of == NOW  # type: ignore[attr-defined]


def test_a_row_id_may_be_given_or_is_random() -> None:
    assert parse(GOOD | {"application_id": 12}).row_id == 12  # type: ignore[attr-defined]
    row_ids = {parse(GOOD).row_id for _ in range(3)}  # type: ignore[attr-defined]
    assert len(row_ids) == 3


def test_as_of_is_taken_only_where_it_is_allowed() -> None:
    request = GOOD | {"as_of": "2026-02-01T00:00:00+01:00"}
    assert parse(request).as_of == datetime(2026, 1, 31, 23, tzinfo=UTC)  # type: ignore[attr-defined]
    (problem,) = problems(request, as_of_allowed=False)
    assert "'as_of' is not allowed in this environment" in problem


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"amount": "100"}, "'amount' is \"100\" (text); it must be a number or null"),
        ({"amount": True}, "'amount' is true (boolean)"),
        ({"amount": [1]}, "'amount' is [1] (list)"),
        ({"amount": 1.1e12}, "within ±1e+12"),
        ({"amount": -(10**400)}, "within ±1e+12"),
        ({"amount": float("inf")}, "finite"),
        ({"amount": float("nan")}, "finite"),
        ({"purpose": "boat"}, "must be one of car, home, or null"),
        ({"purpose": 1}, "must be one of car, home, or null"),
        ({"customer_id": ""}, "1 to 255 bytes"),
        ({"customer_id": None}, "'customer_id' is null"),
        ({"customer_id": 1.5}, "must be an integer, or a text"),
        ({"customer_id": "a\0b"}, "without control characters"),
        ({"customer_id": "x" * 256}, "1 to 255 bytes"),
        ({"customer_id": "\ud800"}, "without control characters"),
        ({"application_id": {}}, "'application_id' is {}"),
        ({"as_of": "2026-02-01"}, "with a zone"),
        ({"as_of": "yesterday"}, "ISO-8601"),
        ({"as_of": 5}, "ISO-8601"),
        ({"as_of": "1969-01-01T00:00:00Z"}, "between 1970 and 2200"),
        ({"colour": "red"}, 'unknown field "colour"; known: age, amount'),
    ],
)
def test_a_wrong_value_is_named_with_the_remedy(change: dict[str, object], message: str) -> None:
    found = problems(GOOD | change)
    assert len(found) == 1
    assert message in found[0]


def test_every_problem_is_named_at_once() -> None:
    found = problems({"amount": "x", "purpose": "boat", "zip": 1})
    assert len(found) == 6


@pytest.mark.parametrize("request_", [None, [], "x", 3])
def test_a_request_is_an_object(request_: object) -> None:
    assert problems(request_)[0].endswith("it must be a JSON object")


def test_a_field_that_only_another_live_bundle_uses_is_ignored() -> None:
    assert "zip" not in parse(GOOD | {"zip": 1}, also_known=frozenset({"zip"})).values  # type: ignore[attr-defined]


def test_the_ordering_column_is_an_integer_and_not_optional() -> None:
    shape = RequestShape(row_id="tx", keys=(), numbers=(), categories={}, sequence="tx")
    assert parse_request({"tx": 9}, shape, now=NOW, as_of_allowed=False).sequence == 9
    for request in ({}, {"tx": "9"}, {"tx": None}, {"tx": True}):
        with pytest.raises(RequestError, match="tx"):
            parse_request(request, shape, now=NOW, as_of_allowed=False)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[1]", "must be a JSON object"),
        (b"\xff\xfe", "not JSON"),
        (b'{"a": NaN}', "NaN, which is no JSON number"),
        (b'{"a": -Infinity}', "-Infinity, which is no JSON number"),
        (b'{"a": 1, "a": 2}', '"a" is given twice'),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON"),
        (b"[" * 60_000, "nested too deeply"),
        (b'{"a": ' + b"[" * 20 + b"]" * 20 + b"}", "nested too deeply"),
        (b'{"a": ' + b"[" * 900 + b"]" * 900 + b"}", "nested too deeply"),
        (b'{"a": {"b": ["\\ud800"]}}', "field 'b' has half a surrogate pair"),
        (b'{"a": {"\\udfff": 1}}', "a field's name has half a surrogate pair"),
        (b'{"a": "\xed\xa0\x80"}', "not JSON"),
        (b'{"a": "' + b"x" * 66_000 + b'"}', "at most 65536"),
    ],
)
def test_a_body_that_is_no_strict_json_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(RequestError) as refused:
        parse_json(body)
    assert message in refused.value.problems[0]


def test_a_strict_body_is_read() -> None:
    assert parse_json(json.dumps({"request": GOOD}).encode()) == {"request": GOOD}


EVENT = {"customer_id": "C1", "event_time": "2026-03-01T11:00:00Z", "amount": 3}


def test_an_event_is_known_now_unless_it_says_when() -> None:
    assert parse_event(EVENT, now=NOW, any_time=False)["known_at"] == NOW
    earlier = EVENT | {"known_at": "2026-03-01T11:30:00Z"}
    assert parse_event(earlier, now=NOW, any_time=False)["known_at"] == NOW - timedelta(minutes=30)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"event_time": None}, "'event_time' is null"),
        ({"event_time": "2026-03-01T11:00:00"}, "with a zone"),
        ({"known_at": "2026-03-01T10:00:00Z"}, "is after 'known_at'"),
        ({"known_at": "2026-03-01T13:00:00Z"}, "is in the future"),
        ({"event_time": "2026-03-01T12:30:00Z"}, "is after 'known_at'"),
        ({"amount": 1e13}, "within"),
        ({"amount": {}}, "plain value"),
        ({"amount": 10**400}, "within 64 bits"),
        ({"amount": 2**63}, "within 64 bits"),
        ({"amount": 10**15}, "'amount' is a number; it must be below .* to be exact to a step"),
        ({"weight": 1e10}, "'weight' is a number; it must be below .* to be exact to a step"),
        ({"amount": 1.005}, "'amount' is a number; it must be a whole number of steps of 0.01"),
        ({"amount": float("inf")}, "must be finite"),
        ({"shop": "a\ud800"}, "'shop' is .* half a surrogate pair"),
    ],
)
def test_an_event_with_wrong_times_or_values_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        parse_event(EVENT | change, now=NOW, any_time=False, resolutions={"amount": 0.01, "weight": 1e-6})


def test_a_label_may_be_any_whole_number_of_64_bits() -> None:
    """Labels are compared for equality, not summed."""
    assert parse_event(EVENT | {"shop": 2**62}, now=NOW, any_time=False, resolutions={"amount": 0.01})["shop"] == 2**62


@pytest.mark.parametrize("given", ["", "a\ud800", "x" * 256])
def test_an_event_is_named_by_a_plain_text(given: str) -> None:
    assert parse_event_id(None) is None
    assert parse_event_id("payment-7") == "payment-7"
    with pytest.raises(RequestError, match="'event_id' is .* it must be a text of 1 to 255 bytes"):
        parse_event_id(given)


def test_an_event_without_a_time_is_refused() -> None:
    with pytest.raises(RequestError, match="'event_time' is missing"):
        parse_event({"amount": 1}, now=NOW, any_time=True)
