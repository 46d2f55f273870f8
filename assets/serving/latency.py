"""What a decision costs in this process.

Belongs here: timing an engine on real requests, for the gate that bounds it. Does not belong here: load tests over HTTP
(`tests/benchmarks`).

Processor time is counted, not the clock on the wall: a model must not be refused because the machine that judges it is
busy with something else.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from assets.serving.engine import Engine

_WARM_UP = 20


@dataclass(frozen=True)
class Latency:
    """The time of one decision, in milliseconds of processor time: its 99th percentile over so many decisions."""

    p99_ms: float
    decisions: int


def decision_latency(engine: Engine, rows: pa.Table, *, now: datetime, seed: int, decisions: int = 500) -> Latency:
    """Times decisions on requests taken from rows of a feature table.

    Args:
        rows: With the entity keys and request columns of the engine's bundle.
        now: The moment of the decisions.
    """
    chosen = np.random.default_rng(seed).choice(rows.num_rows, size=decisions + _WARM_UP)
    requests = [_request(engine, row) for row in rows.take(pa.array(chosen)).to_pylist()]
    times = []
    for request in requests:
        started = time.thread_time()
        engine.decide(request, now=now)
        times.append((time.thread_time() - started) * 1000)
    return Latency(p99_ms=float(np.percentile(times[_WARM_UP:], 99)), decisions=decisions)


def _request(engine: Engine, row: dict[str, Any]) -> dict[str, Any]:
    shape = engine.shape
    wanted = (*shape.keys, *shape.values, *([shape.sequence] if shape.sequence else []))
    return {name: row[name] for name in wanted}
