"""Consent: the last entry of a subject that was known decides."""

from datetime import UTC, datetime

import pyarrow as pa

from assets.privacy.consent import apply_consent
from assets.product import Consent

TIME = pa.timestamp("us", tz="UTC")


def at(*days: int) -> pa.Array:
    return pa.array([datetime(2026, 1, day, tzinfo=UTC) for day in days], TIME)


def test_consent_is_as_it_stood_when_the_row_became_known() -> None:
    consents = pa.table(
        {
            "who": ["a", "a", "b", "c", "c"],
            "purpose": ["credit", "credit", "marketing", "credit", "credit"],
            "granted": [True, False, True, True, False],
            "known_at": at(1, 5, 1, 3, 3),
        }
    )
    rows = pa.table(
        {"who": ["a", "a", "a", "b", "c", "d", None], "n": list(range(7)), "known_at": at(1, 4, 5, 9, 9, 9, 9)}
    )
    result = apply_consent(Consent("consents", "who", "credit"), rows, consents)
    assert result.kept["n"].to_pylist() == [0, 1]
    assert result.withheld == 5


def test_an_entry_without_a_subject_or_an_answer_grants_nothing() -> None:
    """Rows without a subject are not the rows of an entry without one; a missing answer is not a yes."""
    consents = pa.table(
        {
            "who": pa.array([None, "a", "a", "b"], pa.string()),
            "purpose": ["credit"] * 4,
            "granted": [True, True, None, None],
            "known_at": at(1, 1, 5, 1),
        }
    )
    rows = pa.table(
        {"who": pa.array([None, "a", "a", "b"], pa.string()), "n": [0, 1, 2, 3], "known_at": at(9, 2, 9, 9)}
    )
    result = apply_consent(Consent("consents", "who", "credit"), rows, consents)
    assert result.kept["n"].to_pylist() == [1]
