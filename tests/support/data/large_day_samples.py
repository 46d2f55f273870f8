"""Two days of raw rows that break every kind of rule, and their contract.

Belongs here: what the tests of large days judge, in this process and on a cluster. Does not belong here: the tests.
"""

import random
from collections.abc import Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from assets.ingestion.landing import as_raw
from assets.privacy.tokens import tokenise
from assets.product import Column, Contract
from assets.product.contracts.contract import Consent, Distribution, NewestEvent, Reference, Volume
from assets.validation.audit import Audit, audit
from assets.validation.large_days import audit_in_tasks
from assets.validation.publication import LargeRows, Publication, Tables, Terms, held_rows
from assets.validation.rules.day_rules import Surroundings
from resources.lake import Lake
from resources.lake.blocks import blocks_of
from resources.sources.calendars import EVERY_DAY
from resources.sources.readers import DayRows

DAYS = (date(2026, 1, 2), date(2026, 1, 3))
KEY = b"a key of thirty-two bytes or more"


def contract(max_quarantined: float = 1.0, **changes: Any) -> Contract:
    """A contract with rules of every kind."""
    column = {"column": "amount"}
    terms: dict[str, Any] = {
        "source": "t",
        "description": "d",
        "owner": "o@bank.example",
        "key": ("id", "part"),
        "event_time": "at",
        "known_at": "seen",
        "columns": (
            Column("id", "string", ""),
            Column("part", "number", ""),
            Column("amount", "number", "", resolution=0.01),
            Column("count", "integer", "", required=False),
            Column("ok", "boolean", "", required=False),
            Column("kind", "string", "", required=False),
            Column("at", "timestamp", ""),
            Column("seen", "timestamp", ""),
            Column("name", "string", "", personal="token"),
            Column("note", "string", "", required=False, personal="drop"),
        ),
        "expectations": (
            {"type": "expect_column_values_to_be_between", "kwargs": {**column, "min_value": 0}},
            {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "kind", "value_set": ["a", "b", "c"]}},
            {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "name", "regex": "^[A-M]"}},
            {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "count"}},
            {"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": ["kind", "amount"]}},
            {
                "type": "expect_column_value_z_scores_to_be_less_than",
                "kwargs": {**column, "threshold": 1.5, "double_sided": True},
            },
            {"type": "expect_column_mean_to_be_between", "kwargs": {**column, "min_value": 1_000}},
            {"type": "expect_column_sum_to_be_between", "kwargs": {"column": "count", "max_value": 3}},
            {"type": "expect_column_distinct_values_to_be_in_set", "kwargs": {"column": "name", "value_set": ["Ada"]}},
        ),
        "max_quarantined": max_quarantined,
        "volume": Volume(min_rows=100_000),
        "freshness": NewestEvent(max_age_hours=0.5),
        "references": (Reference("kind", "kinds", "kind"),),
        "distribution": Distribution(("amount",), 0.1),
        "consent": Consent("consents", "name", "t"),
        "entity_keys": ("id",),
    }
    return Contract(**{**terms, **changes})


def deliver(lake: Lake, rows: int, seed: int = 3) -> None:
    """Writes the raw table: each day has so many rows and a few that are none."""
    chosen, terms, tables = random.Random(seed), contract(), []
    for day in DAYS:
        found = [_row(chosen, day) for _ in range(rows)]
        table = pa.Table.from_pylist(found, schema=pa.schema([(name, pa.string()) for name in terms.names]))
        tables.append(as_raw(terms, DayRows(day, table, ("no row", "none either"))).table)
    lake.replace("p/raw_t", pa.concat_tables(tables), days=DAYS)


def _row(chosen: random.Random, day: date) -> dict[str, str | None]:
    hour = chosen.randrange(24)
    time = f"{day}T{hour:02}:00:00Z"
    row: dict[str, str | None] = {
        "id": f"i{chosen.randrange(40)}",
        "part": chosen.choice(["0", "-0.0", "1", "2.0", "2", "3", "1e0"]),
        "amount": f"{chosen.randrange(9_000) / 100:.2f}",
        "count": str(chosen.randrange(60)),
        "ok": chosen.choice(["true", "0", "TRUE"]),
        "kind": chosen.choice(["a", "b", "c"]),
        "at": time,
        "seen": time,
        "name": chosen.choice(["Ada", "Bob", "Cid", "Dora", "Eve"]),
        "note": None,
    }
    faults = {
        "id": ["", "a b", None], "part": [None, "x"], "amount": ["0.001", "1e300", "-1", "inf", None],
        "count": ["1.5", "many", None], "ok": ["perhaps"], "kind": ["d", None], "at": ["1970-01-01", "yesterday"],
        "seen": ["2026-02-01T00:00:00Z", f"{day}T00:00:00Z"], "name": ["Zoe", None], "note": ["secret"],
    }  # fmt: skip
    if chosen.random() < 0.4:
        name = chosen.choice(list(faults))
        row[name] = chosen.choice(faults[name])
    return row


def surroundings(lake: Lake) -> Surroundings:
    """What the days are compared with."""
    rows = {file.day: file.rows for file in lake.files("p/raw_t") if file.day}
    kinds = pa.table({"value": ["a", "b", "d"], "day": pa.array([DAYS[0], DAYS[1], DAYS[0]], pa.date32())})
    return Surroundings(rows, lake.read("p/raw_t", columns=["amount", "day"]), {"kind": kinds})


def consents() -> pa.Table:
    """Consents of the subjects' tokens; one has refused, one has said nothing."""
    names = [tokenise(name, KEY, "name") for name in ("Ada", "Bob", "Cid", "Dora")]
    return pa.table(
        {
            "name": names,
            "purpose": ["t"] * 4,
            "granted": [True, False, True, True],
            "known_at": pa.array(["2025-01-01T00:00:00Z"] * 4).cast(pa.timestamp("us", tz="UTC")),
        }
    )


def held(lake: Lake, terms: Contract, *, at_once: bool = True) -> Publication:
    """The days, judged in this process: at once, or one after the other."""

    def judge(days: Sequence[date]) -> Audit:
        arrived = lake.read("p/raw_t", days=days)
        return audit(terms, arrived, days, surroundings=surroundings(lake), calendar=EVERY_DAY)

    portions = [DAYS] if at_once else [(day,) for day in DAYS]
    given = [(days, partial(judge, days)) for days in portions]
    return held_rows(Terms(terms, KEY, consents()), _tables(lake, "held"), given)


def large(lake: Lake, terms: Contract, spark: Any, block_rows: int) -> Publication:
    """The days, judged in tasks."""
    blocks = blocks_of(lake, "p/raw_t", days=DAYS, version=lake.version("p/raw_t"), rows=block_rows)
    found = audit_in_tasks(spark, terms, blocks, DAYS, surroundings(lake), EVERY_DAY)
    return LargeRows(Terms(terms, KEY, consents()), _tables(lake, "large"), found, blocks, spark)


def _tables(lake: Lake, way: str) -> Tables:
    rows = surroundings(lake).rows
    return Tables(lake, f"{way}/quarantine_t", f"{way}/validated_t", "run", DAYS, rows)


def lake_in(folder: Path, rows: int) -> Lake:
    """A lake with the raw days."""
    lake = Lake(str(folder))
    deliver(lake, rows)
    return lake
