"""Whether the tables of a game day agree, on tables of a few rows."""

from datetime import date
from pathlib import Path

import pyarrow as pa

from pipelines.card_fraud.product import PRODUCT
from pipelines.operations.gameday.tables import contradictions
from resources.lake import Lake

DAY = date(2026, 3, 1)


def write(lake: Lake, name: str, column: str, ids: list[str]) -> None:
    table = pa.table({column: ids, "day": pa.array([DAY] * len(ids), pa.date32())})
    lake.replace(f"card_fraud/{name}", table, days=[DAY])


def test_tables_that_agree_contradict_nothing(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    write(lake, "validated_card_transactions", "transaction_id", ["1", "2"])
    write(lake, "features", "transaction_id", ["2", "1"])
    write(lake, "decisions", "decision_id", ["a", "b"])
    write(lake, "outcomes", "decision_id", ["a"])
    assert contradictions(PRODUCT, lake) == ()


def test_rows_that_are_lacking_or_twice_or_of_nothing_are_told(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    write(lake, "validated_card_transactions", "transaction_id", ["1", "2"])
    write(lake, "features", "transaction_id", ["1", "1", "3"])
    write(lake, "decisions", "decision_id", ["a"])
    write(lake, "outcomes", "decision_id", ["a", "z"])
    assert contradictions(PRODUCT, lake) == (
        "card_fraud/features: 1 rows are there more than once",
        "card_fraud/features: 1 rows are none of card_transactions",
        "card_fraud/outcomes: 1 rows are none of decisions",
        "card_fraud/features: 1 rows of card_transactions have no features",
    )
