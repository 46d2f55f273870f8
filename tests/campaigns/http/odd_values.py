"""Numbers, texts, moments, names and bytes that careless readers stumble over.

Belongs here: values. Does not belong here: where they are put (`body_mutations.py`, `framing_mutations.py`).
"""

from typing import Any


class Token(str):
    """A piece of JSON text that is written as it is, valid or not."""

    __slots__ = ()


ODD_NUMBERS: tuple[Any, ...] = (
    0, -1, -5, -36, 100_000, 500_000, 1e12, 1e308, 5e-324, -0.0, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**30,
    0.1 + 0.2,
    *map(Token, ("+1", ".5", "NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1E+2", "-0", "1e-400", "0x10")),
    *map(Token, ("nan", "inf", "1_000", "1e", "--1", "1e99999999999", "9" * 309, "9" * 400)),
    *map(Token, ("01", "1.", "1" * 5000, "0." + "3" * 9000)),
)  # fmt: skip
ODD_TEXTS = (
    "", " ", "\x00", "a\x00b", "\ud800", "\udfff", "a\ud83d", "\udc00\ud800", "\ud83d\ude00", "\U0001f600",
    "\U0010ffff", "\uffff", "\ufeffC7", "e\u0301", "\u202eC7", "\u2028", "\x7f", "\x1b[31m", "x" * 10_000,
    "\u00e9" * 3000, "../../etc/passwd", "%s%n%d", "{0.__class__}", "' OR 1=1 --", "null", "NaN", "true", "__proto__",
    "\r\nX-Injected: 1", "🏳️‍🌈" * 50, "C7\n",
)  # fmt: skip
SURROGATES = (
    "\ud800", "\udfff", "a\ud83d", "\udc00\ud800", "C\udce9", "\udcff\udcfe", "x" * 300 + "\ud800", "car\udc80",
)  # fmt: skip
ODD_MOMENTS = (
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00",
    "2026-02-30T00:00:00Z", "2026-03-01", "2026-03-01T24:00:00Z", "2026-03-01T12:00:60Z", "2026-03-01T12:00:00+24:00",
    "2026-03-01T12:00:00+23:59:59.999999", "20260301T120000Z", "2026-W09-7", "2026-060", "now",
    "-2026-03-01T12:00:00Z", "10000-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "1677-09-21T00:12:43Z",
    "2262-04-12T00:00:00Z", "2026-03-01T12:00:00.1234567890123Z", "2026-03-01 12:00:00", "2026-03-01T12:00:00Zjunk",
    "1e9", "２０２６-03-01T12:00:00Z", "0000-00-00T00:00:00Z",
)  # fmt: skip
ODD_IDS = (
    "", "[]", "{}", "null", '["T17"]', '["\\ud800", "2026-10-01"]', "[NaN]", '["T17", "2026-13-01"]', '["T17", 5]',
    "[" * 5000, '["T17", "2026-10-01", "2026-10-01"]', '[["T17"], "2026-10-01"]',
    '["' + "x" * 5000 + '", "2026-10-01"]', '["\x00", "2026-10-01"]',
)  # fmt: skip
ODD_BYTES = (
    b"\x00", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf4\x90\x80\x80", b"\xef\xbb\xbf", b"\xe2\x82",
    b"\x80", b"\xf8\x88\x80\x80\x80", b"\\ud800", b"\\u", b"\\u12", b"\\x41", b'"', b"\\", b"{", b"}", b"[", b"]",
    b",", b":", b"NaN", b"\r\n", b"\x1f\x8b\x08\x00", b"-", b"e", b"9" * 40, b"/*", b"//", b"'", b"\x1a", b"\x85",
)  # fmt: skip
