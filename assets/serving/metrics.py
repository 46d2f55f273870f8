"""The metrics of the decision service, for Prometheus.

Belongs here: names, labels and buckets. Labels take only values of a known, small set, never text from a request. Does
not belong here: counting (`application.py`), alert rules and dashboards (`infra/`).
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from assets.serving.decision import Decision
from resources.processes.loops import LoopHealth

if TYPE_CHECKING:  # it loads a model's libraries, and the stream follower counts too
    from assets.serving.live.product import LiveProduct

_MOST_BUNDLES = 8
"""Bundles of a product that have series of their own: those of a rollout, and of those just before."""
_SCORES = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
_BUCKETS = (0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Metrics:
    """The metrics of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._bundles: dict[str, dict[str, None]] = {}
        self._lock = Lock()
        self.decisions = Counter(
            "loopline_decisions_total",
            "Decisions answered, and those of shadows; logged, all of them",
            ("product", "outcome", "fallback", "role", "version"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "loopline_decision_seconds",
            "From the request's last byte to the answer, logging included",
            ("product", "role", "version"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.scores = Histogram(
            "loopline_decision_score",
            "Calibrated probability of the bad outcome, of decisions that a model or a scorecard scored",
            ("product", "role", "version"),
            buckets=_SCORES,
            registry=self.registry,
        )
        self.refused = Counter(
            "loopline_requests_refused_total",
            "Requests without an answer: invalid, no_champion, overload, stale, unknown_product, unlogged, disk_full, "
            "other_body, unknown_decision, unexplained, queue, timeout; refused for their caller: unauthenticated, "
            "forbidden, rate; by their connection: slow, body_too_large, head_too_large, not_http, connections",
            ("why",),
            registry=self.registry,
        )
        self.load_failures = Counter(
            "loopline_bundle_load_failures_total",
            "Rollout manifests or bundles that were refused",
            ("product",),
            registry=self.registry,
        )
        self.events = Counter(
            "loopline_events_total", "Events posted: added, known, refused", ("result",), registry=self.registry
        )
        self.posted = Counter(
            "loopline_posted_rows_total", "Rows posted, by route (outcomes, reviews): added, revised, known, refused",
            ("route", "result"), registry=self.registry,
        )  # fmt: skip
        self.shadows_dropped = Counter(
            "loopline_shadows_dropped_total", "Requests that the shadow did not score because too many were waiting",
            registry=self.registry,
        )  # fmt: skip
        self.shadow_failures = Counter(
            "loopline_shadow_failures_total", "Requests that the shadow failed to score or to log", ("product",),
            registry=self.registry,
        )  # fmt: skip
        self.rollbacks = Counter(
            "loopline_guard_rollbacks_total", "Challengers and shadows that the guard took out", ("product",),
            registry=self.registry,
        )  # fmt: skip
        self.rule_hits = Counter(
            "loopline_rule_hits_total", "Answered decisions on which a rule fired; mode is active or shadow",
            ("product", "rule", "mode"), registry=self.registry,
        )  # fmt: skip
        self.in_flight = Gauge("loopline_requests_in_flight", "Requests in flight", registry=self.registry)
        self.expected = Gauge(
            "loopline_decision_expected_seconds",
            "After how long a decision asked for now would be answered; beyond half of the smallest latency "
            "budget of the live products it is refused",
            registry=self.registry,
        )

    def count(self, decision: Decision) -> None:
        """Counts a decision that is logged."""
        self._admit(decision.product, decision.bundle)
        fallback = decision.fallback or "none"
        arm = (decision.product, decision.role, decision.bundle)
        self.decisions.labels(decision.product, decision.outcome, fallback, decision.role, decision.bundle).inc()
        if decision.score is not None and not decision.unit:  # the buckets are those of probabilities
            self.scores.labels(*arm).observe(decision.score)
        if decision.role == "shadow":
            return
        for mode, rules in (("active", decision.rules), ("shadow", decision.shadow_rules)):
            for rule in rules:
                self.rule_hits.labels(decision.product, rule, mode).inc()

    def observe(self, decision: Decision, seconds: float) -> None:
        """Notes how long an answer took."""
        self.seconds.labels(decision.product, decision.role, decision.bundle).observe(seconds)

    def count_refused(self, why: str) -> None:
        """Counts a request that got an error; a posted event that was not stored counts among the events."""
        if why == "events":
            self.events.labels("refused").inc()
        else:
            self.refused.labels(why).inc()

    def _admit(self, product: str, bundle: str) -> None:
        """Keeps the series of the last few bundles of each product; those of older ones are dropped."""
        known = self._bundles.setdefault(product, {})
        if bundle in known:
            return
        with self._lock:
            known[bundle] = None
            while len(known) > _MOST_BUNDLES:
                gone = next(iter(known))
                del known[gone]
                for metric in (self.decisions, self.seconds, self.scores):
                    metric.remove_by_labels({"product": product, "version": gone})

    def show(
        self,
        live: "Callable[[], Mapping[str, LiveProduct]]",
        watermarks: Callable[[str], Mapping[str, datetime]],
        store_works: Callable[[str], bool],
        store_rests: Callable[[str], bool],
    ) -> None:
        """Adds the live products, whether their stores work, and until when the events of each source are known."""
        self.registry.register(_Live(live, watermarks, store_works, store_rests))

    def show_loops(self, loops: Callable[[], Iterable[LoopHealth]]) -> None:
        """Adds the process's threads to every later scrape."""
        self.registry.register(LoopMetrics(loops))

    def text(self) -> bytes:
        """All metrics in Prometheus's text format."""
        return generate_latest(self.registry)


class _Live(Collector):
    """Reads the live bundles when scraped, so that a retired bundle is no longer reported."""

    def __init__(
        self,
        live: "Callable[[], Mapping[str, LiveProduct]]",
        watermarks: Callable[[str], Mapping[str, datetime]],
        store_works: Callable[[str], bool],
        store_rests: Callable[[str], bool],
    ) -> None:
        self._live = live
        self._watermarks = watermarks
        self._store_works = store_works
        self._store_rests = store_rests

    def collect(self) -> Iterable[GaugeMetricFamily]:
        labels = ("product", "role", "version", "digest")
        bundles = GaugeMetricFamily("loopline_bundle_info", "1 for each loaded bundle", labels=labels)
        shares = GaugeMetricFamily(
            "loopline_challenger_share", "Share of entities of each challenger", labels=("product", "version")
        )
        known = GaugeMetricFamily(
            "loopline_events_watermark_seconds",
            "Time until which the online store knows a source's events, in seconds since 1970; absent once a "
            "history has ended",
            labels=("product", "source"),
        )
        works = GaugeMetricFamily(
            "loopline_online_store_works", "1 if the product's online store can be read", labels=("product",)
        )
        resting = GaugeMetricFamily(
            "loopline_online_store_circuit_open",
            "1 while decisions do not ask the product's online store, because it failed",
            labels=("product",),
        )
        for product, live in self._live().items():
            works.add_metric([product], float(self._store_works(product)))
            resting.add_metric([product], float(self._store_rests(product)))
            for source, until in self._watermarks(product).items():
                if live.champion.bundle.policy.expects_events(until):  # else an alert would miss events for ever
                    known.add_metric([product, source], until.timestamp())
            for role, engine in live.engines():
                bundles.add_metric([product, role, engine.bundle.version, engine.bundle.digest[:12]], 1)
            for loaded, challenger in zip(live.challengers, live.manifest.challengers, strict=True):
                shares.add_metric([product, challenger.release.version], challenger.share if loaded else 0.0)
        yield bundles
        yield shares
        yield known
        yield works
        yield resting


class LoopMetrics(Collector):
    """The threads of a process; asks them when scraped."""

    def __init__(self, loops: Callable[[], Iterable[LoopHealth]]) -> None:
        self._loops = loops

    def collect(self) -> Iterable[GaugeMetricFamily | CounterMetricFamily]:
        """One scrape."""
        works = GaugeMetricFamily("loopline_loop_works", "1 if the thread's last step succeeded", labels=("loop",))
        failures = CounterMetricFamily("loopline_loop_failures", "Steps of the thread that failed", labels=("loop",))
        for health in self._loops():
            works.add_metric([health.name], float(health.problem is None and not health.ended))
            failures.add_metric([health.name], health.failures)
        yield works
        yield failures
