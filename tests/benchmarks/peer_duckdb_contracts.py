"""The contract of `bench_contracts` by DuckDB: a separate program, run by the peers' interpreter.

Belongs here: reading a command, running it in DuckDB, printing its seconds. It imports nothing of this repository and
nothing but DuckDB, which is not among this project's packages.

    python peer_duckdb_contracts.py '{"raw": "raw.parquet", "valid": "…", "quarantine": "…", "day": "2026-01-02"}'
"""

import json
import sys
import time

import duckdb

COLUMNS = ("id", "account", "amount", "kind", "event_time", "known_at")
TYPED = """
CREATE TEMP TABLE typed AS
SELECT *, TRY_CAST(id AS BIGINT) AS t_id, TRY_CAST(amount AS DOUBLE) AS t_amount,
       TRY_CAST(event_time AS TIMESTAMPTZ) AS t_event, TRY_CAST(known_at AS TIMESTAMPTZ) AS t_known,
       row_number() OVER (PARTITION BY TRY_CAST(id AS BIGINT) ORDER BY row_number) AS nth
FROM read_parquet('{raw}', hive_partitioning = false)
"""
PRESENT = tuple((f"value_is_present({name})", name, f"{name} IS NULL") for name in COLUMNS)
RULES = (
    ("value_is_integer(id)", "id", "id IS NOT NULL AND t_id IS NULL"),
    ("value_is_number(amount)", "amount", "amount IS NOT NULL AND t_amount IS NULL"),
    ("value_is_timestamp(event_time)", "event_time", "event_time IS NOT NULL AND t_event IS NULL"),
    ("value_is_timestamp(known_at)", "known_at", "known_at IS NOT NULL AND t_known IS NULL"),
    *PRESENT,
    ("known_at_is_not_before_event_time(known_at)", "known_at", "t_known < t_event"),
    ("known_at_is_on_its_day(known_at)", "known_at", "CAST(t_known AS DATE) <> day"),
    ("number_can_be_summed(amount)", "amount", "abs(t_amount) >= 22517998136852.48"),
    ("number_fits_resolution(amount)", "amount", "abs(t_amount / 0.01 - round(t_amount / 0.01)) > 1e-6"),
)  # fmt: skip
LATER = (
    ("key_is_unique(id)", "id", "nth > 1"),
    ("expect_column_values_to_be_between(amount)", "amount", "NOT (t_amount BETWEEN 0 AND 1000000)"),
    ("expect_column_values_to_be_in_set(kind)", "kind", "kind NOT IN ('card', 'cash', 'transfer')"),
    ("expect_column_values_to_match_regex(account)", "account", "NOT regexp_matches(account, '^a[0-9]+$')"),
)
"""Rules that rows are held to which broke none before."""


def main(given: dict) -> None:
    """Runs the command."""
    connection = duckdb.connect(config={"threads": given["threads"]})
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    began = time.perf_counter()
    connection.execute(TYPED.format(raw=given["raw"]))
    suspect = " OR ".join(f"coalesce({condition}, false)" for _, _, condition in RULES)
    connection.execute(f"CREATE TEMP TABLE judged AS SELECT *, ({suspect}) AS suspect FROM typed")
    row = ", ".join(f"'{name}', {name}" for name in COLUMNS)
    refused = " UNION ALL ".join(
        f"SELECT day || '#' || row_number AS row_ref, '{rule}' AS rule, '{column}' AS \"column\", "
        f"{column} AS value, json_object({row}) AS row FROM judged WHERE {condition}{extra}"
        for rules, extra in ((RULES, ""), (LATER, " AND NOT suspect"))
        for rule, column, condition in rules
    )
    later = " OR ".join(f"coalesce({condition}, false)" for _, _, condition in LATER)
    kept = f"SELECT t_id, account, t_amount, kind, t_event, t_known FROM judged WHERE NOT (suspect OR {later})"
    for query, target in ((refused, given["quarantine"]), (kept, given["valid"])):
        connection.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
    seconds = time.perf_counter() - began
    counts = connection.execute(f"SELECT rule, count(*) FROM read_parquet('{given['quarantine']}') GROUP BY rule")
    print(json.dumps({"seconds": seconds, "failed": dict(counts.fetchall()), "version": duckdb.__version__}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
