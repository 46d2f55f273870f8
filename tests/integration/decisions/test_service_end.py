"""The end of the decision service: no answer is lost, nothing in flight is dropped, no kept connection is reset."""

import json
import select
import socket
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Literal

import pytest

from assets.serving.log.decision_log import days, scan_day
from tests.support.models.serving_samples import PRODUCT, REQUEST, sample_parts
from tests.support.servers.serving_process import Service, Workspace

pytestmark = pytest.mark.slow

BUSY, KEPT = 16, 12
DRAIN_SECONDS = 2.0
BODY = json.dumps({"product": PRODUCT, "request": REQUEST}).encode()
ASKED = b"POST /decide HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY

End = Literal["told", "closed", "reset", "unanswered"]


@dataclass
class Client:
    """One connection, used until the service ends it.

    Attributes:
        ids: The decisions that were acknowledged.
        end: `told` by the header of the last answer; `closed` before a request was sent, or in order instead of an
            answer, so that nothing was begun; `reset`, or `unanswered` in the middle of an answer.
    """

    port: int
    pauses: list[float]
    ids: list[str] = field(default_factory=list)
    end: End | None = None

    def run(self) -> None:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
                while self.end is None:
                    self._ask(connection)
        except ConnectionError:
            self.end = "reset"

    def _ask(self, connection: socket.socket) -> None:
        pause = self.pauses.pop(0) if self.pauses else 0.0
        if select.select([connection], [], [], pause)[0]:
            assert connection.recv(1) == b""
            self.end = "closed"
            return
        connection.sendall(ASKED)
        held = b""
        while b"\r\n\r\n" not in held:
            got = connection.recv(65536)
            if not got:
                self.end = "unanswered" if held else "closed"
                return
            held += got
        head, _, body = held.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        while len(body) < length:
            got = connection.recv(65536)
            if not got:
                self.end = "unanswered"
                return
            body += got
        # On a slow machine so many clients at once are more than it takes; a refusal loses nothing.
        if not head.startswith(b"HTTP/1.1 503"):
            assert head.startswith(b"HTTP/1.1 200"), head
            self.ids.append(json.loads(body)["decision_id"])
        if b"connection: close" in head.lower():
            self.end = "told"


def test_no_kept_connection_is_reset_and_no_answer_lost_when_the_service_ends(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, events_each=20)
    workspace.roll_out(workspace.publish(sample_parts("1")))
    workspace.variables["LOOPLINE_DRAIN_SECONDS"] = str(DRAIN_SECONDS)
    random = Random(7)
    with Service(workspace) as service:
        service.wait_until_ready()
        # The kept ones ask once, then again at some time during or after the drain.
        kept = [[0.0, 0.6 + random.uniform(0.0, DRAIN_SECONDS + 1.0)] for _ in range(KEPT)]
        clients = [Client(workspace.port, pauses) for pauses in (*([] for _ in range(BUSY)), *kept)]
        threads = [threading.Thread(target=client.run) for client in clients]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 60
        while not all(client.ids for client in clients[:BUSY]):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        service.process.terminate()
        while (status := service.get("/readyz")[0]) == 200:
            time.sleep(0.01)
        assert status == 503, "it still answers, and says that it is not ready"
        for thread in threads:
            thread.join(20)
        assert service.process.wait(20) == 0
    ends = [client.end for client in clients]
    assert set(ends) <= {"told", "closed"}, ends
    assert ends[:BUSY] == ["told"] * BUSY, "who asked without a pause was answered, and told that it was the last one"
    acknowledged = {one for client in clients for one in client.ids}
    assert len(acknowledged) == sum(len(client.ids) for client in clients) > BUSY
    log = workspace.environment.decision_log
    logged = {one.id for day in days(log, PRODUCT) for one in scan_day(log, PRODUCT, day).decisions if not one.void}
    assert acknowledged <= logged
