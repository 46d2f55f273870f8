"""HTTP/1.1 over a raw socket, read strictly: what a client gets when it may send any bytes.

Belongs here: sending bytes, reading one complete answer at a time, telling how a connection ended. Does not belong
here: what to send (`bytes_fuzzer.py`), what an answer should say (`judge.py`).
"""

import re
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

Ending = Literal["closed", "reset", "cut short", "silent", "no HTTP"]
Address = tuple[str, int]
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d)( [^\r\n]*)?")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n]*?)[ \t]*")
_READ = 65_536


class NoAnswer(Exception):
    """No complete answer came.

    Attributes:
        how: `closed` without a byte, `reset`, `cut short` within an answer, `silent` until the time was over,
            `no HTTP`.
        got: The bytes that did come.
    """

    def __init__(self, how: Ending, got: bytes = b"") -> None:
        super().__init__(f"{how}: {got[:300]!r}")
        self.how = how
        self.got = got


@dataclass(frozen=True)
class Response:
    """A complete answer.

    Attributes:
        fields: The header fields; their names in lower case.
        raw: All of its bytes.
    """

    status: int
    fields: dict[str, str]
    body: bytes
    raw: bytes

    @property
    def closes(self) -> bool:
        """Whether the service said that it closes the connection."""
        options = self.fields.get("connection", "").lower()
        return "close" in options or (self.raw.startswith(b"HTTP/1.0") and "keep-alive" not in options)


class Connection:
    """One connection to the service; closed when the block ends."""

    def __init__(self, address: Address, *, seconds: float = 5.0) -> None:
        self._socket = socket.create_connection(address, timeout=seconds)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._seconds = seconds
        self._got = b""
        self.opened = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection."""
        self._socket.close()

    def fileno(self) -> int:
        """For `select`."""
        return self._socket.fileno()

    def send(self, pieces: Sequence[bytes], *, pause: float = 0.0) -> bool:
        """Sends the pieces one by one; False when the service no longer takes them, which is no failure by itself."""
        self._socket.settimeout(self._seconds)
        try:
            for piece in pieces:
                self._socket.sendall(piece)
                if pause:
                    time.sleep(pause)
        except OSError:
            return False
        return True

    def end_sending(self) -> None:
        """Tells the service that nothing more comes; answers can still be read."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def read(self, method: str, *, seconds: float, interim: bool = False) -> Response:
        """The next complete answer to a request of this method; with `interim` also one with a status of 1xx."""
        deadline = time.monotonic() + seconds
        while True:
            found = self._one(method, deadline)
            if found.status >= 200 or interim:
                return found

    def is_ended(self, seconds: float) -> bool:
        """Whether the service ends the connection within a time without sending anything more."""
        try:
            self._more(time.monotonic() + seconds, b"")
        except NoAnswer as end:
            return end.how in ("closed", "reset")
        return False

    def _one(self, method: str, deadline: float) -> Response:
        while b"\r\n\r\n" not in self._got:
            self._more(deadline, self._got)
        head, _, rest = self._got.partition(b"\r\n\r\n")
        status, fields = _parse(head)
        start = len(head) + 4
        if method == "HEAD" or status < 200 or status in (204, 304):
            end = body = start
            content = b""
        elif "chunked" in fields.get("transfer-encoding", "").lower():
            content, end = self._chunks(start, deadline)
        elif "content-length" in fields:
            if not re.fullmatch(r"\d{1,12}", fields["content-length"]):
                raise NoAnswer("no HTTP", self._got)
            body = int(fields["content-length"])
            while len(rest) < body:
                self._more(deadline, self._got)
                rest = self._got[start:]
            content, end = rest[:body], start + body
        else:
            content, end = self._until_end(start, deadline)
        raw, self._got = self._got[:end], self._got[end:]
        return Response(status, fields, content, raw)

    def _chunks(self, start: int, deadline: float) -> tuple[bytes, int]:
        content, at = b"", start
        while True:
            while (line_end := self._got.find(b"\r\n", at)) < 0:
                self._more(deadline, self._got)
            size_text = self._got[at:line_end].partition(b";")[0].strip()
            if not re.fullmatch(rb"[0-9A-Fa-f]{1,8}", size_text):
                raise NoAnswer("no HTTP", self._got)
            size, at = int(size_text, 16), line_end + 2
            while len(self._got) < at + size + 2:
                self._more(deadline, self._got)
            content += self._got[at : at + size]
            at += size + 2
            if size == 0:
                return content, at

    def _until_end(self, start: int, deadline: float) -> tuple[bytes, int]:
        while True:
            try:
                self._more(deadline, self._got)
            except NoAnswer as end:
                if end.how == "cut short":
                    return self._got[start:], len(self._got)
                raise

    def _more(self, deadline: float, so_far: bytes) -> None:
        """Reads some bytes; `so_far` is what of an answer is there already."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise NoAnswer("silent", so_far)
        self._socket.settimeout(left)
        try:
            got = self._socket.recv(_READ)
        except TimeoutError:
            raise NoAnswer("silent", so_far) from None
        except OSError:
            raise NoAnswer("reset", so_far) from None
        if not got:
            raise NoAnswer("cut short" if so_far else "closed", so_far)
        self._got += got


def _parse(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.split(b"\r\n")
    status_line = _STATUS_LINE.fullmatch(first)
    if not status_line:
        raise NoAnswer("no HTTP", head)
    fields: dict[str, str] = {}
    for line in lines:
        field = _FIELD.fullmatch(line)
        if not field:
            raise NoAnswer("no HTTP", head)
        fields[field[1].decode("ascii").lower()] = field[2].decode("latin-1")
    return int(status_line[1]), fields
