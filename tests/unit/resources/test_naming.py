"""Names, versions, digests and days."""

from datetime import date

import pytest

from resources.naming import BadName, checked_day, checked_name, checked_version, is_digest, is_name, is_version


@pytest.mark.parametrize("value", ["a", "card_fraud", "a1", "x" * 63])
def test_a_name(value: str) -> None:
    assert is_name(value)
    assert checked_name(value, "product") == value


@pytest.mark.parametrize("value", ["", "A", "1a", "a-b", "../a", "a\n", "x" * 64, None, 7])
def test_what_is_not_a_name(value: object) -> None:
    assert not is_name(value)
    with pytest.raises(BadName, match="^product .* is not a name"):
        checked_name(value, "product")  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["1", "V2.0-rc_1", "x" * 63])
def test_a_version(value: str) -> None:
    assert is_version(value)
    assert checked_version(value) == value


@pytest.mark.parametrize("value", ["", ".1", "-1", "1/2", "1 2", "1\n", "x" * 64, None, 1])
def test_what_is_not_a_version(value: object) -> None:
    assert not is_version(value)
    with pytest.raises(BadName, match=r"^version .* is not valid: write letters"):
        checked_version(value)  # type: ignore[arg-type]


def test_a_digest_is_sha_256_in_lower_case_hexadecimal() -> None:
    assert is_digest("0f" * 32)
    assert not any(is_digest(value) for value in ("0F" * 32, "0f" * 31, "0f" * 33, b"0f" * 32, None))


def test_a_day_is_a_date_of_the_calendar() -> None:
    assert checked_day("2026-02-28") == date(2026, 2, 28)
    for value, message in (("2026-2-28", "is not a date"), ("2026-02-30", "not in the calendar")):
        with pytest.raises(BadName, match=message):
            checked_day(value)
