"""The features of `bench_spark_features` by DuckDB: a separate program, run by the peers' interpreter.

Belongs here: reading a command, running it in DuckDB, printing its seconds. It imports nothing of this repository and
nothing but DuckDB, which is not among this project's packages.

    python peer_duckdb.py '{"events": "…/*.parquet", "spine": "…/*.parquet", "target": "…", "windows": [7, 30, 90]}'

If `target` is null, the events and rows are loaded into tables first, and the seconds cover only the windows.
"""

import json
import sys
import time

import duckdb

SOURCES = (
    "(SELECT NULL AS row_id, entity, event_time AS moment, amount, 1 AS event FROM {events} "
    "UNION ALL SELECT row_id, entity, event_time, NULL, NULL FROM {spine})"
)
KINDS = (("count", "count(event)"), ("sum", "sum(amount)"), ("max", "max(amount)"))


def query(events: str, spine: str, windows: list[int]) -> str:
    """Range windows over the union of events and rows; keeps only the rows."""
    columns = [f"{call} OVER w{n} AS {kind}_{n}d" for n in windows for kind, call in KINDS]
    frames = [
        f"w{n} AS (PARTITION BY entity ORDER BY moment RANGE BETWEEN INTERVAL {n * 86_400_000_000 - 1} MICROSECONDS "
        "PRECEDING AND CURRENT ROW)"
        for n in windows
    ]
    return (
        f"SELECT row_id, entity, moment, {', '.join(columns)} FROM {SOURCES.format(events=events, spine=spine)} "
        f"WINDOW {', '.join(frames)} QUALIFY row_id IS NOT NULL"
    )


def main(given: dict) -> None:
    """Runs the command."""
    connection = duckdb.connect(config={"threads": given["threads"]})
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    places = [f"read_parquet('{given[name]}', hive_partitioning = false)" for name in ("events", "spine")]
    if given["target"] is None:
        for name, place in zip(("e", "s"), places, strict=True):
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM {place}")
        command = f"CREATE TABLE found AS {query('e', 's', given['windows'])}"
    else:
        command = (
            f"COPY (SELECT *, CAST(moment AS DATE) AS day FROM ({query(*places, given['windows'])}) ORDER BY moment) "
            f"TO '{given['target']}' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY day)"
        )
    began = time.perf_counter()
    connection.execute(command)
    print(json.dumps({"seconds": time.perf_counter() - began, "version": duckdb.__version__}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
