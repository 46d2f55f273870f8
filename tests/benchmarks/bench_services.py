"""A full decision beside three simpler services: one closed-loop client, one process each, in one run.

    python -m tests.benchmarks.bench_services [--seconds 10]

Prints one JSON object: latencies of requests that follow each other at once, and of 50 a second. Each request to
Loopline reads the customer's events, computes 30 history features, scores, and is on disk in the decision log before it
is answered. The peers: a BentoML service that answers a constant; `mlflow models serve` of the same model, given the
model's whole input and no history to look up; FastAPI with the same model in ONNX Runtime, which reads an input vector
from Redis that was computed before. Only Loopline checks requests and logs.

`log_alone` is what the disk asks for: a decision's record appended by the service's own log file and synced, by nobody
but this process, at both paces. No service that answers what it has written can be faster.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import redis

from assets.bundle.bundle import BundleParts
from assets.features.kernel.kernel import compile_features
from assets.serving.log.file import LogFile
from assets.vocabulary import Events, FeatureSet, days
from tests.benchmarks.bench_decisions import summary
from tests.support.models.serving_samples import (
    CUSTOMERS,
    FEATURES,
    NOW,
    PRODUCT,
    REQUEST,
    sample_parts,
    trained,
    transactions,
)
from tests.support.servers.ports import free_port
from tests.support.servers.redis_server import RedisServer
from tests.support.servers.serving_process import Service, Workspace

_PROGRAMS = Path(__file__).parent
_START_SECONDS = 90.0
_WARM_UP = 200
_ROUNDS = 2
_RATE = 50.0
_DECISION = 0.001
"""About as long as a decision takes between two syncs of the log, when one client asks at once."""
_EARLY = 0.001
"""A timer is late: the client wakes before its time, and waits awake."""

Body = Callable[[int], bytes]


def features() -> FeatureSet:
    """Three columns of the request, two derived from them, and 30 features of the customer's history."""
    every = Events("transactions", key="customer_id")
    spent = every.where(direction="debit")
    history = [
        aggregate
        for window in (days(1), days(7), days(14), days(30), days(60), days(90))
        for aggregate in (
            every.count(window),
            spent.sum("amount", window, empty=0),
            spent.mean("amount", window),
            spent.max("amount", window),
            every.distinct("category", window),
        )
    ]
    return replace(FEATURES, history=tuple(history))


def bundle_parts() -> BundleParts:
    """A model over these features, of the default size."""
    compiled = compile_features(features(), {"transactions": {"amount": 0.01}})
    sample, random = sample_parts("1"), np.random.default_rng(7)
    rows = 2000
    spine = pa.table(
        {
            "customer_id": [f"C{number}" for number in random.integers(0, CUSTOMERS, rows)],
            "as_of": pa.array([NOW] * rows, pa.timestamp("us", "UTC")),
            "amount": random.uniform(500, 20_000, rows),
            "income_monthly": random.uniform(800, 6000, rows),
            "purpose": random.choice(["car", "home", "education"], rows),
        }
    )
    table = compiled.compute({"transactions": transactions(events_each=200)}, spine)
    label = (table["amount"].to_numpy() / table["income_monthly"].to_numpy() > 4).astype(int)
    return trained(PRODUCT, "1", compiled, sample.policy, table, label, rounds=200)


# ---------------------------------------------------------------------- the client


class Client:
    """One kept connection that asks, waits for the answer, and asks again."""

    def __init__(self, port: int, path: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "

    def ask(self, body: bytes) -> None:
        """One request; raises RuntimeError for any answer but 200."""
        self._socket.sendall(self._head.encode() + b"%d\r\n\r\n" % len(body) + body)
        held = b""
        while b"\r\n\r\n" not in held:
            held += self._socket.recv(65536)
        head, _, rest = held.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        while len(rest) < length:
            rest += self._socket.recv(65536)
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"the service answered {head.decode()}\n{rest.decode()}")


