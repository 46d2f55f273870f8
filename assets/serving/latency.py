"""Latency of a decision in this process.

Belongs here: timing an engine on real requests, for the latency gate. Does not belong here: load tests over HTTP
(`tests/benchmarks`).

Processor time is measured, not wall-clock time, and of each request the fastest of three decisions counts, so that a
busy machine does not make the gate refuse a model.
"""

import logging
import time
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from assets.serving.engine import Engine

_LOG = logging.getLogger("loopline.latency")
_WARM_UP = 20
_ROUNDS = 3


def decision_latency(engine: Engine, rows: pa.Table, *, now: datetime, seed: int, decisions: int = 300) -> float | None:
    """99th percentile of one decision, in milliseconds of processor time, on requests drawn from a feature table.

    Args:
        rows: A feature table with the entity keys and request columns of the engine's bundle.
        now: The decision time.
        decisions: How many requests are timed, after a warm-up.

    Returns:
        None, which no gate passes, when a request was answered by a fallback: its time says nothing of a decision's.
    """
    chosen = np.random.default_rng(seed).choice(rows.num_rows, size=decisions + _WARM_UP)
    requests = [_request(engine, row) for row in rows.take(pa.array(chosen)).to_pylist()]
    times = np.empty((_ROUNDS, len(requests)))
    for place in np.ndindex(times.shape):
        started = time.thread_time()
        decision = engine.decide(requests[place[1]], now=now)
        times[place] = (time.thread_time() - started) * 1000
        if decision.fallback is not None:
            _LOG.error("the latency of decisions is unknown: one is a fallback: %s", decision.problem)
            return None
    return float(np.percentile(times[:, _WARM_UP:].min(axis=0), 99))


def _request(engine: Engine, row: dict[str, Any]) -> dict[str, Any]:
    shape = engine.shape
    names = (*shape.keys, *shape.values, *([shape.sequence] if shape.sequence else []))
    return {name: row[name] for name in names}
