"""Heads and framing that are right, however odd they look.

Belongs here: the bytes around a body. Does not belong here: wrong framing (`broken_framing.py`), bodies
(`body_mutations.py`), reading answers (`wire.py`).
"""

import re
from collections.abc import Sequence
from random import Random

from tests.campaigns.http.judge import Case

HOST = (b"Host", b"loopline")
JSON_TYPE = (b"Content-Type", b"application/json")
_LEGAL_TARGET = re.compile(rb"/([A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")
Fields = Sequence[tuple[bytes, bytes]]
_TYPES = (
    b"", b"text/plain", b"application/json; charset=utf-16", b"multipart/form-data; boundary=x",
    b"application/octet-stream", b"multipart/form-data", b"application/x-www-form-urlencoded",
    b"application/vnd.bentoml+pickle", b"application/pickle", b"application/vnd.bentoml+json", b"a/b;c=\xff\xfe",
    b"\x80", b"application/vnd.apache.parquet", b"image/*", b";;;=",
)  # fmt: skip
_TARGETS = (
    b"/", b"//decide", b"/decide/", b"/DECIDE", b"/%64ecide", b"/decide%00", b"/decide%ff", b"/%ed%a0%80", b"/%",
    b"/%zz", b"/decide?", b"/decide?%ff=%00&=&&", b"/decide?" + b"a=b&" * 500, b"/../decide", b"/./decide",
    b"/decide/../../etc/passwd", b"/%2e%2e/%2e%2e/etc", b"/\\decide", b"/decide;x=1", b"/decide%0d%0aX:%201",
    b"/" + b"a" * 3000, b"/docs.json", b"/static_content/../x", b"/healthz", b"/products/" + b"%C3%A9" * 9,
    b"/events/1", b"/metrics/..", b"/livez?x=" + b"%F0%9F%98%80" * 50, b"/%u0041", b"/nope",
    b"/metrics?name[]=%ed%a0%80", b"/metrics?name[]=%ff", b"/products?product=%ed%a0%80", b"/readyz?%ed%bf%bf",
    b"/livez?\xed\xa0\x80", b"/products/\xff", b"/events?source=%ed%a0%80",
)  # fmt: skip
_METHODS = (
    b"GET", b"HEAD", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE", b"PROPFIND", b"M-SEARCH", b"get", b"Post",
    b"X" * 30,
)  # fmt: skip
_EXTRA: tuple[tuple[bytes, bytes], ...] = (
    (b"X-Text", b"\xe9\xff\x80"), (b"X-Empty", b""), (b"X-Tab", b"a\tb"), (b"Accept", b"text/html;q=\xff"),
    (b"Cookie", b"a=b; \xff=;;=" * 9), (b"traceparent", b"00-zz-\xff-01"),
    (b"traceparent", b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-00"), (b"tracestate", b"=,=,\xfe"),
    (b"baggage", b"a=%ff,\xff=b;;;,=" * 20), (b"Authorization", b"Basic \xff"), (b"X-Request-Id", b"\xc3\x28" * 99),
    (b"Range", b"bytes=9-1"), (b"If-None-Match", b"*"), (b"Accept-Encoding", b"gzip;q=x, \xfe"),
    (b"Content-Encoding", b"gzip"), (b"Content-Encoding", b"br, \xff"), (b"Origin", b"http://\xff"),
    (b"Access-Control-Request-Method", b"\xff"), (b"X-Forwarded-For", b"\xff, 1.2.3.4:99999"), (b"Date", b"never"),
    (b"X-Forwarded-Proto", b"\xff"), (b"Forwarded", b"for=\"[::\xff\""), (b"Te", b"trailers"), (b"Upgrade", b"h2c"),
    (b"Upgrade", b"websocket"), (b"X-Bentoml-Args", b"\xff"), (b"Max-Forwards", b"-1"), (b"X-Long", b"l" * 4000),
    (b"X-HTTP-Method-Override", b"DELETE"), (b"User-Agent", b"\x80" * 300),
)  # fmt: skip


def message(method: bytes, target: bytes, body: bytes, fields: Fields = (), *, length: bool = True) -> bytes:
    """The bytes of one request."""
    own = [HOST, JSON_TYPE, (b"Content-Length", b"%d" % len(body))] if length else [HOST, JSON_TYPE]
    lines = [b"%s %s HTTP/1.1" % (method, target)] + [b"%s: %s" % field for field in (*own, *fields)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def in_chunks(body: bytes, random: Random, *, most: int = 400, trailers: bytes = b"") -> bytes:
    """A body in chunks of random sizes."""
    parts, at = [], 0
    while at < len(body):
        size = random.randint(1, most)
        part = body[at : at + size]
        extension = random.choice((b"", b"", b';a="b"', b";x"))
        parts.append(random.choice((b"%x", b"%X", b"00%x")) % len(part) + extension + b"\r\n" + part + b"\r\n")
        at += size
    return b"".join(parts) + b"0\r\n" + trailers + b"\r\n"


def pieces_of(whole: bytes, random: Random) -> tuple[bytes, ...]:
    """The same bytes in up to six pieces."""
    cuts = sorted(random.randrange(len(whole) + 1) for _ in range(random.randint(1, 5)))
    return tuple(whole[start:end] for start, end in zip((0, *cuts), (*cuts, len(whole)), strict=True) if end > start)


def odd_head(target: bytes, body: bytes, random: Random) -> Case:
    """A legal request with an odd head: any answer that is no failure will do."""
    method = b"POST"
    fields: list[tuple[bytes, bytes]] = []
    match random.randrange(6):
        case 0:
            kind, method = "method", random.choice(_METHODS)
            body = body if random.random() < 0.5 else b""
        case 1:
            kind, target = "target", random.choice(_TARGETS)
            method = random.choice((b"POST", b"GET", b"HEAD", b"OPTIONS"))
            if not _LEGAL_TARGET.fullmatch(target):
                whole = message(method, target, body)
                return Case("loose: an illegal target", (whole,), (method.decode(),), framing="loose")
        case 2:
            kind = "content type"
            whole = message(method, target, body).replace(b"application/json", random.choice(_TYPES), 1)
            return Case(f"head: {kind}", (whole,))
        case 3:
            kind, fields = (
                "many fields",
                [(b"X-%d" % n, b"\xe9" * random.randrange(30)) for n in range(random.choice((20, 50)))],
            )
        case 4:
            kind, fields = "asks to close", [(b"Connection", b"close")]
            return Case(f"head: {kind}", (message(method, target, body, fields),), last=True)
        case _:
            fields = random.sample(_EXTRA, random.choice((1, 1, 2, 5)))
            kind = "fields"
    return Case(f"head: {kind}", (message(method, target, body, fields),), (method.decode(),))
