"""Traces by OpenTelemetry, sent to the endpoint that OTEL_EXPORTER_OTLP_ENDPOINT names, over HTTP.

Belongs here: the provider, its exporter, and spans. Does not belong here: which parts are measured (`spans.py` and its
callers). Import it only where an endpoint is configured: without one the service pays nothing for traces.

The other OTEL_ variables (OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER, OTEL_EXPORTER_OTLP_HEADERS, …) mean what
OpenTelemetry says. Spans are sent by a thread; those that find its queue full are dropped, and no request waits.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from assets.serving.observing.spans import RequestSpan, SpanName

_NAMES = {
    "fetch": "online_store.fetch",
    "features": "kernel.compute",
    "score": "model.score",
    "log": "decision_log.append",
}
_CONTEXT = (b"traceparent", b"tracestate")
_FAULT = 500


class OtlpSpans:
    """Spans that are exported; see `assets.serving.observing.spans.Spans`."""

    def __init__(self) -> None:
        name = os.environ.get("OTEL_SERVICE_NAME") or "loopline-decisions"
        self._provider = TracerProvider(resource=Resource.create({SERVICE_NAME: name}), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("loopline")
        self._propagator = TraceContextTextMapPropagator()

    def part(self, name: SpanName) -> AbstractContextManager[object]:
        """See `Spans.part`."""
        if not trace.get_current_span().is_recording():
            return nullcontext()
        return self._tracer.start_as_current_span(_NAMES[name])

    @contextmanager
    def request(self, method: str, route: str, headers: Iterable[tuple[bytes, bytes]]) -> Iterator[RequestSpan]:
        """See `Spans.request`."""
        carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers if name in _CONTEXT}
        with self._tracer.start_as_current_span(
            f"{method} {route}",
            # An own context: the server's own instrumentation has begun a span that nobody exports.
            context=self._propagator.extract(carrier, context={}),  # type: ignore[arg-type]
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method, "http.route": route},
        ) as span:
            yield _Noted(span)

    def close(self) -> None:
        """See `Spans.close`."""
        self._provider.shutdown()


class _Noted:
    def __init__(self, span: Span) -> None:
        self._span = span

    def note(self, name: str, value: str | int) -> None:
        """See `RequestSpan.note`."""
        self._span.set_attribute(name, value)
        if name == "http.response.status_code" and isinstance(value, int) and value >= _FAULT:
            self._span.set_status(StatusCode.ERROR)
