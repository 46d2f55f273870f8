"""Values of a request in messages.

Belongs here: how a message tells the value of a field. Does not belong here: which value is refused (`parse.py`,
`event.py`), which fields are private (`shape.py`, `assets.serving.live.product`).

Messages reach the logs of callers and proxies: of entity keys and personal columns they tell the kind and the length.
"""

import json


def field_is(name: str, value: object, *, private: bool) -> str:
    """`field 'amount' is "9" (text)`; for a private field `field 'customer_id' is a text of 1 character`.

    Args:
        private: The field is an entity key, or personal by its contract.
    """
    return f"field '{name}' is {_described(value) if private else f'{shown(value)} ({kind_of(value)})'}"


def _described(value: object) -> str:
    if isinstance(value, str):
        return f"a text of {len(value)} character{'' if len(value) == 1 else 's'}"
    return "null" if value is None else f"a {kind_of(value)}"


def kind_of(value: object) -> str:
    """The kind of a value of JSON."""
    names = {dict: "object", list: "list", str: "text", bool: "boolean", int: "number", float: "number"}
    return names.get(type(value), "null")


def shown(value: object) -> str:
    """A value cut to 80 letters; letters that cannot be printed, or written as UTF-8, are escaped."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    text = text if len(text) <= 80 else f"{text[:77]}..."
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
