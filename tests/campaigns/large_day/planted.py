"""A day of card transactions by a formula of the row's number: its raw rows, their faults, its rows of features.

Belongs here: the content of any range of rows, and writing the day in pieces. Does not belong here: what validation and
scoring make of it (`expected.py`).

No piece depends on another one, so that a day of any size is written within the memory of one piece.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa

from assets.ingestion.landing import ROW_NUMBER, as_raw
from resources.lake import Lake
from resources.lake.blocks import BLOCK_ROWS, commit_placed, write_rows
from resources.lake.values import DataFile
from resources.sources.readers import DayRows
from tests.support.data.large_runs import PRODUCT, SOURCE

DAY = date(2026, 6, 1)
CYCLE = 1_000
"""Rows after which the faults begin again."""
NEGATIVE, UNREADABLE, ABSENT, LATE, BETWEEN, REPEATED, EARLY, TWICE, BELOW = 3, 5, 7, 11, 13, 17, 19, 23, 29
FAULTS = (NEGATIVE, UNREADABLE, ABSENT, LATE, BETWEEN, REPEATED, EARLY, TWICE, BELOW)
"""The places within a cycle whose rows break a rule; TWICE breaks two."""
CARDS, TERMINALS, AMOUNTS, MINUTES, KINDS = 5_003, 307, 997, 1_440, 1_009
KNOWN = f"{DAY}T23:59:59Z"
NEXT = f"{DAY + timedelta(days=1)}T00:00:00Z"
BEFORE = f"{DAY}T00:00:00Z"
RAW, FEATURES = "card_fraud/raw_card_transactions", "card_fraud/features"


@dataclass(frozen=True)
class PlantedDay:
    """The day.

    Attributes:
        rows: How many rows it has, a few thousand or more.
        lost: Whether all of its rows lack their key, and an amount that can be read.
    """

    rows: int
    lost: bool = False

    def pieces(self) -> Iterator[np.ndarray]:
        """The numbers of the rows, int64, in ranges."""
        for first in range(0, self.rows, BLOCK_ROWS):
            yield np.arange(first, min(first + BLOCK_ROWS, self.rows), dtype=np.int64)

    def is_repeated(self, rows: np.ndarray) -> np.ndarray:
        """Whether a row has the key of the row half a day before it: bool."""
        return (rows % CYCLE == REPEATED) & (rows >= self.half) & (rows < 2 * self.half)

    @property
    def half(self) -> int:
        """How many rows lie between a repeated key and its first row: whole cycles."""
        return self.rows // 2 // CYCLE * CYCLE

    def is_valid(self, rows: np.ndarray) -> np.ndarray:
        """Whether a row keeps the contract: bool."""
        broken = np.isin(rows % CYCLE, [place for place in FAULTS if place != REPEATED])
        return ~(broken | self.is_repeated(rows))

    def texts(self, rows: np.ndarray) -> pa.Table:
        """The rows as they arrive."""
        if self.lost:
            return self._lost(rows)
        place = rows % CYCLE
        keys = np.where(self.is_repeated(rows), rows - self.half, np.where(place == BELOW, -rows, rows))
        cards = [f"c{n}" for n in range(CARDS)]
        times = [f"{DAY}T{n // 60:02}:{n % 60:02}:00Z" for n in range(MINUTES)]
        amounts = [f"{n}.5" for n in range(AMOUNTS)]
        planted_amounts = {NEGATIVE: "-1.5", UNREADABLE: "many", BETWEEN: "0.005"}
        event_time = _planted(times, rows % MINUTES, place, {EARLY: times[-1]})
        return pa.table(
            {
                "transaction_id": pa.array(keys).cast(pa.string()),
                "card_id": _planted(cards, rows % CARDS, place, {ABSENT: None, TWICE: None}),
                "terminal_id": _planted([f"t{n}" for n in range(TERMINALS)], rows % TERMINALS, place, {}),
                "event_time": event_time,
                "known_at": _planted([KNOWN], rows * 0, place, {LATE: NEXT, TWICE: NEXT, EARLY: BEFORE}),
                "amount": _planted(amounts, rows % AMOUNTS, place, planted_amounts),
            }
        )

    def _lost(self, rows: np.ndarray) -> pa.Table:
        found = replace(self, lost=False).texts(rows - rows % CYCLE)  # no other fault
        planted = {"transaction_id": pa.nulls(len(rows), pa.string()), "amount": pa.repeat("many", len(rows))}
        return pa.table({name: planted.get(name, found[name]) for name in found.column_names})

    def features(self, rows: np.ndarray) -> pa.Table:
        """The rows of features; those of every KINDS rows are the same ones but for their ids."""
        return with_id(kinds().take(pa.array(rows % KINDS)), rows)

    def write_features(self, lake: Lake) -> None:
        """Writes the features of the day, a file for each piece and one commit."""
        self._write(lake, FEATURES, self.features)

    def write_raw(self, lake: Lake) -> None:
        """Writes the raw day, a file for each piece and one commit."""
        contract = PRODUCT.contract(SOURCE.name)

        def raw(rows: np.ndarray) -> pa.Table:
            found = as_raw(contract, DayRows(DAY, self.texts(rows), ())).table
            return found.set_column(found.column_names.index(ROW_NUMBER), ROW_NUMBER, pa.array(rows))

        self._write(lake, RAW, raw)

    def _write(self, lake: Lake, table: str, of_piece: Callable[[np.ndarray], pa.Table]) -> None:
        files: list[DataFile] = []
        schema = of_piece(np.arange(1)).schema
        for number, rows in enumerate(self.pieces()):
            files.append(write_rows(of_piece(rows), f"{lake.folder(table)}/planted", f"{number:06}", DAY))
        commit_placed(lake, table, schema, "planted", files, [DAY], {"run_id": "planted"})


def kinds() -> pa.Table:
    """The KINDS different rows of features, without their ids."""
    rng, declared = np.random.default_rng(1), PRODUCT.features
    columns: dict[str, object] = {name: rng.gamma(2.0, 50.0, KINDS) for name in declared.numeric}
    assert not declared.categories
    as_of = pa.array([datetime(DAY.year, DAY.month, DAY.day, 10, tzinfo=UTC)] * KINDS, pa.timestamp("us", tz="UTC"))
    return pa.table({**columns, "as_of": as_of, "day": pa.array([DAY] * KINDS, pa.date32())})


def with_id(rows: pa.Table, ids: np.ndarray) -> pa.Table:
    """Rows with the ids of the spine before the other columns."""
    return rows.add_column(0, PRODUCT.spine.row_id, pa.array(ids, pa.int64()))


def _planted(usual: list[str], which: np.ndarray, place: np.ndarray, planted: Mapping[int, str | None]) -> pa.Array:
    """Texts by their number among the usual ones; at some places of a cycle others."""
    texts = pa.array([*usual, *planted.values()], pa.string())
    chosen = which.copy()
    for number, at in enumerate(planted):
        chosen[place == at] = len(usual) + number
    return texts.take(pa.array(chosen))
