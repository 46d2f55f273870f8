"""A quiet history of card transactions in the lake, and the data faults that are planted in its days.

Belongs here: the rows of quiet days, made from a seed, and the planted faults by name. Does not belong here: tests.
"""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from resources.lake import Lake

FIRST = date(2026, 3, 2)
Edit = Callable[[pa.Table], pa.Table]


def day_of_number(number: int) -> date:
    """The day of that number, from FIRST on."""
    return FIRST + timedelta(days=number)


def quiet_day(number: int, rows: int = 800) -> pa.Table:
    """The card transactions of a day: fewer and larger at weekends, most in the afternoon, amounts in cents.

    The columns beside the contract's stand for those of a wider source: a country, a balance that may be negative, a
    limit that some rows lack, a flag that few rows have.
    """
    random, day = np.random.default_rng(number), day_of_number(number)
    weekend = day.weekday() >= 5
    count = int(random.poisson(rows * (0.7 if weekend else 1.0)))
    seconds = (random.normal(14, 4, count) % 24 * 3600).astype(int)
    moments = np.datetime64(day, "us") + np.sort(seconds).astype("timedelta64[s]")
    times = pa.array(moments).cast(pa.timestamp("us", "UTC"))
    amounts = np.round(random.lognormal(3.5, 0.9, count) * (1.2 if weekend else 1.0), 2)
    limits = np.round(
        random.choice([500.0, 1000.0, 2500.0], count, p=[0.5, 0.3, 0.2]) * random.uniform(0.9, 1.1, count), 2
    )
    return pa.table(
        {
            "transaction_id": pa.array(np.arange(count) + number * 10_000),
            "card_id": pa.array([f"K{one}" for one in random.integers(0, 300, count)]),
            "terminal_id": pa.array([f"T{one}" for one in random.integers(0, 80, count)]),
            "event_time": times,
            "known_at": times,
            "amount": pa.array(amounts),
            "balance": pa.array(np.round(random.normal(800, 600, count), 2)),
            "card_limit": pa.array(limits, mask=random.random(count) < 0.08),
            "country": pa.array(random.choice(["DE", "FR", "AT", "PL"], count, p=[0.6, 0.2, 0.15, 0.05]).tolist()),
            "is_disputed": pa.array((np.random.default_rng((number, 1)).random(count) < 0.02).astype(np.int64)),
            "day": pa.array([day] * count, pa.date32()),
        }
    )  # fmt: skip


def column(name: str, change: Callable[[Any], Any]) -> Edit:
    """The rows with one column changed."""

    def edit(rows: pa.Table) -> pa.Table:
        place, kind = rows.column_names.index(name), rows.schema.field(name).type
        values = change(rows[name])
        return rows.set_column(place, pa.field(name, kind), values.cast(kind))

    return edit


def _nothing(values: pa.ChunkedArray) -> pa.Array:
    return pa.nulls(len(values), values.type)


def _first(values: pa.ChunkedArray) -> pa.Array:
    return pa.repeat(values[0], len(values))


def _replaced(old: str, new: str, share: float = 1.0) -> Callable[[Any], Any]:
    def change(values: pa.ChunkedArray) -> pa.Array:
        texts = values.to_pylist()
        return pa.array([new if text == old and at < share * len(texts) else text for at, text in enumerate(texts)])

    return change


PLANTED: dict[str, tuple[str, str, Edit]] = {
    "all null": ("all_null", "amount", column("amount", _nothing)),
    "many null": ("missing_more", "card_limit", column(
        "card_limit", lambda values: pc.if_else(pc.less(values, 900), pa.scalar(None, pa.float64()), values)
    )),
    "constant": ("constant", "amount", column("amount", _first)),
    "cents": ("scaled", "amount", column("amount", lambda values: pc.multiply(values, 100.0))),
    "thousands": ("scaled", "balance", column("balance", lambda values: pc.divide(values, 1000.0))),
    "pounds": ("scaled", "card_limit", column("card_limit", lambda values: pc.multiply(values, 2.2046))),
    "sign": ("sign_flipped", "balance", column("balance", pc.negate)),
    "renamed": ("category_renamed", "country", column("country", _replaced("FR", "FRA"))),
    "new": ("new_category", "country", column("country", _replaced("DE", "NL", 0.2))),
    "some turned round": ("flag_moved", "is_disputed", column("is_disputed", lambda values: pc.if_else(
        pc.less(pa.array(np.arange(len(values)) % 10), 3), pc.subtract(1, values), values
    ))),
    "all turned round": ("flag_moved", "is_disputed", column("is_disputed", lambda values: pc.subtract(1, values))),
    "rounded": ("rounded", "amount", column("amount", pc.round)),
    "clock": ("clock_shifted", "event_time", column(
        "event_time", lambda values: pc.add(values, pa.scalar(timedelta(hours=1), pa.duration("us")))
    )),
    "doubled": ("duplicated", "", lambda rows: pa.concat_tables([rows, rows])),
    "doubled with new keys": ("duplicated", "", lambda rows: pa.concat_tables([
        rows, rows.set_column(0, "transaction_id", pc.add(rows["transaction_id"], 5_000))
    ])),
    "gone": ("feed_missing", "", lambda rows: rows.slice(0, 0)),
    "nearly gone": ("feed_missing", "", lambda rows: rows.slice(0, 15)),
}  # fmt: skip
"""By name: the kind, the column (empty for whole rows) and the change of a day's rows."""


def write_cards(lake: Lake, days: list[pa.Table], numbers: range) -> None:
    """The days as validated card transactions, without labels, with the features that are the row's own columns."""
    every = [day_of_number(number) for number in numbers]
    rows = pa.concat_tables(days)
    lake.replace("card_fraud/validated_card_transactions", rows, days=every)
    labels = rows.select(["transaction_id", "card_id", "terminal_id", "event_time", "known_at", "day"])
    flags = pa.array(np.arange(rows.num_rows) % 50 == 7).cast(pa.int64())
    labels = labels.add_column(5, "is_fraud", flags)
    lake.replace("card_fraud/validated_fraud_labels", labels, days=every)
    features = pa.table(
        {
            "transaction_id": rows["transaction_id"],
            "as_of": rows["event_time"],
            "amount": rows["amount"],
            "card_mean_amount_1d": pc.multiply(rows["amount"], 0.9),
            "day": rows["day"],
        }
    )
    lake.replace("card_fraud/features", features, days=every)
