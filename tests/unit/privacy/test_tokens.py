"""Tokens join tables but do not tell the value; dropped columns are gone."""

import pyarrow as pa

from assets.privacy.tokens import tokenise, without_personal_data
from assets.product import Column, Contract

KEY = b"k" * 32


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
