"""A small SMTP server within a test.

Belongs here: taking messages as RFC 5321 says, without TLS and sign-in. Does not belong here: reading them (the tests).
"""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Mailbox:
    """What arrived.

    Attributes:
        refuses: Whether the server refuses every receiver.
        letters: Sender, receivers and text of each message.
    """

    port: int = 0
    refuses: bool = False
    letters: list[tuple[str, list[str], str]] = field(default_factory=list)


@contextmanager
def taking_mail() -> Iterator[Mailbox]:
    """A server on loopback that runs within the block."""
    box = Mailbox()

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            sender, receivers = "", list[str]()
            self._say("220 mail.test ESMTP")
            while line := self.rfile.readline().decode().strip():
                verb = line[:4].upper()
                if verb == "MAIL":
                    sender = line.partition(":")[2]
                elif verb == "RCPT" and box.refuses:
                    self._say("550 no such person")
                    continue
                elif verb == "RCPT":
                    receivers.append(line.partition("<")[2].partition(">")[0])
                elif verb == "DATA":
                    self._say("354 go on")
                    text = b"".join(iter(self.rfile.readline, b".\r\n")).decode()
                    box.letters.append((sender, receivers, text))
                elif verb == "QUIT":
                    self._say("221 bye")
                    return
                self._say("250 mail.test")

        def _say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session) as server:
        box.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield box
        finally:
            server.shutdown()
            thread.join()
