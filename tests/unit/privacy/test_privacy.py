"""Privacy: names become tokens, and the last word of a subject decides."""

from datetime import UTC, datetime

import pyarrow as pa

from assets.privacy.consent import apply_consent
from assets.privacy.tokens import tokenise, without_personal_data
from assets.product import Column, Consent, Contract

KEY = b"k" * 32
TIME = pa.timestamp("us", tz="UTC")


def at(*days: int) -> pa.Array:
    return pa.array([datetime(2026, 1, day, tzinfo=UTC) for day in days], TIME)


def test_tokens_join_but_do_not_tell() -> None:
    assert tokenise("Ada", KEY, "name") == tokenise("Ada", KEY, "name")
    assert len({tokenise("Ada", KEY, "name"), tokenise("Ada", KEY, "email"), tokenise("Ada", b"x" * 32, "name")}) == 3
    assert tokenise("Ada", KEY, "name").rsplit(":", 1)[0] == tokenise("Bob", KEY, "name").rsplit(":", 1)[0]


def test_personal_columns_are_tokenised_or_dropped_and_the_rest_stays() -> None:
    columns = (
        Column("id", "string", ""),
        Column("name", "string", "", personal="drop"),
        Column("email", "string", "", personal="token"),
    )
    contract = Contract("t", "d", "o", ("id",), "id", "id", columns, (), 1.0)
    table = pa.table({"id": ["1", "2", "3"], "name": ["Ada", "Bob", "Eve"], "email": ["a@x", None, "a@x"]})
    kept = without_personal_data(contract, table, KEY)
    assert kept.column_names == ["id", "email"]
    assert kept["email"].to_pylist() == [tokenise("a@x", KEY, "email"), None, tokenise("a@x", KEY, "email")]


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
