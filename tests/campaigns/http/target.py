"""The service under attack: every product of the bank and the sample product, decided by small models that are real.

Belongs here: bundles, events and requests of the products, the process that serves them. Does not belong here: attacks,
assertions.

A bundle's model is trained on invented rows, which takes a second. `LOOPLINE_CAMPAIGN_HOME` names a home in which
`loopline demo` (and `loopline run card_fraud`) ran: then a copy of it is served, whose bundles went through every
stage.
"""

import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import psutil
import pyarrow as pa

from assets.bundle.bundle import BundleParts, Policy, ReasonWords
from assets.bundle.files import write_bundle
from assets.features.kernel.kernel import Kernel, compile_features
from assets.product.product import Product
from assets.training.contract import contract_of
from assets.vocabulary.times import SEQUENCE
from pipelines.products import load_product
from resources.keys import signing_key
from resources.online_store.event_blocks import TIMESTAMP
from resources.online_store.opening import open_store
from resources.rollout_store.manifest import Release, RolloutManifest
from tests.campaigns.http.contract_cases import Column, allowed, read_contract
from tests.campaigns.http.wire import Address
from tests.support.models.serving_samples import NOW, REQUEST, sample_parts, trained
from tests.support.models.serving_samples import PRODUCT as SAMPLE
from tests.support.servers.serving_process import Service, Workspace