def asked(port: int, path: str, body: Body, seconds: float) -> list[float]:
    """Latencies in milliseconds of requests that follow each other without a pause."""
    client = Client(port, path)
    for number in range(_WARM_UP):
        client.ask(body(number))
    latencies, began, number = [], time.perf_counter(), 0
    while (sent := time.perf_counter()) - began < seconds:
        client.ask(body(number))
        latencies.append((time.perf_counter() - sent) * 1000)
        number += 1
    return latencies


def asked_at(port: int, path: str, body: Body, rate: float, seconds: float) -> list[float]:
    """Latencies in milliseconds of requests at a rate: between them the machine rests, and has to wake."""
    client = Client(port, path)
    for number in range(_WARM_UP):
        client.ask(body(number))
    latencies, began = [], time.perf_counter() + 0.1
    for number in range(int(rate * seconds)):
        due = began + number / rate
        time.sleep(max(due - time.perf_counter() - _EARLY, 0.0))
        while time.perf_counter() < due:
            pass
        client.ask(body(number))
        latencies.append((time.perf_counter() - due) * 1000)
    return latencies


def synced(record: bytes, folder: Path, pause: float, seconds: float) -> list[float]:
    """Milliseconds of appending a record to a log file until it is on disk."""
    file, taken = LogFile(folder / "log.jsonl"), []
    for _ in range(int(seconds / pause)):
        time.sleep(pause)
        began = time.perf_counter()
        file.append(record)
        taken.append((time.perf_counter() - began) * 1000)
        file.allocate()
    file.close()
    return taken


def record_of(folder: Path) -> bytes:
    """The last decision that a service has logged below a folder, as its line."""
    logs = [file for file in folder.rglob("*.jsonl") if file.parent.parent.name == PRODUCT]
    return max(logs, key=lambda file: file.stat().st_mtime).read_bytes().rstrip(b"\0").splitlines(keepends=True)[-1]


def _request(number: int) -> dict[str, Any]:
    return REQUEST | {"customer_id": f"C{number % CUSTOMERS}", "amount": 500 + 137 * (number % 97)}


# ---------------------------------------------------------------------- the services


@contextmanager
def loopline(folder: Path, parts: BundleParts) -> Iterator[tuple[int, str, Body]]:
    """The decision service with the embedded store and 500 events a customer."""
    workspace = Workspace(folder / "loopline", events_each=500)
    workspace.roll_out(workspace.publish(parts))
    with Service(workspace) as service:
        service.wait_until_ready()
        yield workspace.port, "/decide", lambda n: json.dumps({"product": PRODUCT, "request": _request(n)}).encode()


@contextmanager
def bentoml_constant(folder: Path, _parts: BundleParts) -> Iterator[tuple[int, str, Body]]:
    """BentoML with an endpoint that does nothing."""
    shutil.copy(_PROGRAMS / "peer_bentoml.py", folder)
    port = free_port()
    command = ["bentoml", "serve", "peer_bentoml:Constant", "--host", "127.0.0.1", "--port", str(port)]
    with _process(command, folder, port, "/livez"):
        yield port, "/decide", lambda n: json.dumps({"request": _request(n)}).encode()


@contextmanager
def mlflow_serve(folder: Path, parts: BundleParts) -> Iterator[tuple[int, str, Body]]:
    """`mlflow models serve` of the same trees, with the encoded row in each request."""
    import mlflow
    import xgboost as xgb

    booster = xgb.Booster()
    booster.load_model(bytearray(parts.booster))
    mlflow.xgboost.save_model(booster, folder / "model", model_format="ubj")
    columns = list(parts.encoder.columns)
    booster.feature_names = None
    port = free_port()
    command = ["mlflow", "models", "serve", "-m", str(folder / "model"), "-p", str(port), "-h", "127.0.0.1"]
    command += ["--env-manager", "local", "--workers", "1"]
    row = [float(number % 7) for number in range(len(columns))]
    body = json.dumps({"dataframe_split": {"columns": columns, "data": [row]}}).encode()
    with _process(command, folder, port, "/ping"):
        yield port, "/invocations", lambda _n: body


