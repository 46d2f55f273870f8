"""The bounds of one HTTP message: the bytes and fields of its head, the bytes of its body.

Belongs here: counting what a message has taken, and reading a head without the offer of another protocol. Does not
belong here: the time that a message may take, and refusing it (`connection.py`).
"""

from collections.abc import Sequence
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from assets.serving.http.refusals import (
    BODY_TOO_LARGE,
    HEAD_TOO_LARGE,
    LARGEST_HEAD,
    MOST_FIELDS,
    TOO_MANY_FIELDS,
    Refusal,
)
from assets.serving.requests.parse import LARGEST_BODY

# Chunks of one byte, each with an extension, take some 16 bytes for each of the body's.
_LARGEST_MESSAGE = LARGEST_HEAD + 16 * LARGEST_BODY
_OFFERS = (b"connection", b"upgrade", b"http2-settings")


class BoundedMessages(HttpToolsProtocol):
    """Reads messages one after the other; one that is beyond a bound stops the parser."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._reading = False
        self._head_is_read = False
        self._bytes = self._head_bytes = self._fields = 0
        self._fault: Refusal | None = None

    def on_message_begin(self) -> None:
        """The first byte of a message."""
        super().on_message_begin()
        self._reading, self._head_is_read = True, False
        self._bytes = self._head_bytes = self._fields = 0

    def on_url(self, url: bytes) -> None:
        """A part of the target."""
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head, or of the trailers."""
        self._fields += 1
        self._count(len(name) + len(value))
        if self._fields > MOST_FIELDS:
            self._stop(TOO_MANY_FIELDS)
        if name.lower() == b"content-length" and value.isdigit() and int(value[:20]) > LARGEST_BODY:
            self._stop(BODY_TOO_LARGE)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is read."""
        if not self.parser.should_upgrade():
            self._head_is_read = True
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        super().on_body(body)
        if len(self.cycle.body) > LARGEST_BODY:
            self._stop(BODY_TOO_LARGE)

    @property
    def _beyond_its_bytes(self) -> Refusal | None:
        """The refusal of a message that takes too many bytes, whatever they are; `None` while it does not."""
        if not self._reading or self._bytes <= (_LARGEST_MESSAGE if self._head_is_read else LARGEST_HEAD):
            return None
        return BODY_TOO_LARGE if self._head_is_read else HEAD_TOO_LARGE

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > LARGEST_HEAD:
            self._stop(HEAD_TOO_LARGE)

    def _stop(self, refusal: Refusal) -> None:
        """Stops the parser, within which this is called; whoever feeds the parser refuses the message."""
        self._fault = refusal
        raise ValueError(refusal[2])


def head_without_offer(first_line: bytes, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The head of a request that offers another protocol, without the offer."""
    fields = [
        (name, b"close") if name == b"connection" and b"close" in value.lower() else (name, value)
        for name, value in headers
        if name not in _OFFERS or (name == b"connection" and b"close" in value.lower())
    ]
    return b"\r\n".join([first_line, *(b"%s: %s" % field for field in fields)]) + b"\r\n\r\n"
