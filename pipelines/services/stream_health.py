"""How each stream is followed, as the stream follower tells it over HTTP.

Belongs here: the health of a stream, the pages `/livez`, `/readyz` and `/metrics` of the follower's process, reading
`/readyz` from another process. Does not belong here: following (`stream_follower.py`), alert rules (`infra/`).
"""

import http.client
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal, Protocol, get_args

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from assets.serving.metrics import LoopMetrics
from pipelines.services.figures import FigureMetrics
from resources.errors import LooplineError
from resources.processes.loops import LoopHealth

Why = Literal["starting", "not_loaded", "stream", "store", "lake", "contract", "clock", "fault"]
"""Why a stream is not followed: the process has just begun; the online store has no load of the source to append to;
what failed: the stream, the store, the lake with its consents, the contract, the sandbox's clock, the code."""

_EXPECTED: tuple[Why, ...] = ("starting", "not_loaded")
_STUCK_SECONDS = 300.0
_CLIENT_SECONDS = 5.0


class HealthUnknown(LooplineError):
    """The stream follower does not tell how it fares; the message has its address and the reason."""


class PortTaken(LooplineError):
    """The port of the stream follower cannot be used; the message names the port and the remedy."""


@dataclass(frozen=True)
class StreamHealth:
    """How one stream is followed.

    Attributes:
        name: Product and source, `product/source`.
        why: Why it is not followed; `None` while it is.
        problem: The failure in a sentence; empty without one.
        lag_seconds: How far the online store is behind the time of the last step; `None` until it is known.
        messages_behind: How many messages of a topic had arrived and were not read; `None` for a tailed file.
    """

    name: str
    why: Why | None
    problem: str = ""
    lag_seconds: float | None = None
    messages_behind: int | None = None

    @property
    def is_well(self) -> bool:
        """Whether it is followed, or waits for what a person has not started yet."""
        return self.why is None or self.why in _EXPECTED

    @property
    def sentence(self) -> str:
        """The health in words."""
        behind = "" if self.lag_seconds is None else f", {self.lag_seconds:.0f} s behind"
        if self.why is None:
            return f"{self.name} is followed{behind}"
        if self.why == "not_loaded":
            return f"{self.name} waits for a load: loopline load {self.name.partition('/')[0]}"
        if self.why == "starting":
            return f"{self.name} is about to be followed"
        return f"{self.name} is not followed{behind} ({self.why}): {self.problem.partition(chr(10))[0]}"


class Followed(Protocol):
    """What follows the streams."""

    def health(self) -> tuple[StreamHealth, ...]:
        """How each stream is followed; safe to call from any thread."""
        ...

    def loop_health(self) -> LoopHealth:
        """How the loop over the streams fares."""
        ...

    def silent_seconds(self) -> float:
        """For how long no step has ended."""
        ...


class StreamMetrics(Collector):
    """The metrics of the streams; asks when scraped."""

    def __init__(self, health: Callable[[], Iterable[StreamHealth]]) -> None:
        self._health = health

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """One scrape."""
        labels = ("product", "source")
        lag = GaugeMetricFamily(
            "loopline_stream_lag_seconds", "How far the online store is behind the stream's time", labels=labels
        )
        messages = GaugeMetricFamily(
            "loopline_stream_lag_messages", "How many messages of a topic arrived and are not read", labels=labels
        )
        not_followed = GaugeMetricFamily(
            "loopline_stream_not_followed", "1 for the reason why a stream is not followed", labels=(*labels, "why")
        )
        for one in self._health():
            product, _, source = one.name.partition("/")
            if one.lag_seconds is not None:
                lag.add_metric([product, source], one.lag_seconds)
            if one.messages_behind is not None:
                messages.add_metric([product, source], one.messages_behind)
            for why in get_args(Why):
                not_followed.add_metric([product, source, why], float(one.why == why))
        yield lag
        yield messages
        yield not_followed


@contextmanager
def serve_health(followed: Followed, host: str, port: int, figures: FigureMetrics | None = None) -> Iterator[None]:
    """Within the block, `/livez`, `/readyz` and `/metrics` are answered on the port.

    Args:
        figures: Shown on `/metrics` too; read in a thread of their own within the block.

    Raises:
        PortTaken: The port cannot be used.
    """
    registry = CollectorRegistry()
    registry.register(StreamMetrics(followed.health))
    registry.register(LoopMetrics(lambda: [followed.loop_health(), *([figures.loop.health()] if figures else [])]))
    if figures is not None:
        registry.register(figures)
    try:
        server = ThreadingHTTPServer((host, port), partial(_Pages, followed, registry))
    except (OSError, OverflowError) as error:
        raise PortTaken(
            f"the stream follower cannot listen on {host}, port {port} ({error}); stop what holds it, or give another "
            f"--port"
        ) from error
    thread = threading.Thread(target=server.serve_forever, name="stream-health", daemon=True)
    thread.start()
    if figures is not None:
        figures.loop.start()
    try:
        yield
    finally:
        if figures is not None:
            figures.loop.stop()
        server.shutdown()
        thread.join()
        server.server_close()


def read_health(address: str) -> tuple[StreamHealth, ...]:
    """The health of each stream, as the follower at an address of this machine tells it.

    Raises:
        HealthUnknown: It does not answer, or with something else.
    """
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    url = f"{address}/readyz"
    try:
        with direct.open(url, timeout=_CLIENT_SECONDS) as answer:
            text = answer.read()
    except urllib.error.HTTPError as error:
        text = error.read()
    except (OSError, http.client.HTTPException) as error:
        raise HealthUnknown(f"{url} does not answer ({error})") from error
    try:
        return tuple(StreamHealth(**row) for row in json.loads(text)["streams"])
    except (ValueError, KeyError, TypeError) as error:
        raise HealthUnknown(f"{url} is not the stream follower's ({error})") from error


class _Pages(BaseHTTPRequestHandler):
    """One request; nothing of it is logged."""

    timeout = _CLIENT_SECONDS

    def __init__(self, followed: Followed, registry: CollectorRegistry, *arguments: object) -> None:
        self._followed, self._registry = followed, registry
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """The three pages."""
        path = self.path.partition("?")[0]
        if path == "/livez":
            silent = self._followed.silent_seconds()
            self._answer_json(silent < _STUCK_SECONDS, {"silent_seconds": round(silent, 1)})
        elif path == "/readyz":
            streams: Sequence[StreamHealth] = self._followed.health()
            self._answer_json(all(one.is_well for one in streams), {"streams": [asdict(one) for one in streams]})
        elif path == "/metrics":
            self._answer(200, "text/plain; version=0.0.4; charset=utf-8", generate_latest(self._registry))
        else:
            self._answer_json(None, {"error": "nothing is here; GET /livez, /readyz or /metrics"})

    def _answer_json(self, well: bool | None, content: dict[str, object]) -> None:
        status = 404 if well is None else 200 if well else 503
        self._answer(status, "application/json", json.dumps(content).encode())

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Requests are not logged: probes ask all the time."""
