from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from assets.feedback.outcomes import join_outcomes
from assets.product import Label
from assets.training.rows.tables import RowsError

TIME = pa.timestamp("us", tz="UTC")
LABEL = Label(
    source="repayments",
    row_id="application_id",
    column="days_past_due",
    at_least=90,
    horizon=timedelta(days=180),
    delay=timedelta(days=2),
    meaning="90 days past due within 180 days",
)
START = datetime(2025, 1, 1, 12, tzinfo=UTC)
LATER = START + timedelta(days=400)


def decisions(*rows: tuple[str, datetime, str]) -> pa.Table:
    names, as_of_times, outcomes = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table(
        {
            "application_id": pa.array(names, pa.string()),
            "as_of": pa.array(as_of_times, TIME),
            "score": pa.array([0.1] * len(names), pa.float64()),
            "outcome": pa.array(outcomes, pa.string()),
            "day": pa.array([as_of.date() for as_of in as_of_times], pa.date32()),
        }
    )


def events(*rows: tuple[str, int, datetime] | tuple[str, int, datetime, datetime]) -> pa.Table:
    return pa.table(
        {
            "application_id": pa.array([row[0] for row in rows], pa.string()),
            "days_past_due": pa.array([row[1] for row in rows], pa.int64()),
            "event_time": pa.array([row[2] for row in rows], TIME),
            "known_at": pa.array([row[-1] for row in rows], TIME),
        }
    )


def joined(given: pa.Table, seen: pa.Table, now: datetime = LATER) -> list[dict]:
    return join_outcomes(given, seen, LABEL, now, row_id="application_id").to_pylist()


def test_each_decision_gets_what_became_of_it() -> None:
    given = decisions(("good", START, "approve"), ("bad", START, "approve"), ("refused", START, "decline"))
    seen = events(
        ("good", 0, START + timedelta(days=30)),
        ("bad", 0, START + timedelta(days=30)),
        ("bad", 95, START + timedelta(days=120)),
        ("bad", 95, START + timedelta(days=300)),
    )
    rows = joined(given, seen)
    assert [(row["application_id"], row["label"]) for row in rows] == [("good", 0), ("bad", 1), ("refused", None)]
    assert {row["matured_at"] for row in rows} == {START + timedelta(days=182)}
    assert {row["day"] for row in rows} == {date(2025, 7, 2)}
    assert rows[0]["score"] == 0.1


def test_only_decisions_whose_label_is_due_are_outcomes() -> None:
    given = decisions(("old", START, "approve"), ("young", START + timedelta(days=1), "approve"))
    seen = events(("old", 0, START), ("young", 0, START + timedelta(days=1)))
    due = START + timedelta(days=182)
    assert [row["application_id"] for row in joined(given, seen, due)] == ["old"]
    assert joined(given, seen, due - timedelta(microseconds=1)) == []
    assert len(joined(given, seen, due + timedelta(days=1))) == 2


def test_nothing_known_later_than_now_is_used() -> None:
    late = START + timedelta(days=200)
    seen = events(("a", 0, START), ("a", 95, START + timedelta(days=150), late))
    given = decisions(("a", START, "approve"))
    before, after = joined(given, seen, late - timedelta(days=1)), joined(given, seen, late)
    assert (before[0]["label"], after[0]["label"]) == (0, 1)
    assert after[0]["matured_at"] == late
    assert after[0]["day"] == late.date()


def test_a_row_that_was_decided_more_than_once_is_judged_from_each_moment() -> None:
    """The default comes 185 days after the first decision and 175 after the second."""
    second = START + timedelta(days=10)
    given = decisions(
        ("a", START, "approve"), ("b", START, "approve"), ("a", second, "approve"), ("a", second, "decline")
    )
    seen = events(("a", 0, START + timedelta(days=20)), ("a", 91, START + timedelta(days=185)), ("b", 0, START))
    rows = joined(given, seen)
    assert [(row["application_id"], row["label"]) for row in rows] == [("a", 0), ("b", 0), ("a", 1), ("a", 1)]
    assert [row["outcome"] for row in rows] == ["approve", "approve", "approve", "decline"]


def test_no_decisions_give_no_outcomes_with_the_same_columns() -> None:
    some = join_outcomes(decisions(("a", START, "approve")), events(), LABEL, LATER, row_id="application_id")
    none = join_outcomes(decisions(), events(), LABEL, LATER, row_id="application_id")
    assert none.num_rows == 0
    assert none.schema == some.schema
    assert some.schema.field("label").type == pa.int8()


def test_ids_may_be_numbers() -> None:
    given = decisions(("1", START, "approve"), ("2", START, "approve"))
    given = given.set_column(0, "application_id", given["application_id"].cast(pa.int64()))
    seen = events(("2", 95, START + timedelta(days=9)))
    seen = seen.set_column(0, "application_id", seen["application_id"].cast(pa.int64()))
    assert [row["label"] for row in joined(given, seen)] == [None, 1]


def test_joining_twice_and_lacking_columns_are_refused() -> None:
    once = join_outcomes(decisions(("a", START, "approve")), events(), LABEL, LATER, row_id="application_id")
    with pytest.raises(RowsError, match="already have"):
        join_outcomes(once, events(), LABEL, LATER, row_id="application_id")
    with pytest.raises(RowsError, match="no column 'row_id'"):
        join_outcomes(decisions(("a", START, "approve")), events(), LABEL, LATER)


def test_a_row_that_arrived_after_its_label_was_final_is_an_outcome_of_that_day() -> None:
    """Earlier days are materialised already, and would have the row only if they were rematerialised."""
    given = decisions(("prompt", START, "approve"), ("late", START, "approve"))
    arrived = date(2025, 9, 1)
    given = given.set_column(given.column_names.index("day"), "day", pa.array([START.date(), arrived], pa.date32()))
    rows = joined(given, events(("prompt", 0, START), ("late", 0, START)))
    assert [row["day"] for row in rows] == [date(2025, 7, 2), arrived]
    assert {row["matured_at"] for row in rows} == {START + timedelta(days=182)}
