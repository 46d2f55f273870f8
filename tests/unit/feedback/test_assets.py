"""The asset `batch_outcomes` over a lake: each outcome is there once, on the day since which it is what it is."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets.feedback.assets import batch_outcomes_asset
from assets.product import Label, Partitions
from assets.product.names import BATCH_OUTCOMES, SCORES, table_name, validated_table
from pipelines.products import load_product
from resources.lake import Lake
from resources.lake.origins import stale_days

TIME = pa.timestamp("us", tz="UTC")
START = datetime(2026, 1, 1, 12, tzinfo=UTC)
FRAUD = load_product("card_fraud")
PRODUCT = replace(
    FRAUD,
    label=Label(
        "fraud_labels", "transaction_id", "is_fraud", horizon=timedelta(days=9), delay=timedelta(days=1),
        meaning="it was fraud", kind="outcome",
    ),
)  # fmt: skip
EVENT = replace(PRODUCT, label=replace(PRODUCT.label, kind="event"))
TABLE, LABELS = table_name(PRODUCT.name, BATCH_OUTCOMES), validated_table(PRODUCT.name, "fraud_labels")
LAST = 120
Found = Mapping[int, tuple[int, int | None]]
"""By transaction the day of its outcome and its label."""


class At:
    """A clock that stands at the end of a day."""

    def __init__(self, number: int) -> None:
        self.number = number

    def now(self) -> datetime:
        return datetime.combine(day(self.number + 1), datetime.min.time(), UTC)


def day(number: int) -> date:
    return START.date() + timedelta(days=number)


def moment(number: int) -> datetime:
    return START + timedelta(days=number)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Scores of four transactions, of the days 0 to 3, and no labels yet."""
    lake = Lake(str(tmp_path))
    scores = pa.table(
        {
            "transaction_id": pa.array([0, 1, 2, 3], pa.int64()),
            "as_of": pa.array([moment(n) for n in range(4)], TIME),
            "score": pa.array([0.1] * 4),
            "day": pa.array([day(n) for n in range(4)], pa.date32()),
        }
    )
    lake.replace(table_name(PRODUCT.name, SCORES), scores, days=[day(n) for n in range(4)])
    labelled(lake)
    return lake


def labelled(lake: Lake, *labels: tuple[int, int, int, int]) -> None:
    """Replaces the labels: transaction, value, day of the event, day on which it became known."""
    table = pa.table(
        {
            "transaction_id": pa.array([label[0] for label in labels], pa.int64()),
            "is_fraud": pa.array([bool(label[1]) for label in labels], pa.bool_()),
            "event_time": pa.array([moment(label[2]) for label in labels], TIME),
            "known_at": pa.array([moment(label[3]) for label in labels], TIME),
            "day": pa.array([day(label[3]) for label in labels], pa.date32()),
        }
    )
    lake.replace(LABELS, table, days=[day(n) for n in range(LAST + 1)])


def materialise(lake: Lake, first: int, last: int | None = None, *, now: int = LAST, product=PRODUCT) -> list[str]:
    """Makes the outcomes of some days; returns the days from which one moved."""
    days = [day(n).isoformat() for n in (first, first if last is None else last)]
    asset = batch_outcomes_asset(product, Partitions("day", START.date()))
    tags = {"dagster/asset_partition_range_start": days[0], "dagster/asset_partition_range_end": days[1]}
    run = dg.materialize(
        [asset], resources={"lake": lake, "clock": At(now), "io_manager": dg.mem_io_manager}, tags=tags
    )
    made = run.asset_materializations_for_node("card_fraud__batch_outcomes")[0]
    moved = made.metadata["moved_from"].value
    assert isinstance(moved, Sequence)
    return list(moved)


def found(lake: Lake) -> Found:
    rows = lake.read(TABLE).to_pylist()
    assert max(Counter(row["transaction_id"] for row in rows).values()) == 1, "an outcome counts once"
    return {row["transaction_id"]: ((row["day"] - START.date()).days, row["label"]) for row in rows}


@pytest.mark.parametrize("product", [PRODUCT, EVENT])
def test_an_outcome_that_goes_bad_after_twenty_days_moves(lake: Lake, product) -> None:
    labelled(lake, (0, 0, 0, 1), (1, 0, 1, 2))
    materialise(lake, 10, 11, now=11, product=product)
    assert found(lake) == {0: (10, 0), 1: (11, 0)}
    labelled(lake, (0, 0, 0, 1), (1, 0, 1, 2), (0, 1, 8, 30))
    assert materialise(lake, 30, now=30, product=product) == [day(10).isoformat()]
    assert found(lake) == {0: (30, 1), 1: (11, 0)}
    assert stale_days(lake, [TABLE])[TABLE] == frozenset(), "what was made again is up to date"
    for rerun in (10, 30, 11):
        assert materialise(lake, rerun, now=30, product=product) == []
    assert found(lake) == {0: (30, 1), 1: (11, 0)}, "a rerun gives the same"


