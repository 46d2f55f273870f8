"""The join of features with labels."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from assets.training.rows.learning import TrainingRows, assemble
from assets.training.rows.tables import RowsError
from tests.unit.training.conftest import COLUMNS, SOURCES, make_rows

START = datetime(2026, 1, 1, tzinfo=UTC)
TIME = pa.timestamp("us", tz="UTC")


def day(number: float) -> datetime:
    return START + timedelta(days=number)


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