@contextmanager
def fastapi_redis(folder: Path, parts: BundleParts) -> Iterator[tuple[int, str, Body]]:
    """FastAPI, ONNX Runtime, and each customer's vector in Redis."""
    (folder / "model.onnx").write_bytes(parts.model)
    (folder / "redis").mkdir()
    shutil.copy(_PROGRAMS / "peer_fastapi.py", folder)
    with RedisServer(folder / "redis") as server, redis.Redis.from_url(server.url) as client:
        for number in range(CUSTOMERS):
            vector = np.arange(len(parts.encoder.columns), dtype=np.float32) % (3 + number)
            client.set(f"C{number}", vector.tobytes())
        port = free_port()
        command = [sys.executable, "-m", "uvicorn", "peer_fastapi:app", "--host", "127.0.0.1", "--port", str(port)]
        command += ["--no-access-log"]
        variables = {"PEER_REDIS": server.url, "PEER_MODEL": str(folder / "model.onnx")}
        with _process(command, folder, port, "/ping", variables):
            yield port, "/decide", lambda n: json.dumps({"request": _request(n)}).encode()


SERVICES = {
    "loopline": loopline,
    "bentoml_constant": bentoml_constant,
    "mlflow_models_serve": mlflow_serve,
    "fastapi_onnx_redis": fastapi_redis,
}


@contextmanager
def _process(
    command: list[str], folder: Path, port: int, probe: str, variables: Mapping[str, str] | None = None
) -> Iterator[None]:
    """A peer's process, once it answers."""
    if not Path(command[0]).is_absolute():
        command = [str(Path(sys.executable).parent / command[0]), *command[1:]]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    given = {**os.environ, "PATH": path, "BENTOML_DO_NOT_TRACK": "true", **(variables or {})}
    with (folder / "peer.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=given, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not _answers(port, probe):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} did not start:\n{(folder / 'peer.log').read_text()}")
            time.sleep(0.1)
        yield
    finally:
        os.killpg(process.pid, 15)
        process.wait(30)


def _answers(port: int, probe: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{probe}", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def measure(seconds: float = 10) -> dict[str, Any]:
    """Measures each service twice, in turn: the order of the second round is the reverse of the first's."""
    parts = bundle_parts()
    taken: dict[str, list[float]] = {name: [] for name in SERVICES}
    paced: dict[str, list[float]] = {name: [] for name in SERVICES}
    syncs: dict[str, list[float]] = {"at_once": [], "paced": []}
    for round_number in range(_ROUNDS):
        for name in list(SERVICES) if round_number % 2 == 0 else reversed(list(SERVICES)):
            with (
                tempfile.TemporaryDirectory(prefix="loopline-bench-") as folder,
                SERVICES[name](Path(folder), parts) as (port, path, body),
            ):
                taken[name] += asked(port, path, body, seconds / _ROUNDS)
                paced[name] += asked_at(port, path, body, _RATE, seconds / _ROUNDS)
                if name == "loopline":
                    record = record_of(Path(folder))
                    syncs["at_once"] += synced(record, Path(folder), _DECISION, seconds / _ROUNDS)
                    syncs["paced"] += synced(record, Path(folder), 1 / _RATE, seconds / _ROUNDS)
    found: dict[str, Any] = {
        name: {"per_second": round(len(times) / seconds), **summary(times), "at_50_a_second": summary(paced[name])}
        for name, times in taken.items()
    }
    own, constant = found["loopline"], found["bentoml_constant"]
    found["log_alone"] = {**summary(syncs["at_once"]), "at_50_a_second": summary(syncs["paced"])}
    return found | {
        "p99_to_bentoml_constant": round(own["p99_ms"] / constant["p99_ms"], 2),
        "throughput_to_mlflow": round(own["per_second"] / found["mlflow_models_serve"]["per_second"], 2),
        "throughput_to_fastapi": round(own["per_second"] / found["fastapi_onnx_redis"]["per_second"], 2),
    }


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="A full decision beside simpler services")
    parser.add_argument("--seconds", type=float, default=10)
    print(json.dumps(measure(parser.parse_args().seconds), indent=2))


if __name__ == "__main__":
    main()
