"""Framing that is wrong, and framing on which readers of HTTP rightly differ.

Belongs here: requests whose end a reader cannot find, or finds elsewhere than their sender. Does not belong here:
framing that is right (`framing_mutations.py`), bodies (`body_mutations.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tests.campaigns.http.framing_mutations import in_chunks, message
from tests.campaigns.http.judge import REFUSALS, Case

_LENGTHS = (b"-1", b"-400", b"+400", b"abc", b"0x10", b"1e3", b"9" * 30, b"1 2", b"\xb2", b"5,6", b"", b"NaN", b"4_0")
_CHUNK_SIZES = (b"zz", b"-1", b"0x5", b"f" * 18, b"5 5", b"\xff", b"+5", b"", b"1_0", b"\x00")
_CODINGS = (b"gzip", b"xchunked", b"chunked, gzip", b"\xff")
_METHODS = (b"P\x00ST", b"\xff", b"(POST)", b"", b"P" * 100_000)
_TARGETS = (b"/de cide", b"/\x00", b"/\r", b"", b"decide")
_VERSIONS = (b"HTTP/9.9", b"HTP/1.1", b"HTTP/x", b"", b"\xff")
_UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: \xff"
_CLIENT_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"


@dataclass(frozen=True)
class _Request:
    """A request that is right, to be broken."""

    target: bytes
    body: bytes
    random: Random

    @property
    def whole(self) -> bytes:
        return message(b"POST", self.target, self.body)

    @property
    def chunked(self) -> bytes:
        """Its head when the body comes in chunks."""
        return message(b"POST", self.target, b"", [(b"Transfer-Encoding", b"chunked")], length=False)

    def length(self, text: bytes) -> bytes:
        """It with another text where its length stands."""
        return self.whole.replace(b"Content-Length: %d" % len(self.body), b"Content-Length: " + text, 1)

    def line(self, line: bytes) -> bytes:
        """It with one more line in the head."""
        return self.whole.replace(b"Content-Type", line + b"\r\nContent-Type", 1)

    def first(self, old: bytes, new: bytes) -> bytes:
        """It with a part replaced once."""
        return self.whole.replace(old, new, 1)


def _half_a_body(it: _Request) -> bytes:
    return it.whole[: len(it.whole) - it.random.randint(1, len(it.body))]


def _half_a_head(it: _Request) -> bytes:
    return it.whole[: it.random.randrange(1, len(it.whole) - len(it.body) - 4)]


def _smuggled(it: _Request) -> bytes:
    """Both a length and chunks; a second request may hide behind them."""
    coding = it.random.choice((b"chunked", b"Chunked", b"\tchunked", b"identity, chunked", b"chunked\x0b"))
    length = b"%d" % it.random.choice((0, 4, len(it.body), 10**6))
    fields = [(b"Transfer-Encoding", coding), (b"Content-Length", length)]
    hidden = it.random.choice((b"", message(b"GET", b"/livez", b"")))
    return message(b"POST", it.target, in_chunks(it.body, it.random), fields, length=False) + hidden


_LOOSE: dict[str, Callable[[_Request], bytes]] = {
    "bare line feeds": lambda it: it.whole.replace(b"\r\n", b"\n"),
    "the same length twice": lambda it: it.line(b"Content-Length: %d" % len(it.body)),
    "a length list": lambda it: it.length(b"%d, %d" % (len(it.body), len(it.body))),
    "leading zeros": lambda it: it.length(b"000%d" % len(it.body)),
    "too short a length": lambda it: it.length(b"%d" % it.random.randrange(len(it.body))),
    "more than was said": lambda it: it.whole + it.random.randbytes(it.random.choice((1, 50, 5000))),
    "length and chunks": _smuggled,
    "a folded field": lambda it: it.line(b"X-Folded: a\r\n b"),
    "no host": lambda it: it.first(b"Host: loopline\r\n", b""),
    "two hosts": lambda it: it.line(b"Host: other"),
    "empty lines before": lambda it: b"\r\n\r\n" + it.whole,
    "HTTP/1.0": lambda it: it.first(b"HTTP/1.1", b"HTTP/1.0"),
    "HTTP/1.0 without a length": lambda it: (
        it.length(b"").replace(b"HTTP/1.1", b"HTTP/1.0").replace(b"Content-Length: \r\n", b"")
    ),
    "an absolute target": lambda it: it.first(b"POST ", b"POST http://loopline"),
    "an authority as target": lambda it: it.first(b"POST " + it.target, b"CONNECT loopline:80"),
    "a star as target": lambda it: it.first(b"POST " + it.target, b"OPTIONS *"),
    "a long target": lambda it: it.first(it.target, it.target + b"?" + b"q" * it.random.choice((8_000, 60_000))),
    "a long field": lambda it: it.line(b"X-Long: " + b"l" * it.random.choice((16_000, 60_000))),
    "200 fields": lambda it: it.line(b"\r\n".join([b"X-Some: some"] * 200)),
    "an upgrade": lambda it: it.line(_UPGRADE),
    "an unknown expectation": lambda it: it.line(b"Expect: the-unexpected"),
}
_ILL: dict[str, Callable[[_Request], bytes]] = {
    "a length that is none": lambda it: it.length(it.random.choice(_LENGTHS)),
    "two lengths": lambda it: it.line(b"Content-Length: %d" % (len(it.body) + 7)),
    "a chunk size that is none": lambda it: it.chunked + it.random.choice(_CHUNK_SIZES) + b"\r\nhello\r\n0\r\n\r\n",
    "a chunk longer than its size": lambda it: it.chunked + b"5\r\nhelloworld\r\n0\r\n\r\n",
    "a chunk size without end": lambda it: it.chunked + b"5" * 100_000,
    "a chunk extension without end": lambda it: it.chunked + b"5;" + b"a" * 300_000,
    "trailers without end": lambda it: it.chunked + in_chunks(it.body, it.random, trailers=b"X-T: t\r\n" * 30_000)[:-2],
    "half a chunk": lambda it: it.chunked + in_chunks(it.body, it.random)[: len(it.body) // 2],
    "no last chunk": lambda it: it.chunked + in_chunks(it.body, it.random)[: -len(b"0\r\n\r\n")],
    "an unknown coding": lambda it: it.chunked.replace(b"chunked", it.random.choice(_CODINGS)) + it.body,
    "half a body": _half_a_body,
    "half a head": _half_a_head,
    "a space in a name": lambda it: it.first(b"Content-Type:", b"Content-Type :"),
    "a line without a colon": lambda it: it.line(b"nonsense"),
    "a nameless field": lambda it: it.line(b": x"),
    "NUL in a field": lambda it: it.line(b"X-Nul: a\x00b"),
    "a bare CR in a field": lambda it: it.line(b"X-Cr: a\rb"),
    "a method that is none": lambda it: it.first(b"POST", it.random.choice(_METHODS)),
    "a target that is none": lambda it: it.first(it.target, it.random.choice(_TARGETS)),
    "a version that is none": lambda it: it.first(b"HTTP/1.1", it.random.choice(_VERSIONS)),
    "too many fields": lambda it: it.line(b"\r\n".join(b"X-%d: x" % n for n in range(20_000))),
    "a field of a megabyte": lambda it: it.line(b"X-Long: " + b"l" * 1_000_000),
    "a target of a megabyte": lambda it: it.first(it.target, it.target + b"?" + b"q" * 1_000_000),
    "HTTP/2": lambda it: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(64),
    "TLS": lambda it: _CLIENT_HELLO + it.random.randbytes(506),
    "noise": lambda it: it.random.randbytes(it.random.choice((1, 20, 5000))) + b"\r\n\r\n",
    "nothing": lambda it: b"",
}


def loose(target: bytes, body: bytes, random: Random) -> Case:
    """Framing on which readers differ: an answer that is no failure, or the end of the connection."""
    name = random.choice(list(_LOOSE))
    return Case(f"loose: {name}", (_LOOSE[name](_Request(target, body, random)),), framing="loose")


def ill(target: bytes, body: bytes, random: Random) -> Case:
    """Framing that is wrong by any reading: refused, or the connection ends."""
    name = random.choice(list(_ILL))
    whole = _ILL[name](_Request(target, body, random))
    return Case(f"ill: {name}", (whole,), framing="ill", statuses=REFUSALS)
