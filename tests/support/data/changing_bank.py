"""A lake that changes from day to day, and loads of it into an online store.

Histories have late events, events known after their day, ties, missing keys and values, quiet days, days that come
again, and an entity with tiles; one source has two keys and lookbacks.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from assets.features.kernel.kernel import Kernel, compile_features
from assets.features.online.load import SourceLoad, planned_loads
from assets.features.online.loading import Loader, StoreLoad
from assets.features.online.tile_support import tilings_of
from assets.vocabulary import Events, FeatureSet, days
from pipelines.card_fraud.product import PRODUCT
from resources.lake import Lake
from resources.online_store.event_blocks import TIMESTAMP
from resources.online_store.protocol import OnlineStore

CARDS = Events("card_transactions", key="card_id")
TERMINALS = Events("card_transactions", key="terminal_id")
LABELS = Events("fraud_labels", key="terminal_id", time="known_at")
KERNEL = compile_features(
    FeatureSet(
        history=(
            CARDS.count(days(9)),
            CARDS.sum("amount", days(5)),
            TERMINALS.last("amount", days(3)),
            LABELS.share(days(12), is_fraud=1),
        ),
    ),
    PRODUCT.resolutions,
)
TILINGS = {
    (tiling.source, tiling.key): replace(
        tiling, tile_rows=4, tiled_from=18 if tiling.source == "card_transactions" else 60
    )
    for tiling in tilings_of(KERNEL)
}
FIRST = date(2026, 1, 1)
HOUR = 3_600_000_000


def rows(random: np.random.Generator, day: date, count: int, busy: float = 0.0) -> pa.Table:
    """Events of a day: some of moments that many share, some late, some known only later."""
    start = int(datetime.combine(day, datetime.min.time(), UTC).timestamp()) * 1_000_000
    happened = start + random.integers(0, 24, count) * HOUR - (random.random(count) < 0.1) * 30 * HOUR
    known = np.maximum(happened, start) + (random.random(count) < 0.1) * 20 * HOUR
    cards = np.where(random.random(count) < busy, "busy", random.choice([f"c{n}" for n in range(12)], count))
    return pa.table(
        {
            "transaction_id": random.integers(0, 2**40, count),
            "card_id": pa.array(np.where(random.random(count) < 0.05, None, cards), pa.string()),
            "terminal_id": random.choice([f"t{n}" for n in range(9)], count),
            "is_fraud": pa.array(np.where(random.random(count) < 0.2, None, random.integers(0, 2, count)), pa.int64()),
            "amount": pa.array(np.where(random.random(count) < 0.2, None, random.integers(1, 4, count)), pa.float64()),
            "event_time": pa.array(happened, pa.int64()).cast(TIMESTAMP),
            "known_at": pa.array(known, pa.int64()).cast(TIMESTAMP),
            "day": pa.array([day] * count, pa.date32()),
        }
    )


@dataclass
class Bank:
    """A lake with a history, and the loads that follow from it.

    Attributes:
        busy: The share of one card, which has tiles, in the events.
    """

    lake: Lake
    random: np.random.Generator
    busy: float
    last: date = FIRST
    made: set[date] = field(default_factory=set)

    def put(self, day: date, count: int) -> None:
        """A day has other rows."""
        for source in ("card_transactions", "fraud_labels"):
            table = f"card_fraud/validated_{source}"
            self.lake.replace(table, rows(self.random, day, count, self.busy), days=[day])
        self.made.add(day)

    def append(self) -> None:
        """The next day comes."""
        self.last += timedelta(days=1)
        self.put(self.last, 0 if self.random.random() < 0.1 else int(self.random.integers(1, 14)))

    def again(self, most: int) -> None:
        """One of the last days comes again."""
        self.put(self.last - timedelta(days=int(self.random.integers(0, most))), int(self.random.integers(0, 14)))

    def loads(self) -> tuple[SourceLoad, ...]:
        """The loads of two in the morning after the last day."""
        now = datetime.combine(self.last + timedelta(days=1), datetime.min.time(), UTC) + timedelta(hours=2)
        validated = dict.fromkeys(("card_transactions", "fraud_labels"), frozenset(self.made))
        return planned_loads(PRODUCT, KERNEL, self.lake, validated=validated, now=now)

    def load(self, store: OnlineStore, whole: str = "", kernel: Kernel = KERNEL) -> StoreLoad:
        """Loads the store, by changes where it can."""
        return Loader(PRODUCT, kernel, TILINGS, self.lake, store, most=1.5).load(self.loads(), whole=whole)


def bank(folder: Path, seed: int, *, busy: float = 0.0, length: int = 14) -> Bank:
    """A lake with a history of some days."""
    made = Bank(Lake(str(folder)), np.random.default_rng(seed), busy)
    made.put(FIRST, 9)
    for _ in range(length):
        made.append()
    return made
