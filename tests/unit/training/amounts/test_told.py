"""The amount that the label source tells of each row."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from assets.product import Label
from assets.training.amounts.told import amounts_of, learned_labels, told_amounts, with_amounts
from assets.training.rows.labels import mature_labels
from assets.training.rows.tables import RowsError
from tests.claims.product import PRODUCT
from tests.support.claim_bundle import training_table
from tests.support.models.evaluated_bundle import PRODUCT as LOANS

DECIDED = datetime(2026, 3, 1, 12, tzinfo=UTC)
LABEL = Label(
    source="settlements", row_id="claim_id", column="paid", at_least=100, kind="outcome", horizon=timedelta(days=3),
    meaning="what was paid",
)  # fmt: skip
TIME = pa.timestamp("us", tz="UTC")


def settlements(*told: tuple[str, int, float | None]) -> pa.Table:
    """Statements on claims: the claim, the day on which it became known, the amount."""
    at = [DECIDED + timedelta(days=day) for _, day, _ in told]
    return pa.table(
        {
            "claim_id": [claim for claim, _, _ in told], "event_time": pa.array(at, TIME),
            "known_at": pa.array(at, TIME), "paid": pa.array([amount for _, _, amount in told], pa.float64()),
        }
    )  # fmt: skip


def spine(*claims: str) -> pa.Table:
    return pa.table({"claim_id": list(claims), "as_of": pa.array([DECIDED] * len(claims), TIME)})


def told(events: pa.Table, day: int, *claims: str) -> list[float | None]:
    now = DECIDED + timedelta(days=day)
    return list(amounts_of(spine(*claims), events, LABEL, now, row_id="claim_id").to_pylist())


def test_the_revision_known_last_counts_and_a_later_one_does_not_yet() -> None:
    events = settlements(("a", 1, 50.0), ("a", 4, 80.0), ("a", 9, 500.0), ("b", 2, 7.0))
    assert told(events, 5, "a", "b", "c") == [80.0, 7.0, None]
    assert told(events, 9, "b", "a") == [7.0, 500.0]
    assert told(events, 0, "a") == [None]


def test_a_withdrawn_amount_is_unknown_as_its_label_is() -> None:
    events = settlements(("a", 1, 500.0), ("a", 2, None))
    now = DECIDED + timedelta(days=5)
    labels = mature_labels(spine("a"), events, LABEL, now, row_id="claim_id")
    assert labels["label"].to_pylist() == [None]
    assert told(events, 5, "a") == [None]


def test_the_label_of_a_row_is_whether_its_amount_reaches_the_bar() -> None:
    events = settlements(("a", 1, 99.0), ("b", 1, 100.0), ("c", 1, 101.0), ("c", 2, 3.0))
    now = DECIDED + timedelta(days=5)
    labels = mature_labels(spine("a", "b", "c"), events, LABEL, now, row_id="claim_id")["label"].to_pylist()
    assert labels == [int(amount is not None and amount >= 100) for amount in told(events, 5, "a", "b", "c")]


def test_a_binary_product_gets_no_column_and_learns_its_labels() -> None:
    rows = spine("a")
    assert with_amounts(LOANS, rows, settlements(), DECIDED, row_id="claim_id") is rows
    table = pa.table({"application_id": [1, 2], "label": pa.array([0, 1], pa.int8())})
    assert learned_labels(LOANS, table)["label"].to_pylist() == [0, 1]
    assert told_amounts(LOANS, table) is None


def test_training_tells_the_larger_half_apart_whatever_the_bar_is() -> None:
    table = training_table(400)
    halves = learned_labels(PRODUCT, table)["label"].to_numpy()
    assert halves.sum() == 200
    assert table["label"].to_numpy().sum() < 100
    amounts = told_amounts(PRODUCT, table)
    assert amounts is not None
    assert amounts[halves == 1].min() > amounts[halves == 0].max()


def test_an_amount_that_is_no_number_is_refused() -> None:
    table = training_table(5)
    broken = table.set_column(table.column_names.index("label_amount"), "label_amount", pa.array([float("inf")] * 5))
    with pytest.raises(RowsError, match="label_amount"):
        told_amounts(PRODUCT, broken)
