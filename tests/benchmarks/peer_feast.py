"""The commands of the benchmarks in Feast 0.67: a separate program, run by the peers' interpreter.

Belongs here: reading commands, running them in Feast, answering with times. It imports only Feast and Feast's
dependencies, which are not among this project's packages, and nothing of this repository. Does not belong here: the
other side of the comparison.

    python peer_feast.py FOLDER    reads a JSON object a line, and answers each with one

{"join": {"spine": FILE, "target": FILE}}    each row of FILE with the values that FOLDER/values.parquet has for it
{"load": {"store": {"type": "redis", …}, "table": NAME}}    FOLDER/NAME.parquet into an online store
{"read": {"rows": [{"customer_id": …}, …]}}    the values loaded last, one request for each entity

A table has a row of values for each entity (and moment, for `join`), which Feast serves unchanged. The table
`histories` holds each entity's events as lists instead, and an on-demand feature view computes the values.
Feast 0.67 sends no telemetry; this program refuses connections to other machines.
"""

import json
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, RepoConfig, RequestSource
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.transformation.python_transformation import PythonTransformation
from feast.types import Array, Float64, Int64, String
from feast.value_type import ValueType

KEY = "customer_id"
TIME = "event_timestamp"
DAY = 86_400_000_000
HISTORIES = "histories"
WINDOWS = (7, 30, 90)
KINDS = (
    *("count", "direction_debit_count", "direction_debit_sum_amount", "direction_debit_mean_amount"),
    *("direction_debit_std_amount", "direction_credit_sum_amount", "direction_debit_max_amount", "min_balance_after"),
)
COMPUTED = (
    *("amount", "transactions_time_since_last_90d", "transactions_distinct_category_90d"),
    *(f"transactions_{kind}_{n}d" for n in WINDOWS for kind in KINDS),
    *(f"cash_share_{n}d" for n in WINDOWS),
)


def over_events(row: dict[str, Any]) -> dict[str, Any]:
    """The thirty features of `bench_online` over the events of one entity: the function of an on-demand view.

    A missing value is NaN: Feast infers types by calling the function, and None has no type.
    """
    times, amounts = np.asarray(row["time"]), np.asarray(row["event_amount"])
    balances, category = np.asarray(row["balance_after"]), np.asarray(row["category"])
    direction, ago = np.asarray(row["direction"]), row["as_of"] - times
    debit, credit, cash = direction == "debit", direction == "credit", category == "cash"
    found = {"amount": row["amount"]}
    for n in WINDOWS:
        within = (ago >= 0) & (ago < n * DAY)
        paid, total = amounts[within & debit], int(within.sum())
        found |= {
            f"transactions_count_{n}d": float(total),
            f"transactions_direction_debit_count_{n}d": float(len(paid)),
            f"transactions_direction_debit_sum_amount_{n}d": float(paid.sum()),
            f"transactions_direction_debit_mean_amount_{n}d": float(paid.mean()) if len(paid) else np.nan,
            f"transactions_direction_debit_std_amount_{n}d": float(paid.std(ddof=1)) if len(paid) > 1 else np.nan,
            f"transactions_direction_credit_sum_amount_{n}d": float(amounts[within & credit].sum()),
            f"transactions_direction_debit_max_amount_{n}d": float(paid.max()) if len(paid) else np.nan,
            f"transactions_min_balance_after_{n}d": float(balances[within].min()) if total else np.nan,
            f"cash_share_{n}d": float((within & debit & cash).sum() / len(paid)) if len(paid) else np.nan,
        }
        found["transactions_time_since_last_90d"] = float(ago[within].min() / DAY) if total else np.nan
        found["transactions_distinct_category_90d"] = float(len(set(category[within])))
    return found


