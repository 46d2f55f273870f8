"""Bodies: valid ones broken at the level of bytes, of tokens and of JSON's structure, and whether one is JSON at all.

Belongs here: making and reading bodies. Does not belong here: heads and framing (`framing_mutations.py`).
"""

import json
import re
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from tests.campaigns.http.odd_values import ODD_BYTES, ODD_IDS, ODD_MOMENTS, ODD_NUMBERS, ODD_TEXTS, Token

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+|\s+')


class Pairs(list[tuple[str, Any]]):
    """An object whose keys may stand in it twice."""


def written(value: Any, *, ascii_only: bool = True) -> bytes:
    """JSON of a value; lone surrogates become escapes, or the bytes that UTF-8 forbids."""
    return _text(value, ascii_only).encode("utf-8", "surrogatepass")


def _text(value: Any, ascii_only: bool) -> str:
    if isinstance(value, Token):
        return str(value)
    if isinstance(value, Pairs | dict):
        items = value if isinstance(value, Pairs) else value.items()
        inner = (f"{json.dumps(key, ensure_ascii=ascii_only)}: {_text(item, ascii_only)}" for key, item in items)
        return "{" + ", ".join(inner) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_text(item, ascii_only) for item in value) + "]"
    return json.dumps(value, ensure_ascii=ascii_only)


def odd_value(random: Random) -> Any:
    """Any value that a careless reader stumbles over."""
    pool: tuple[Any, ...] = random.choice(
        (
            ODD_NUMBERS,
            ODD_TEXTS,
            ODD_MOMENTS,
            ODD_IDS,
            (None, True, False),
            ([], {}, [[]], {"": None}, [None] * 1000, {"a": {"a": {"a": 1}}}, [0, "a", {}]),
            (Token("[" * 500 + "]" * 500), Token("[" * 100_000), Token('{"a":' * 5000 + "1" + "}" * 5000)),
        )
    )
    return random.choice(pool)


def structure(content: dict[str, Any], other: dict[str, Any], random: Random) -> bytes:
    """A body whose JSON was changed in one to three places; `other` is one to take parts from."""
    changed: Any = json.loads(json.dumps(content))
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        changed = random.choice(_STRUCTURE)(changed, other, random)
    return written(changed, ascii_only=random.random() < 0.7)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values, the outermost first."""
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _places(item, (*path, key))


def _changed(value: Any, path: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    if not path:
        return change(value)
    return {key: _changed(item, path[1:], change) if key == path[0] else item for key, item in value.items()}


def _replace(value: Any, other: Any, random: Random) -> Any:
    places = [place for place in _places(value) if place] or [()]
    return _changed(value, random.choice(places), lambda _: odd_value(random))


def _graft(value: Any, other: Any, random: Random) -> Any:
    part = other
    for key in random.choice(list(_places(other))):
        part = part[key]
    return _changed(value, random.choice(list(_places(value))), lambda _: part)


def _edit_object(value: Any, other: Any, random: Random) -> Any:
    def edit(found: Any) -> Any:
        if not isinstance(found, dict) or not found:
            return random.choice(([found], {"a": found}, [found, found]))
        key = random.choice(list(found))
        match random.randrange(6):
            case 0:
                return {name: item for name, item in found.items() if name != key}
            case 1:
                return found | {random.choice(ODD_TEXTS): odd_value(random)}
            case 2:
                return Pairs([*found.items(), (key, odd_value(random))])
            case 3:
                return Pairs([(key, odd_value(random)), *found.items()])
            case 4:
                return {(random.choice(ODD_TEXTS) if name == key else name): item for name, item in found.items()}
            case _:
                return found | {f"extra_{n}": n for n in range(random.choice((1, 50, 2000)))}

    objects = [place for place in _places(value) if isinstance(_at(value, place), dict)] or [()]
    return _changed(value, random.choice(objects), edit)


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def _whole(value: Any, other: Any, random: Random) -> Any:
    return odd_value(random) if random.random() < 0.3 else _replace(value, other, random)


_STRUCTURE = (_replace, _replace, _graft, _edit_object, _edit_object, _whole)


def tokens(body: bytes, random: Random) -> bytes:
    """A body some tokens of which were dropped, doubled, swapped or replaced."""
    found = _TOKEN.findall(body.decode())
    for _ in range(random.randint(1, 3)):
        if not found:
            break
        at = random.randrange(len(found))
        match random.randrange(5):
            case 0:
                del found[at]
            case 1:
                found.insert(at, found[at] * random.choice((1, 1, 1000)))
            case 2:
                there = random.randrange(len(found))
                found[at], found[there] = found[there], found[at]
            case 3:
                found[at] = _text(random.choice((*ODD_NUMBERS, None, True, *ODD_TEXTS)), True)
            case _:
                found[at] = random.choice(
                    (",", ":", "{", "}", "[", "]", '"', "'", "//", "", "\x0b", "\u00a0", "undefined")
                )
    return "".join(found).encode("utf-8", "surrogatepass")


def raw_bytes(body: bytes, random: Random) -> bytes:
    """A body with some bytes changed, or all of it in another encoding."""
    if random.random() < 0.06:
        encoding = random.choice(("utf-16", "utf-16-le", "utf-32", "utf-7", "cp037", "utf-8-sig"))
        return body.decode().encode(encoding)
    changed = bytearray(body)
    for _ in range(random.choice((1, 1, 2, 4, 16))):
        at = random.randrange(len(changed) + 1)
        end = min(at + random.choice((1, 1, 2, 8, 64)), len(changed))
        match random.randrange(6):
            case 0 if at < len(changed):
                changed[at] ^= 1 << random.randrange(8)
            case 1:
                del changed[at:end]
            case 2:
                changed[at:at] = random.choice(ODD_BYTES)
            case 3:
                changed[at:end] = random.randbytes(end - at)
            case 4:
                changed[at:at] = bytes(changed[at:end]) * random.choice((1, 3))
            case _:
                changed[at:end] = random.choice(ODD_BYTES)
    return bytes(changed[: random.randrange(len(changed) + 1)] if random.random() < 0.05 else changed)
