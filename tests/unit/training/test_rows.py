"""Labels against a plain loop; the join of features with labels."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from assets.product import Label
from assets.training.rows import RowsError, TrainingRows, assemble, mature_labels
from tests.unit.training.conftest import COLUMNS, SOURCES, make_rows

START = datetime(2026, 1, 1, tzinfo=UTC)
TIME = pa.timestamp("us", tz="UTC")
LABEL = Label(
    source="repayments",
    row_id="application_id",
    column="days_past_due",
    at_least=90,
    horizon=timedelta(days=10),
    delay=timedelta(days=2),
    meaning="90 days late",
)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def spine(*rows: tuple[object, float]) -> pa.Table:
    return pa.table(
        {"row_id": [row for row, _ in rows], "as_of": pa.array([day(number) for _, number in rows], type=TIME)}
    )


def events(*rows: tuple[object, float | None, float, float]) -> pa.Table:
    return pa.table(
        {
            "application_id": pa.array([row[0] for row in rows]),
            "days_past_due": pa.array([row[1] for row in rows], type=pa.float64()),
            "event_time": pa.array([day(row[2]) for row in rows], type=TIME),
            "known_at": pa.array([day(row[3]) for row in rows], type=TIME),
        }
    )


def label_of(*rows: tuple[object, float | None, float, float], as_of: float = 0, now: float = 50) -> int | None:
    """The label of one row "a" under these events."""
    return mature_labels(spine(("a", as_of)), events(*rows), LABEL, day(now)).column("label")[0].as_py()


def test_an_event_that_reaches_the_bar_within_the_horizon_is_positive() -> None:
    assert label_of(("a", 90, 10, 10)) == 1
    assert label_of(("a", 89.99, 10, 10)) == 0
    assert label_of(("a", None, 10, 10)) == 0


def test_an_event_outside_the_horizon_only_makes_the_row_observed() -> None:
    assert label_of(("a", 90, 10.0001, 11)) == 0
    assert label_of(("a", 90, 1, 1), as_of=2) == 0


def test_a_row_of_which_the_source_says_nothing_has_no_label() -> None:
    assert label_of(("b", 90, 1, 1)) is None


def test_a_label_is_final_at_maturity_and_not_a_moment_earlier() -> None:
    assert label_of(("a", 90, 1, 1), now=12) == 1
    assert label_of(("a", 90, 1, 1), now=11.9999) is None


def test_an_event_that_is_not_yet_known_does_not_count() -> None:
    late = (("a", 0.0, 0, 0), ("a", 90.0, 9, 40))
    assert label_of(*late, now=39) == 0
    assert label_of(*late, now=40) == 1


def test_known_at_is_the_maturity_or_the_later_arrival() -> None:
    labels = mature_labels(
        spine(("prompt", 0), ("late", 0), ("silent", 0)),
        events(("prompt", 90, 1, 1), ("late", 0, 1, 1), ("late", 90, 9, 40)),
        LABEL,
        day(50),
    )
    assert labels.column("known_at").to_pylist() == [day(12), day(40), None]


@pytest.mark.parametrize("kind", [pa.int64(), pa.string()])
def test_labels_equal_a_plain_loop(kind: pa.DataType) -> None:
    generator = np.random.default_rng(3)
    decided = generator.integers(0, 40, 300)
    drawn = [
        (int(row), float(past), float(time), float(time + delay))
        for row, past, time, delay in zip(
            generator.integers(0, 400, 1500),
            generator.choice([0, 30, 90, 120], 1500),
            generator.integers(0, 60, 1500),
            generator.integers(0, 20, 1500),
            strict=True,
        )
    ]
    rows = spine(*((number, float(at)) for number, at in enumerate(decided)))
    label_events = events(*drawn)
    rows = rows.set_column(0, "row_id", rows.column("row_id").cast(kind))
    label_events = label_events.set_column(0, "application_id", label_events.column("application_id").cast(kind))

    def expected(row: int, at: float) -> int | None:
        known = [event for event in drawn if event[0] == row and event[3] <= 45]
        if at + 12 > 45 or not known:
            return None
        return int(any(event[1] >= 90 and at <= event[2] <= at + 10 for event in known))

    wanted = [expected(number, float(at)) for number, at in enumerate(decided)]
    assert mature_labels(rows, label_events, LABEL, day(45)).column("label").to_pylist() == wanted
    assert {0, 1, None} == set(wanted)


def test_the_spine_keeps_its_own_names_and_order() -> None:
    named = spine(("b", 0), ("a", 0)).rename_columns(["application_id", "event_time"])
    labels = mature_labels(named, events(("a", 90, 1, 1)), LABEL, day(50), row_id="application_id", as_of="event_time")
    assert labels.column("application_id").to_pylist() == ["b", "a"]
    assert labels.column("label").to_pylist() == [None, 1]


def test_wrong_input_is_named() -> None:
    good = (spine(("a", 0)), events(("a", 90, 1, 1)))
    with pytest.raises(RowsError, match="no time zone"):
        mature_labels(*good, LABEL, datetime(2026, 2, 1))
    with pytest.raises(RowsError, match="is not unique"):
        mature_labels(spine(("a", 0), ("a", 1)), good[1], LABEL, day(50))
    with pytest.raises(RowsError, match="no column 'days_past_due'"):
        mature_labels(good[0], good[1].drop_columns(["days_past_due"]), LABEL, day(50))
    nothing = good[0].set_column(1, "as_of", pa.array([None], type=TIME))
    with pytest.raises(RowsError, match="null in 1 of 1"):
        mature_labels(nothing, good[1], LABEL, day(50))


class _Encoder:
    columns = ("amount",)
    sources = ("amount",)

    def encode(self, table: pa.Table) -> np.ndarray:
        return table.column("amount").to_numpy().astype(np.float32)[:, None]


def test_assemble_keeps_labelled_rows_in_time_order() -> None:
    features = pa.table(
        {
            "application_id": ["late", "open", "early"],
            "as_of": pa.array([day(3), day(2), day(1)], type=TIME),
            "amount": [3.0, 2.0, 1.0],
            "sex": ["f", "m", "m"],
            "loan": [300.0, 200.0, 100.0],
        }
    )
    labels = pa.table({"application_id": ["early", "late", "open"], "label": pa.array([0, 1, None], type=pa.int8())})
    rows = assemble(features, labels, encoder=_Encoder(), row_id="application_id", protected=("sex",), stake="loan")
    assert rows.row_ids.tolist() == ["early", "late"]
    assert rows.matrix.tolist() == [[1.0], [3.0]]
    assert rows.y.tolist() == [0, 1]
    assert rows.protected["sex"].tolist() == ["m", "f"]
    assert rows.stake is not None
    assert rows.stake.tolist() == [100.0, 300.0]
    with pytest.raises(RowsError, match="passthrough"):
        assemble(features, labels, encoder=_Encoder(), row_id="application_id", protected=("age",))


def test_take_keeps_every_array_aligned() -> None:
    rows = make_rows(50)
    some = rows.take(np.array([7, 3]))
    assert some.row_ids.tolist() == [7, 3]
    assert some.y.tolist() == [rows.y[7], rows.y[3]]
    assert some.protected["age"].tolist() == [rows.protected["age"][7], rows.protected["age"][3]]
    assert some.stake is not None
    assert rows.stake is not None
    assert some.stake.tolist() == [rows.stake[7], rows.stake[3]]
    np.testing.assert_array_equal(some.matrix, rows.matrix[[7, 3]])


def test_rows_that_do_not_fit_together_are_refused() -> None:
    rows = make_rows(5)
    with pytest.raises(RowsError, match="y has the shape"):
        TrainingRows(rows.matrix, COLUMNS, SOURCES, rows.y[:4], rows.as_of, rows.row_ids)
    with pytest.raises(RowsError, match="float32"):
        TrainingRows(rows.matrix.astype(np.float64), COLUMNS, SOURCES, rows.y, rows.as_of, rows.row_ids)  # type: ignore[arg-type]
    with pytest.raises(RowsError, match="0 and 1"):
        TrainingRows(rows.matrix, COLUMNS, SOURCES, rows.y * 2, rows.as_of, rows.row_ids)
