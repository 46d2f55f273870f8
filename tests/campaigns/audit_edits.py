"""Random edits of an audit log, by a generator that knows the form of the log and nothing of the code that reads it.

Belongs here: edits of bytes, lines and fields, cut ends, and logs that are hashed again after an edit as a forger
would. Does not belong here: the log, the verification, assertions.

The hash of an entry is the SHA-256 of its JSON without `hash`: keys sorted, no spaces, text as UTF-8.
"""

import hashlib
import json
from collections.abc import Callable
from random import Random
from typing import Any

Lines = list[bytes]
Edit = Callable[[Lines, Random], bytes]
_TEXTS = ("actor", "action", "product", "version", "reason")
_ZEROS = "0" * 64


def _canonical(record: dict[str, Any]) -> bytes:
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def hashed_again(records: list[dict[str, Any]]) -> bytes:
    """The log of these entries, numbered and chained from the first on, each with its right hash."""
    lines, previous = [], _ZEROS
    for number, record in enumerate(records, start=1):
        bare = {name: value for name, value in record.items() if name != "hash"}
        bare |= {"number": number, "previous": previous}
        previous = hashlib.sha256(_canonical(bare)).hexdigest()
        lines.append(_canonical(bare | {"hash": previous}) + b"\n")
    return b"".join(lines)


def _records(lines: Lines) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines]


def _changed(record: dict[str, Any], random: Random) -> dict[str, Any]:
    """An entry with another value in one field, or with a field more or less in its details."""
    changed = json.loads(json.dumps(record))
    name = random.choice([*_TEXTS, "at", "details"])
    if name == "details":
        details = changed["details"]
        if details and random.random() < 0.5:
            details.pop(random.choice(sorted(details)))
        else:
            details[f"more {random.random()}"] = random.choice([None, 0, 0.5, "text", [1], {"a": 1}])
    elif name == "at":
        changed["at"] = f"20{random.randrange(10, 99)}{changed['at'][4:]}"
    else:
        changed[name] = f"{changed[name]}{random.choice('xyz 0')}"
    return dict(changed)


def _bytes(lines: Lines, random: Random) -> bytes:
    """One to eight bytes changed, put in or taken out."""
    data = bytearray(b"".join(lines))
    for _ in range(random.randrange(1, 9)):
        at = random.randrange(len(data))
        match random.randrange(3):
            case 0:
                data[at] ^= random.randrange(1, 256)
            case 1:
                data.insert(at, random.randrange(256))
            case _:
                del data[at]
    return bytes(data)


def _block(lines: Lines, random: Random) -> bytes:
    """A stretch of bytes overwritten by another stretch, by zeros or by nothing."""
    data = b"".join(lines)
    begin, end = sorted(random.sample(range(len(data) + 1), 2))
    other = random.choice([b"", bytes(end - begin), data[: end - begin], data[-(end - begin) :]])
    return data[:begin] + other + data[end:]


def _lines(lines: Lines, random: Random) -> bytes:
    """Lines deleted, doubled, moved, swapped or reversed."""
    kept, at = list(lines), random.randrange(len(lines))
    match random.randrange(5):
        case 0:
            del kept[at : at + random.randrange(1, 4)]
        case 1:
            kept.insert(random.randrange(len(kept) + 1), kept[at])
        case 2:
            kept.insert(random.randrange(len(kept)), kept.pop(at))
        case 3:
            other = random.randrange(len(kept))
            kept[at], kept[other] = kept[other], kept[at]
        case _:
            kept[at : at + 3] = reversed(kept[at : at + 3])
    return b"".join(kept)


def _ends(lines: Lines, random: Random) -> bytes:
    """The end cut off, within a line or after one, or something added behind it."""
    data, at = b"".join(lines), random.randrange(len(lines))
    return random.choice(
        [data[: random.randrange(len(data))], b"".join(lines[:at]), data[:-1], data + b"\n", data + b"{}\n",
         data + bytes(random.randrange(1, 64)), b"\xef\xbb\xbf" + data, b"\n" + data]
    )  # fmt: skip


def _same_words(lines: Lines, random: Random) -> bytes:
    """An entry in other bytes that a reader of JSON takes for the same, or nearly."""
    at, kept = random.randrange(len(lines)), list(lines)
    record, text = json.loads(lines[at]), lines[at].decode().rstrip("\n")
    shuffled = random.sample(sorted(record), len(record))
    other = random.choice(
        [
            json.dumps(record),
            json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=True).replace("a", "\\u0061", 1),
            json.dumps({name: record[name] for name in shuffled}, separators=(",", ":"), ensure_ascii=False),
            text.replace('{"', '{"actor":"somebody","', 1),
            text[:-1] + ',"actor":' + json.dumps(record["actor"] + "!") + "}",
            text.replace(f'"number":{record["number"]}', f'"number":{record["number"]}.0'),
            text.replace("+00:00", "Z", 1),
            text + "\r",
            f" {text}",
            text + " ",
        ]
    )
    kept[at] = other.encode() + b"\n"
    return b"".join(kept)


def _field(lines: Lines, random: Random) -> bytes:
    """A field of an entry changed; its hash stays, or is made right again."""
    at, kept = random.randrange(len(lines)), list(lines)
    record = _changed(json.loads(lines[at]), random)
    if random.random() < 0.5:
        bare = {name: value for name, value in record.items() if name != "hash"}
        record["hash"] = hashlib.sha256(_canonical(bare)).hexdigest()
    kept[at] = _canonical(record) + b"\n"
    return b"".join(kept)


def _forged(lines: Lines, random: Random) -> bytes:
    """An entry changed, deleted, put in, moved or added, and everything chained again: no hash is wrong."""
    records, at = _records(lines), random.randrange(len(lines))
    match random.randrange(6):
        case 0:
            records[at] = _changed(records[at], random)
        case 1:
            del records[at]
        case 2:
            records.insert(at, _changed(records[random.randrange(len(records))], random))
        case 3:
            records.insert((at + random.randrange(1, len(records))) % len(records), records.pop(at))
        case 4:
            records.append(_changed(records[at], random))
        case _:
            records = [_changed(one, random) if number >= at else one for number, one in enumerate(records)]
    return hashed_again(records)


EDITS: dict[str, Edit] = {
    "bytes": _bytes, "a block": _block, "lines": _lines, "the ends": _ends, "the same words": _same_words,
    "a field": _field, "forged": _forged,
}  # fmt: skip
