"""Writing an answer: its head together with the first part of its body.

Belongs here: when bytes go to the transport. Does not belong here: which bytes (uvicorn), a client that does not read
(`connection.py`).
"""

import asyncio


class HeadWithBody:
    """The transport of one answer, whose first write is the head.

    Uvicorn writes head and body apart. That is one system call more, and the client is woken for a head that says
    nothing yet.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head: bytes | None = None

    def write(self, data: bytes) -> None:
        """Holds the head back until the next write; writes all else at once."""
        if self._head is None:
            self._head = data
        else:
            self._transport.write(self._head + data if self._head else data)
            self._head = b""

    def flush(self) -> None:
        """Writes a head that nothing follows, as that of the answer to HEAD."""
        if self._head:
            self._transport.write(self._head)
            self._head = b""

    def is_closing(self) -> bool:
        """Whether the connection is closed or ends."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Ends the connection after what was written."""
        self.flush()
        self._transport.close()
