"""What `loopline check` says about the labels of a sample."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from assets.product import Product
from pipelines.operations.check_product import label_results
from pipelines.products import load_product

TIME = pa.timestamp("us", tz="UTC")
START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=60)
FRAUD = load_product("card_fraud")


def rows(amounts: list[float]) -> pa.Table:
    """A transaction an hour."""
    moments = pa.array([START + timedelta(hours=n) for n in range(len(amounts))], TIME)
    return pa.table(
        {"transaction_id": range(len(amounts)), "amount": amounts, "event_time": moments, "known_at": moments}
    )


def labels(*found: tuple[int, bool, float]) -> pa.Table:
    """Labels: transaction, value, hours from the start."""
    moments = pa.array([START + timedelta(hours=hours) for _, _, hours in found], TIME)
    return pa.table(
        {
            "transaction_id": [row for row, _, _ in found],
            "is_fraud": pa.array([value for _, value, _ in found], pa.bool_()),
            "event_time": moments,
            "known_at": moments,
        }
    )


def told(product: Product, spine: pa.Table, known: pa.Table) -> list[tuple[str, str]]:
    return [(result.state, result.detail) for result in label_results(product, spine, known, NOW)]


def with_label(**changes: object) -> Product:
    return replace(FRAUD, label=replace(FRAUD.label, **changes))


def test_the_rows_that_are_decided_are_counted() -> None:
    spine, known = rows([1.0, 1.0, 1.0, 9.0]), labels((0, True, 0), (1, False, 1), (3, True, 3))
    ((state, detail),) = told(FRAUD, spine, known)
    assert state == "passed"
    assert detail.startswith("2 of 3 observed rows are positive, 1 are unobserved: ")
    few = replace(FRAUD, spine=FRAUD.spine.where(amount=1.0))
    assert told(few, spine, known)[0][1].startswith("1 of 2 observed rows are positive, 1 are unobserved: ")


def test_labels_of_other_rows_and_of_other_times_are_told_apart() -> None:
    """The one is a wrong column, the other a wrong horizon."""
    ((state, detail),) = told(FRAUD, rows([1.0]), labels((7, True, 0)))
    assert (state, detail) == (
        "failed", "none of 1 labels belongs to a sampled row: compare transaction_id of fraud_labels with "
        "transaction_id of card_transactions",
    )  # fmt: skip
    ((state, detail),) = told(FRAUD, rows([1.0]), labels((0, True, 48)))
    assert state == "failed"
    assert "1 sampled rows have labels, all before the decision, after the horizon, or not due yet" in detail


def test_a_label_that_is_corrected_is_no_event() -> None:
    """Of an event the worst value stays; a table of outcomes takes its last word."""
    known = labels((0, True, 0), (0, False, 20), (1, False, 1))
    event = with_label(horizon=timedelta(days=2))
    assert told(event, rows([1.0, 1.0]), known)[1] == (
        "not judged", "1 rows have several values in fraud_labels, and one that reaches 1 stays bad: write "
        "kind='outcome' in the label if a later value corrects the earlier one",
    )  # fmt: skip
    outcome = with_label(kind="outcome")
    assert told(outcome, rows([1.0, 1.0]), known) == [
        ("not judged", f"0 of 2 observed rows are positive, 0 are unobserved: {FRAUD.label.meaning}"),
        ("passed", "1 sampled labels are corrected later"),
    ]
