"""Personal values replaced by tokens.

Belongs here: the keyed hash and its application to a table by its contract. Does not belong here: keys
(`resources.keys`), consent (`consent.py`).

A token is the first 32 bits of the key's SHA-256, then HMAC-SHA256 of the column's name and the value, cut to 128 bits.
Under one key equal values have equal tokens, so that tables still join. Without the key nobody can test a guessed
value. After a rotation the key's bits show which tokens are old.
"""

import hashlib
import hmac
import re

import pyarrow as pa
import pyarrow.compute as pc

from assets.product import Contract

_TOKEN = re.compile(r"tok:[0-9a-f]{8}:[0-9a-f]{32}")


def is_token(value: str) -> bool:
    """Whether the value has the form of a token."""
    return _TOKEN.fullmatch(value) is not None


def tokenise(value: str, key: bytes, column: str) -> str:
    """The token of one value, 45 characters: `tok:`, 8 for the key, a colon, 32 for the value."""
    key_digest = hashlib.sha256(key).hexdigest()[:8]
    return f"tok:{key_digest}:{hmac.new(key, f'{column}={value}'.encode(), hashlib.sha256).hexdigest()[:32]}"


def without_personal_data(contract: Contract, table: pa.Table, key: bytes) -> pa.Table:
    """The table with `token` columns replaced by tokens (null stays null) and without `drop` columns."""
    for column in contract.columns:
        if column.personal == "drop":
            table = table.drop_columns([column.name])
        elif column.personal == "token":
            values = pc.dictionary_encode(table[column.name].combine_chunks())
            tokens = pa.array([tokenise(str(v), key, column.name) for v in values.dictionary.to_pylist()], pa.string())
            table = table.set_column(
                table.schema.get_field_index(column.name), column.name, pc.take(tokens, values.indices)
            )
    return table
