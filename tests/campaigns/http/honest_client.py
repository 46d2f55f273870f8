"""An honest client whose waiting is measured.

Belongs here: asking for one decision again and again. Does not belong here: who disturbs it (`slow_clients.py`).
"""

import json
import time
from dataclasses import dataclass

from tests.campaigns.http.framing_mutations import message
from tests.campaigns.http.judge import decision_of
from tests.campaigns.http.limits import BUDGET_SECONDS
from tests.campaigns.http.target import Target
from tests.campaigns.http.wire import Connection, NoAnswer, Response

_EVERY = 0.1


@dataclass(frozen=True)
class Waiting:
    """One honest request: how long it took and what was wrong with it, if anything."""

    seconds: float
    fault: str | None
    fresh: bool


class HonestClient:
    """Asks for the same decision again and again, by turns over a connection that it keeps and over a new one."""

    def __init__(self, target: Target) -> None:
        self._address = target.address
        product, request = next(iter(target.requests.items()))
        self.request = message(b"POST", b"/decide", json.dumps({"product": product, "request": request}).encode())
        self._kept: Connection | None = None
        self._usual = decision_of(self._answer(Connection(self._address)))

    def ask_for(self, seconds: float) -> list[Waiting]:
        """Asks some ten times a second."""
        end, found = time.monotonic() + seconds, list[Waiting]()
        while time.monotonic() < end:
            found.append(self._ask(fresh=len(found) % 2 == 0))
            time.sleep(_EVERY)
        self._drop()
        return found

    def _ask(self, *, fresh: bool) -> Waiting:
        started, fault = time.monotonic(), None
        try:
            if self._kept is None:
                self._kept = Connection(self._address, seconds=5 * BUDGET_SECONDS)
            answer = self._answer(Connection(self._address, seconds=5 * BUDGET_SECONDS) if fresh else self._kept)
        except NoAnswer as end:
            fault = f"no answer: {end.how}"
            self._drop()
        except OSError as error:
            fault = f"no connection: {error}"
            self._drop()
        else:
            if decision_of(answer) != self._usual:
                fault = f"another answer than always: status {answer.status}, {answer.body[:300]!r}"
            if answer.closes and not fresh:
                self._drop()
        return Waiting(time.monotonic() - started, fault, fresh)

    def _answer(self, connection: Connection) -> Response:
        connection.send([self.request])
        try:
            return connection.read("POST", seconds=5 * BUDGET_SECONDS)
        finally:
            if connection is not self._kept:
                connection.close()

    def _drop(self) -> None:
        if self._kept:
            self._kept.close()
            self._kept = None
