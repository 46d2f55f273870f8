"""The newest figures of the products' tables, for Prometheus.

Belongs here: reading them again every few minutes, in a thread of the stream follower, whose `/metrics` shows them: it
has the lake's address and no decision waits for it. Does not belong here: the figures (`assets.monitoring.latest`), the
pages (`stream_health.py`), dashboards and rules (`infra/`).
"""

import time
from collections.abc import Iterable, Mapping, Sequence

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from assets.monitoring.latest import LABELS, MEANINGS, LatestFigure, latest_figures
from assets.product import Product
from resources.lake import Lake, LakeError
from resources.processes.loops import Loop

_EVERY_SECONDS = 300.0
_RETRY_SECONDS = 60.0


class FigureMetrics(Collector):
    """The figures of some products; those of the last successful read."""

    def __init__(self, products: Sequence[Product], lake: Lake) -> None:
        self._products, self._lake = products, lake
        self._figures: Mapping[str, tuple[LatestFigure, ...]] = {}
        self._read_at: Mapping[str, float] = {}
        self.loop = Loop("figures", self._turn, retry=_RETRY_SECONDS)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """One scrape."""
        for name, labels in LABELS.items():
            family = GaugeMetricFamily(f"loopline_{name}", MEANINGS[name], labels=("product", *labels))
            for product, figures in self._figures.items():
                # A figure that a table holds more than once, as over several windows, is the largest of them.
                found: dict[tuple[str, ...], float] = {}
                for figure in figures:
                    if figure.name == name:
                        key = (product, *(figure.labels[label] for label in labels))
                        found[key] = max(figure.value, found.get(key, figure.value))
                for key, value in found.items():
                    family.add_metric(key, value)
            yield family
        read = GaugeMetricFamily(
            "loopline_figures_read_seconds", "When the figures of a product were read, in seconds since 1970",
            labels=("product",),
        )  # fmt: skip
        for product, at in self._read_at.items():
            read.add_metric([product], at)
        yield read

    def _turn(self) -> float:
        """Reads the figures of every product; seconds to pause before the next turn."""
        problems = []
        for product in self._products:
            try:
                figures = latest_figures(product, self._lake)
            except LakeError as error:
                problems.append(error)
                continue
            self._figures = {**self._figures, product.name: figures}
            self._read_at = {**self._read_at, product.name: time.time()}
        if problems:
            raise problems[0]
        return _EVERY_SECONDS
