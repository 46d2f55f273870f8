"""Latency of decisions: over HTTP at a fixed rate, and in this process.

    python -m tests.benchmarks.bench_decisions [--seconds 20] [--rate 50] [--events 500]

Prints one JSON object. The client is a separate process and open-loop: it sends each request at its planned time,
whether or not earlier ones were answered, and measures the latency from that time.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from assets.bundle.files import load_bundle
from assets.serving.engine import Engine
from resources.keys import signing_key
from resources.online_store.opening import open_store
from tests.support.models.serving_samples import CUSTOMERS, NOW, PRODUCT, REQUEST, sample_parts
from tests.support.servers.serving_process import Service, Workspace

_CONNECTIONS = 8
_EARLY = 0.002
"""The event loop's timers are a millisecond late or more: the client wakes before its time, and waits awake."""
_WARM_UP = 50
_IN_PROCESS = 1000


def summary(milliseconds: list[float]) -> dict[str, float]:
    """Percentiles of latencies in milliseconds."""
    ordered = sorted(milliseconds)
    at = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99, "max_ms": 1.0}
    return {name: round(ordered[min(int(len(ordered) * share), len(ordered) - 1)], 3) for name, share in at.items()}


async def drive(port: int, rate: float, seconds: float) -> dict[str, Any]:
    """Sends requests at a fixed rate over keep-alive connections."""
    connections: asyncio.Queue[Any] = asyncio.Queue()
    for _ in range(_CONNECTIONS):
        connections.put_nowait(await asyncio.open_connection("127.0.0.1", port))
    for number in range(_WARM_UP):
        await _send(connections, number)
    started = time.perf_counter() + 0.1
    latencies: list[float] = []
    failures: list[int] = []

    async def one(number: int) -> None:
        due = started + number / rate
        await asyncio.sleep(due - time.perf_counter() - _EARLY)
        while time.perf_counter() < due:
            await asyncio.sleep(0)
        status = await _send(connections, number)
        latencies.append((time.perf_counter() - due) * 1000)
        if status != 200:
            failures.append(status)

    await asyncio.gather(*(one(number) for number in range(int(rate * seconds))))
    return {"rate": rate, "seconds": seconds, "requests": len(latencies), "failed": len(failures)} | summary(latencies)


async def _send(connections: "asyncio.Queue[Any]", number: int) -> int:
    request = REQUEST | {"customer_id": f"C{number % CUSTOMERS}", "amount": 500 + 137 * (number % 97)}
    body = json.dumps({"product": PRODUCT, "request": request}).encode()
    reader, writer = await connections.get()
    head = f"POST /decide HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    top = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    await reader.readexactly(int(top.split("content-length:")[1].split("\r\n")[0]))
    connections.put_nowait((reader, writer))
    return int(top.split(" ")[1])


def in_process(workspace: Workspace, events: int) -> dict[str, float]:
    """Latency of `Engine.decide` alone, the online store included."""
    key = signing_key(workspace.variables, workspace.environment.home, "signing")
    bundle = load_bundle(workspace.environment.home / "built" / "1", key, None)
    store = open_store(workspace.environment.online_store, PRODUCT)
    engine = Engine(bundle, store, as_of_allowed=True)
    engine.warm()
    latencies = []
    for number in range(_WARM_UP + _IN_PROCESS):
        request = REQUEST | {"customer_id": f"C{number % CUSTOMERS}", "amount": 500 + 137 * (number % 97)}
        began = time.perf_counter()
        engine.decide(request, now=NOW)
        latencies.append((time.perf_counter() - began) * 1000)
    store.close()
    return summary(latencies[_WARM_UP:]) | {"events_each": events}


def measure(rate: float = 50, seconds: float = 20, events: int = 500) -> dict[str, Any]:
    """Measures the service, driven from another process, then the engine in this process."""
    with tempfile.TemporaryDirectory(prefix="loopline-bench-") as home:
        workspace = Workspace(Path(home), events_each=events)
        workspace.roll_out(workspace.publish(sample_parts("1")))
        with Service(workspace) as service:
            service.wait_until_ready()
            command = [sys.executable, "-m", __spec__.name if __spec__ else __name__, "--drive", str(workspace.port)]
            command += ["--rate", str(rate), "--seconds", str(seconds)]
            driven = subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds + 60)
            start_seconds = round(service.start_seconds, 2)
        return {
            "http": json.loads(driven.stdout),
            "in_process": in_process(workspace, events),
            "start_seconds": start_seconds,
        }


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Latency of decisions")
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--events", type=int, default=500)
    parser.add_argument("--drive", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.drive:
        print(json.dumps(asyncio.run(drive(given.drive, given.rate, given.seconds))))
    else:
        print(json.dumps(measure(given.rate, given.seconds, given.events), indent=2))


if __name__ == "__main__":
    main()