def test_a_correction_of_a_bad_outcome_is_taken(lake: Lake) -> None:
    labelled(lake, (0, 1, 0, 1))
    materialise(lake, 10, now=10)
    assert found(lake) == {0: (10, 1)}
    labelled(lake, (0, 1, 0, 1), (0, 0, 14, 15))
    assert materialise(lake, 15, now=15) == [day(10).isoformat()]
    assert found(lake) == {0: (15, 0)}


@pytest.mark.parametrize("product", [PRODUCT, EVENT])
def test_a_label_that_comes_a_hundred_days_late_still_arrives(lake: Lake, product) -> None:
    materialise(lake, 10, 20, now=20, product=product)
    assert found(lake) == {number: (10 + number, None) for number in range(4)}
    labelled(lake, (2, 1, 5, 110))
    assert materialise(lake, 110, now=110, product=product) == [day(12).isoformat()]
    assert found(lake) == {0: (10, None), 1: (11, None), 2: (110, 1), 3: (13, None)}


def test_a_correction_that_is_taken_back_puts_the_outcome_where_it_was(lake: Lake) -> None:
    """The day of the correction was delivered wrongly, and is validated again without it."""
    labelled(lake, (0, 1, 0, 1), (0, 0, 14, 15))
    materialise(lake, 10, 15, now=15)
    assert found(lake)[0] == (15, 0)
    labelled(lake, (0, 1, 0, 1))
    assert stale_days(lake, [TABLE])[TABLE] >= {day(15)}
    assert materialise(lake, 15, now=20) == [day(10).isoformat()]
    assert found(lake)[0] == (10, 1)


def test_a_score_that_comes_after_the_day_of_its_outcome_still_has_one(lake: Lake) -> None:
    """A transaction that was delivered late, after its label: the day on which it is due finds its place."""
    table = table_name(PRODUCT.name, SCORES)
    scores = lake.read(table)
    without = scores.filter(pc.not_equal(scores["transaction_id"], 2))
    days = [day(n) for n in range(4)]
    lake.replace(table, without, days=days)
    labelled(lake, (0, 1, 0, 1), (2, 1, 3, 40), (3, 1, 13, 40))
    for number in (10, 12, 40):
        materialise(lake, number, now=40)
    assert found(lake) == {0: (10, 1), 3: (40, 1)}
    lake.replace(table, scores, days=days)
    assert materialise(lake, 12, now=40) == [day(40).isoformat()]
    assert found(lake) == {0: (10, 1), 2: (40, 1), 3: (40, 1)}


def test_a_column_of_the_row_is_an_outcome_at_its_maturity(lake: Lake) -> None:
    table = validated_table(PRODUCT.name, "card_transactions")
    rows = pa.table(
        {
            "transaction_id": pa.array([0, 1, 2, 3], pa.int64()),
            "returned": pa.array([0.0, 1.0, None, 1.0]),
            "event_time": pa.array([moment(n) for n in range(4)], TIME),
            "known_at": pa.array([moment(n) for n in range(4)], TIME),
            "day": pa.array([day(n) for n in range(4)], pa.date32()),
        }
    )
    lake.replace(table, rows, days=[day(n) for n in range(4)])
    own = Label(
        "card_transactions", "transaction_id", "returned", delay=timedelta(days=10), meaning="returned", kind="column"
    )
    assert materialise(lake, 10, 12, now=12, product=replace(FRAUD, label=own)) == []
    assert found(lake) == {0: (10, 0), 1: (11, 1), 2: (12, None)}


def test_the_absence_of_an_event_is_an_outcome_until_the_event_is_told(lake: Lake) -> None:
    product = replace(PRODUCT, label=replace(PRODUCT.label, kind="absence", column="", at_least=1.0))
    labelled(lake, (1, 0, 3, 3))
    materialise(lake, 10, 13, now=13, product=product)
    assert found(lake) == {0: (10, 1), 1: (11, 0), 2: (12, 1), 3: (13, 1)}
    labelled(lake, (1, 0, 3, 3), (2, 0, 5, 40))
    assert materialise(lake, 40, now=40, product=product) == [day(12).isoformat()]
    assert found(lake)[2] == (40, 0)
