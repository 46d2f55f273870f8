"""Spans of a request's parts, for traces.

Belongs here: what the decision path calls, and that it costs nothing when nobody traces. Does not belong here:
OpenTelemetry (`traces.py`), which is imported only where an endpoint is configured.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, Protocol

SpanName = Literal["fetch", "features", "score", "log"]
"""The parts: events from the online store, the kernel, the model, the wait for the decision log."""


class Spans(Protocol):
    """Measures parts of a request."""

    def part(self, name: SpanName) -> AbstractContextManager[object]:
        """Measures a block, within the request that is under way in this context; nothing outside of one."""
        ...

    def request(
        self, method: str, route: str, headers: Iterable[tuple[bytes, bytes]]
    ) -> AbstractContextManager["RequestSpan"]:
        """Measures a request; the header fields may name the trace of the caller."""
        ...

    def close(self) -> None:
        """Sends what is not sent yet."""
        ...


class RequestSpan(Protocol):
    """What is noted of a request."""

    def note(self, name: str, value: str | int) -> None:
        """Notes a fact; never a value of the request's body."""
        ...


class _Unnoted:
    def note(self, name: str, value: str | int) -> None:
        pass


class NoSpans:
    """Measures nothing."""

    def __init__(self) -> None:
        self._part: AbstractContextManager[object] = nullcontext()
        self._request: AbstractContextManager[RequestSpan] = nullcontext(_Unnoted())

    def part(self, name: SpanName) -> AbstractContextManager[object]:
        """See `Spans.part`."""
        return self._part

    def request(
        self, method: str, route: str, headers: Iterable[tuple[bytes, bytes]]
    ) -> AbstractContextManager[RequestSpan]:
        """See `Spans.request`."""
        return self._request

    def close(self) -> None:
        """See `Spans.close`."""