PRODUCTS = ("credit_risk", "card_fraud")
# The sandbox's history, which a home's bundles and events are of, ends on the day before.
_HOME_NOW = "2026-10-01T00:00:00Z"
_TRAINING_ROWS = 400
_EVENTS_EACH = 20
_LOAD_SECONDS = 30.0
_TYPES = {"string": pa.string(), "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}


@dataclass(frozen=True)
class Posting:
    """Events that a product takes of one source.

    Attributes:
        columns: What its contract says; empty for the sample product, which has none.
    """

    product: str
    source: str
    event: dict[str, Any]
    columns: dict[str, Column]


@dataclass(frozen=True)
class Target:
    """A running service and what can be asked of it.

    Attributes:
        requests: For each product a request that must be decided.
        spines: For each product with a contract, the columns of its spine source that are fields of the request.
        postings: Events that can be posted, of entities that `requests` do not ask about.
    """

    address: Address
    requests: dict[str, dict[str, Any]]
    spines: dict[str, dict[str, Column]]
    postings: tuple[Posting, ...]
    pid: int
    log: Path

    def resident_bytes(self) -> int:
        """The resident memory of the service's processes."""
        parent = psutil.Process(self.pid)
        return sum(process.memory_info().rss for process in (parent, *parent.children(recursive=True)))


@contextmanager
def running_target(folder: Path) -> Iterator[Target]:
    """Serves every product from a folder; the service ends with the block."""
    home, given = folder / "home", os.environ.get("LOOPLINE_CAMPAIGN_HOME")
    if given:
        shutil.copytree(given, home, ignore=shutil.ignore_patterns("bank", "dagster", "lake", "mlflow", "spark"))
    workspace = Workspace(home, events_each=50)
    workspace.roll_out(workspace.publish(sample_parts("1")))
    for name in PRODUCTS:
        if not (Path(workspace.environment.rollout) / name).exists():
            publish(workspace, name)
    with Service(workspace) as service:
        service.wait_until_ready()
        _wait_until_served(service, {SAMPLE, *PRODUCTS})
        as_of = _HOME_NOW if given else NOW.isoformat()
        yield Target(
            address=("127.0.0.1", workspace.port),
            requests={SAMPLE: dict(REQUEST)} | {name: _example(name) | {"as_of": as_of} for name in PRODUCTS},
            spines={name: _spine(name) for name in PRODUCTS},
            postings=tuple(_postings(as_of)),
            pid=service.process.pid,
            log=service.log,
        )


def _wait_until_served(service: Service, products: set[str]) -> None:
    """The service is ready with the first champion; the others follow."""
    deadline = time.monotonic() + _LOAD_SECONDS
    while products - {one["product"] for one in json.loads(service.get("/products")[1])["products"] if one["champion"]}:
        if time.monotonic() > deadline:
            raise RuntimeError(f"not every product is served:\n{service.log.read_text()}")
        time.sleep(0.05)


@cache
def _product(name: str) -> Product:
    return load_product(name)


def _example(name: str) -> dict[str, Any]:
    return dict(_product(name).request_example)


def _spine(name: str) -> dict[str, Column]:
    spine = _product(name).spine
    columns = read_contract(name, spine.source)
    columns[spine.row_id] = replace(columns[spine.row_id], generated=True)
    return {field: columns[field] for field in _example(name) if field in columns}


def _postings(as_of: str) -> Iterator[Posting]:
    sample = {"customer_id": "FZ", "amount": 25.0, "direction": "debit", "category": "cash", "event_time": as_of}
    yield Posting(SAMPLE, "transactions", sample, {})
    for name in PRODUCTS:
        for need in _kernel(name).needs:
            contract = read_contract(name, need.source)
            wanted = {need.key, *need.columns}
            columns = {column: contract[column] for column in contract if column in wanted}
            event = {column: allowed(columns[column], Random(column)) for column in columns}
            yield Posting(name, need.source, event | {need.key: "FZ", "event_time": as_of}, columns)


@cache
def _kernel(name: str) -> Kernel:
    product = _product(name)
    return compile_features(product.features, product.resolutions)


def publish(
    workspace: Workspace, name: str, *, until: datetime = NOW, entities: Sequence[str] = ()
) -> dict[str, pa.Table]:
    """Rolls out a small model of a product of the bank, trained on invented rows, with events of some entities.

    Args:
        until: The watermark of the events.
        entities: By default that of the product's example request.

    Returns:
        The events by source, with all columns of its contract.
    """
    folder = workspace.environment.home / "built" / name
    key = signing_key(workspace.variables, workspace.environment.home, "signing")
    digest = write_bundle(parts_of(name), folder, key)
    workspace.rollout.publish_bundle(name, "1", folder)
    champion = Release(version="1", digest=digest)
    manifest = RolloutManifest(product=name, champion=champion, updated_at=NOW, by="campaign", reason="to be attacked")
    workspace.rollout.publish_manifest(name, manifest)
    store = open_store(workspace.environment.online_store, name)
    loaded: dict[str, pa.Table] = {}
    for need in _kernel(name).needs:
        events = _events_of(name, need.source, need.key, until=until, entities=entities)
        loaded[need.source] = events
        sequence = _product(name).spine.sequence
        if sequence is not None and need.includes_request:
            events = events.append_column(SEQUENCE, events[sequence])
        kept = events.select([need.key, *need.of_events(ordered=sequence is not None)])
        store.put_events(need.source, need.key, kept, version="v1", watermark=until)
    store.publish("v1")
    store.close()
    return loaded


def _events_of(name: str, source: str, key: str, *, until: datetime, entities: Sequence[str] = ()) -> pa.Table:
    """Rows of a source, one a day of each entity; by default of that of the product's example request."""
    entities = entities or (str(_example(name)[key]),)
    count, first = _EVENTS_EACH * len(entities), until - timedelta(days=_EVENTS_EACH)
    events = _rows(read_contract(name, source), count, first, every=timedelta(days=1) / len(entities))
    entity = pa.array([entities[number % len(entities)] for number in range(count)])
    return events.set_column(events.column_names.index(key), key, entity)


def parts_of(name: str) -> BundleParts:
    """A bundle's parts, as training makes them, with the contracts of the product's sources."""
    product, kernel = _product(name), _kernel(name)
    sources = {source.name: read_contract(name, source.name) for source in product.sources}
    spine = _rows(sources[product.spine.source], _TRAINING_ROWS, NOW - timedelta(days=_TRAINING_ROWS))
    spine = spine.append_column("as_of", spine["event_time"])
    history = {source: _rows(columns, 0, NOW) for source, columns in sources.items()}
    table = kernel.compute(history, spine)
    policy = Policy(
        threshold=0.5,
        accept=product.decision.accept,
        refuse=product.decision.refuse,
        fallback=product.decision.fallback,
        reasons={
            feature: words if isinstance(words, str) else ReasonWords(words.high, words.low, 1.0)
            for feature, words in product.decision.reasons.items()
        },
        reasons_shown=3,
        row_id=product.spine.row_id,
        sequence=product.spine.sequence,
    )
    label = (np.random.default_rng(7).random(_TRAINING_ROWS) < 0.4).astype(np.int64)
    return replace(trained(name, "1", kernel, policy, table, label, rounds=5), contract=contract_of(product))


def _rows(columns: dict[str, Column], count: int, first: datetime, *, every: timedelta = timedelta(days=1)) -> pa.Table:
    """Rows that a contract allows."""
    random = Random(f"rows of {', '.join(columns)}")
    moments = pa.array([first + every * n for n in range(count)], TIMESTAMP)
    return pa.table(
        {
            name: moments
            if column.type == "timestamp"
            else pa.array([allowed(column, random) for _ in range(count)], _TYPES[column.type])
            for name, column in columns.items()
        }
    )
