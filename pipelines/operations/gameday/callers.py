"""The customers of a day: they call the decision service, and the bank hears its answers.

Belongs here: a day's rows as requests, bounded, in the order of time, and what the service answered. Does not belong
here: `loopline traffic` (`pipelines.operations.traffic`), what follows from an answer (`resources.sandbox.answering`).
"""

import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import pyarrow as pa

from assets.product import Product
from assets.vocabulary.times import AS_OF
from pipelines.operations.decisions.decide import request_fields
from pipelines.services.decisions import decisions_at
from resources.environments import Environment
from resources.errors import LooplineError
from resources.rollout_store.manifest import RolloutManifest

_AT_ONCE = 15
_SECONDS, _POLL = 20.0, 0.05
# Without a certificate the service has no TLS, and reading those of every authority costs more than the requests.
_NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class RowRefused(LooplineError):
    """The service took a made-up row for a wrong one: the bank and the contract contradict each other."""


@dataclass
class Answered:
    """The answers to one product's requests of a day.

    Attributes:
        decisions: By row, the whole answer.
        silent: Rows to which no answer came.
    """

    decisions: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    silent: list[str] = field(default_factory=list)


@dataclass
class Callers:
    """The callers of one product."""

    product: Product
    environment: Environment
    _fields: frozenset[str] = frozenset()
    _followed: int = 0

    def call(
        self, rows: pa.Table, events: Mapping[str, pa.Table], answered: Answered, state: RolloutManifest | None = None
    ) -> None:
        """Posts what just became known of the rows' entities, then has the rows decided.

        Where later decisions count earlier rows, the bank posts each row once it was decided: else the service would
        know it only after the night's load.

        Args:
            rows: Of the spine's source.
            events: By source; each row is posted to the service before the decisions.
            state: The rollout; the service has read it before it is asked, as in earnest it has within a second.
        """
        if not rows.num_rows:
            return
        at = decisions_at(self.environment.ports)
        verify = at.verify if isinstance(at.verify, ssl.SSLContext) else _NO_AUTHORITIES
        terms: dict[str, Any] = {"base_url": at.address, "headers": at.headers, "timeout": _SECONDS}
        with httpx.Client(**terms, trust_env=False, verify=verify) as client:
            try:
                self._fields = self._fields or request_fields(self.environment, self.product.name)
                self._await(client, state)
                for source, table in events.items():
                    self._post(client, source, table.to_pylist())
                own = self.product.spine.source
                for some in self._at_once(rows.to_pylist()):
                    self._decide(client, [self._request(row) for row in some], answered)
                    if own in self.product.features.sources:
                        self._post(client, own, some)
            except (httpx.TransportError, LooplineError) as error:
                if isinstance(error, RowRefused):
                    raise
                known = {str(row) for row in rows[self.product.spine.row_id].to_pylist()} - answered.decisions.keys()
                answered.silent += sorted(known)

    def _at_once(self, rows: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
        """The rows in their order, cut where one has an entity of a row before it, which must have been posted."""
        some: list[Mapping[str, Any]] = []
        seen: set[tuple[str, str]] = set()
        for row in rows:
            entities = set(self._keys(row).items())
            if len(some) == _AT_ONCE or seen & entities:
                yield some
                some, seen = [], set()
            some.append(row)
            seen |= entities
        if some:
            yield some

    def _await(self, client: httpx.Client, state: RolloutManifest | None) -> None:
        """Returns once the service follows a state of the rollout; one that cannot load a version never does."""
        if state is None or state.generation == self._followed:
            return
        self._followed, deadline = state.generation, time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            found = {one["product"]: one for one in client.get("/products").json()["products"]}
            if self.product.name in found and _follows(found[self.product.name], state):
                return
            time.sleep(_POLL)

    def _post(self, client: httpx.Client, source: str, rows: Sequence[Mapping[str, Any]]) -> None:
        for row in rows:
            event = {**row, **self._keys(row)}
            answer = client.post("/events", json={"product": self.product.name, "source": source, "event": event})
            if answer.status_code == 400:
                raise RowRefused(f"{self.product.name}, an event of {source}: {answer.text}")

    def _decide(self, client: httpx.Client, requests: Sequence[Mapping[str, Any]], answered: Answered) -> None:
        answer = client.post("/decide/many", json={"product": self.product.name, "requests": requests})
        row_id = self.product.spine.row_id
        if answer.status_code != 200:
            answered.silent += [str(one[row_id]) for one in requests]
            return
        for request, result in zip(requests, answer.json()["results"], strict=True):
            if result["status"] == 400:
                raise RowRefused(f"{self.product.name}, row {request[row_id]}: {result}")
            if result["status"] == 200:
                answered.decisions[str(request[row_id])] = result["decision"]
            else:
                answered.silent.append(str(request[row_id]))

    def _request(self, row: Mapping[str, Any]) -> dict[str, Any]:
        spine = self.product.spine
        keys = set(self._fields) - {AS_OF}
        found = {name: row[name] for name in keys | {spine.row_id} if name in row}
        return {**found, **self._keys(found), AS_OF: row[spine.as_of]}

    def _keys(self, row: Mapping[str, Any]) -> dict[str, str]:
        return {name: str(row[name]) for name in self.product.features.key_columns if name in row}


def _follows(live: Mapping[str, Any], state: RolloutManifest) -> bool:
    """Whether what the service says of a product is this state of its rollout."""
    shadow = None if live["shadow"] is None else live["shadow"]["version"]
    return (
        live["champion"]["version"] == state.champion.version
        and live["rollout"] == state.rollout
        and shadow == (None if state.shadow is None else state.shadow.version)
        and [(one["version"], one["share"]) for one in live["challengers"]]
        == [(one.release.version, one.share) for one in state.challengers]
    )