class Peer:
    """The commands; the stores' files are in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._online: tuple[FeatureStore, FeatureService] | None = None

    def join(self, spine: str, target: str) -> dict[str, Any]:
        """The latest values of each row's entity as of the row, read from files into a table in memory."""
        store, service = self._store({"type": "sqlite", "path": str(self._folder / "unused.sqlite")}, "values")
        began, begun = time.perf_counter(), time.process_time()
        found = store.get_historical_features(entity_df=pd.read_parquet(spine), features=service).to_arrow()
        seconds, worked = time.perf_counter() - began, time.process_time() - begun
        pq.write_table(found, target)
        return {"seconds": seconds, "cpu_seconds": worked, "rows": len(found)}

    def load(self, store: dict[str, Any], table: str) -> dict[str, Any]:
        """Puts one row of each entity into an online store."""
        self._online = self._store(store, table)
        frame = pd.read_parquet(self._folder / f"{table}.parquet")
        self._online[0].write_to_online_store(table, df=frame)
        return {"rows": len(frame)}

    def read(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Milliseconds of each request, and the values of the last."""
        assert self._online is not None, "`read` before `load`"
        store, service = self._online
        taken, found = [], {}
        for row in rows:
            began = time.perf_counter()
            found = store.get_online_features(features=service, entity_rows=[row]).to_dict()
            taken.append((time.perf_counter() - began) * 1000)
        return {"milliseconds": taken, "values": {name: column[0] for name, column in found.items() if name != KEY}}

    def _store(self, online: dict[str, Any], table: str) -> tuple[FeatureStore, FeatureService]:
        """A feature store with one table; its registry is read only once."""
        config = RepoConfig(
            project="bench",
            provider="local",
            registry={"path": str(self._folder / f"{table}-{online['type']}.db"), "cache_ttl_seconds": 0},
            offline_store={"type": "file"},
            online_store=online,
            entity_key_serialization_version=3,
        )
        path = self._folder / f"{table}.parquet"
        schema = pq.read_schema(path)
        kind = ValueType.INT64 if pa.types.is_integer(schema.field(KEY).type) else ValueType.STRING
        entity = Entity(name="customer", join_keys=[KEY], value_type=kind)
        view = FeatureView(
            name=table,
            entities=[entity],
            ttl=timedelta(0),  # values never expire, which spares Feast a comparison
            schema=[Field(name=f.name, dtype=feast_type(f.type)) for f in schema if f.name not in (KEY, TIME)],
            source=FileSource(path=str(path), timestamp_field=TIME),
        )
        parts = [entity, view, *([on_demand(view)] if table == HISTORIES else [])]
        service = FeatureService(name="all", features=parts[-1:])
        store = FeatureStore(config=config)
        store.apply([*parts, service])
        return store, store.get_feature_service("all")


def feast_type(arrow: pa.DataType) -> Any:
    """Feast's name of a type."""
    if pa.types.is_list(arrow):
        return Array(feast_type(arrow.value_type))
    return Float64 if pa.types.is_floating(arrow) else Int64 if pa.types.is_integer(arrow) else String


def on_demand(view: FeatureView) -> OnDemandFeatureView:
    """Computes a request's features from the lists of its entity, by a function of one row, the fastest kind."""
    request = RequestSource(
        name="request", schema=[Field(name="amount", dtype=Float64), Field(name="as_of", dtype=Int64)]
    )
    return OnDemandFeatureView(
        name="computed",
        schema=[Field(name=name, dtype=Float64) for name in COMPUTED],
        sources=[view, request],
        feature_transformation=PythonTransformation(over_events, "over_events", singleton=True),
        mode="python",
        singleton=True,
    )


def stay_here(event: str, arguments: tuple) -> None:
    """Refuses every connection, datagram and port outside this machine's loopback.

    Raises:
        PermissionError: Feast opens such a connection.
    """
    if event in ("socket.connect", "socket.bind", "socket.sendto"):
        address = arguments[1]
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise PermissionError(f"Feast opens {address}; the benchmark is of this machine alone")


def main(folder: str) -> None:
    """Answers until standard input ends."""
    sys.addaudithook(stay_here)
    answers, sys.stdout = sys.stdout, sys.stderr  # Feast's own output is not an answer
    peer = Peer(Path(folder))
    for line in sys.stdin:
        ((command, given),) = json.loads(line).items()
        answers.write(json.dumps({"join": peer.join, "load": peer.load, "read": peer.read}[command](**given)) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(sys.argv[1])
