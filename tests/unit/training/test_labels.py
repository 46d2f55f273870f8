"""Labels of every kind, against a plain loop."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets.product import Label, LabelKind
from assets.training.rows.labels import days_to_label, labels_so_far, mature_labels
from assets.training.rows.tables import RowsError

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


def test_an_event_outside_the_horizon_says_nothing_of_the_row() -> None:
    """A default after the horizon, or before the decision, makes no row good by accident."""
    assert label_of(("a", 90, 10.0001, 11)) is None
    assert label_of(("a", 90, 1, 1), as_of=2) is None
    assert label_of(("a", 0, 5, 5), ("a", 90, 10.0001, 11)) == 0


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
        known = [event for event in drawn if event[0] == row and event[3] <= 45 and at <= event[2] <= at + 10]
        if at + 12 > 45 or not known:
            return None
        return int(any(event[1] >= 90 for event in known))

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


OUTCOME = Label(
    "verdicts", "application_id", "days_past_due", 1, delay=timedelta(days=12), meaning="it went bad", kind="outcome"
)


def course(
    label: Label, *rows: tuple[object, float | None, float, float], now: float = 100
) -> tuple[int | None, float | None]:
    """The label of row "a", decided at day 0, and the day since which it is that."""
    found = mature_labels(spine(("a", 0)), events(*rows), label, day(now)).to_pylist()[0]
    return found["label"], None if found["known_at"] is None else (found["known_at"] - START) / timedelta(days=1)


def test_the_last_known_value_of_an_outcome_counts() -> None:
    """A correction of a bad outcome is taken, and so is one that makes a good outcome bad."""
    assert course(OUTCOME, ("a", 1, 5, 5)) == (1, 12)
    assert course(OUTCOME, ("a", 1, 5, 5), ("a", 0, 20, 20)) == (0, 20)
    assert course(OUTCOME, ("a", 1, 5, 5), ("a", 0, 20, 20), now=19) == (1, 12)
    assert course(OUTCOME, ("a", 0, 5, 5), ("a", 1, 32, 32)) == (1, 32)
    assert course(OUTCOME, ("a", 0, 20, 20), ("a", 1, 5, 5)) == (0, 20), "whatever the order of the rows"


def test_a_revision_that_repeats_the_outcome_does_not_move_it() -> None:
    assert course(OUTCOME, ("a", 0, 5, 5), ("a", 1, 15, 15), ("a", 1, 30, 30), ("a", 1, 40, 40)) == (1, 15)


def test_an_outcome_that_comes_late_arrives_and_one_that_is_withdrawn_goes() -> None:
    assert course(OUTCOME) == (None, None)
    assert course(OUTCOME, ("a", 1, 90, 90)) == (1, 90)
    assert course(OUTCOME, ("a", 1, 90, 90), now=89) == (None, None)
    assert course(OUTCOME, ("a", None, 5, 5)) == (None, None)
    assert course(OUTCOME, ("a", 1, 5, 5), ("a", None, 30, 30)) == (None, 30)


def test_the_absence_of_an_event_is_a_label() -> None:
    """A customer who does not come back is positive; one whose visit is told late is positive until then."""
    absent = replace(LABEL, kind="absence", column="", meaning="no visit within 10 days")
    assert course(absent) == (1, 12)
    assert course(absent, ("a", 0, 11, 11)) == (1, 12), "after the horizon"
    assert course(absent, ("b", 0, 5, 5)) == (1, 12), "of another row"
    assert course(absent, ("a", 0, 5, 5)) == (0, 12)
    assert course(absent, ("a", 0, 5, 40)) == (0, 40)
    assert course(absent, now=11) == (None, None), "not yet due"
    large = replace(LABEL, kind="absence", meaning="no visit of at least 90")
    assert course(large, ("a", 89, 5, 5)) == (1, 12)
    assert course(large, ("a", 90, 5, 5)) == (0, 12)


def test_of_a_corrected_event_the_last_revision_counts_at_its_own_time() -> None:
    corrected = replace(LABEL, record_key="payment")

    def told(*rows: tuple[str, float, float, float]) -> tuple[int | None, float | None]:
        """Events of row "a": payment, days past due, event time, arrival."""
        table = events(*(("a", *row[1:]) for row in rows)).append_column("payment", pa.array([row[0] for row in rows]))
        found = mature_labels(spine(("a", 0)), table, corrected, day(100)).to_pylist()[0]
        return found["label"], (found["known_at"] - START) / timedelta(days=1)

    assert told(("p", 95, 5, 5), ("q", 0, 6, 6)) == (1, 12)
    assert told(("p", 95, 5, 5), ("q", 0, 6, 6), ("p", 0, 5, 30)) == (0, 30), "withdrawn"
    assert told(("p", 95, 5, 5), ("q", 95, 6, 6), ("p", 0, 5, 30)) == (1, 12), "another event is still bad"
    assert told(("p", 0, 5, 5), ("p", 95, 11, 30)) == (None, 30), "it happened after the horizon"


def test_a_label_may_be_of_the_entity() -> None:
    """Each row of a customer is labelled by the customer's events within its own horizon."""
    churned = Label(
        "visits", "customer_id", horizon=timedelta(days=10), meaning="gone", kind="absence", spine_column="customer_id"
    )
    rows = spine(("jan", 0), ("feb", 30), ("mar", 60)).append_column("customer_id", pa.array(["c", "c", "d"]))
    visits = events(("c", 0, 5, 5), ("d", 0, 59, 59)).rename_columns(
        ["customer_id", "days_past_due", "event_time", "known_at"]
    )
    assert mature_labels(rows, visits, churned, day(100))["label"].to_pylist() == [0, 1, 1]


@pytest.mark.parametrize("kind", ["event", "absence", "outcome"])
def test_the_course_of_a_label_equals_a_plain_replay(kind: str) -> None:
    """At every day the label is what a person would say who knows only what was known then."""
    generator = np.random.default_rng(8)
    drawn = [
        (int(row), float(value), float(time), float(time + late), f"{row}-{record}")
        for row, value, time, late, record in zip(
            generator.integers(0, 60, 600), generator.choice([0, 90], 600), generator.integers(0, 40, 600),
            generator.integers(0, 30, 600), generator.integers(0, 3, 600), strict=True,
        )
    ]  # fmt: skip
    table = events(*(row[:4] for row in drawn)).append_column("record", pa.array([row[4] for row in drawn]))
    decided = generator.integers(0, 20, 60).tolist()
    rows = spine(*((number, float(at)) for number, at in enumerate(decided)))
    label = replace(
        LABEL, kind=kind, record_key=None if kind == "outcome" else "record", at_least=1, meaning="a plain replay"
    )

    def expected(row: int, at: float, now: float) -> int | None:
        known = sorted((e for e in drawn if e[0] == row and e[3] <= now), key=lambda e: (e[3], e[2], e[1]))
        if at + 12 > now:
            return None
        if kind == "outcome":
            return int(known[-1][1] >= 1) if known else None
        last = {e[4]: e for e in known}.values()
        within = [e for e in last if at <= e[2] <= at + 10]
        if kind == "absence":
            return int(not any(e[1] >= 1 for e in within))
        return int(any(e[1] >= 1 for e in within)) if within else None

    for now in range(10, 75, 5):
        wanted = [expected(number, float(at), now) for number, at in enumerate(decided)]
        assert mature_labels(rows, table, label, day(now))["label"].to_pylist() == wanted


def test_days_to_a_label_count_what_stands() -> None:
    verdicts = events(("a", 1, 5, 5), ("b", 1, 4, 4), ("b", 0, 4, 20))
    days = days_to_label(spine(("a", 0), ("b", 0)), verdicts, OUTCOME, day(100))
    assert days[0] == 5
    assert np.isnan(days[1])
    absent = replace(LABEL, kind="absence")
    assert np.isnan(days_to_label(spine(("a", 0)), events(), absent, day(100))).all()


def test_what_is_known_so_far_is_known_before_the_label_is_final() -> None:
    rows = spine(("bad", 0), ("calm", 0), ("silent", 0))
    found = events(("bad", 0, 1, 1), ("bad", 95, 6, 7), ("calm", 10, 2, 3))
    state, days = labels_so_far(rows, found, LABEL, day(8))
    assert state.tolist() == [1, 0, -1]
    np.testing.assert_array_equal(days, [7.0, 3.0, np.nan])
    assert labels_so_far(rows, found, LABEL, day(6.5))[0].tolist() == [0, 0, -1], "not known yet"
    assert mature_labels(rows, found, LABEL, day(8))["label"].to_pylist() == [None] * 3


@pytest.mark.parametrize("kind", ["event", "absence", "outcome"])
@pytest.mark.parametrize("seed", range(8))
def test_labels_as_of_a_moment_follow_from_what_was_known_by_then(kind: LabelKind, seed: int) -> None:
    """Whatever arrives or is corrected later, also with older event times, changes no column as of the moment."""
    rng = np.random.default_rng(seed)
    count = 120
    happened = rng.uniform(0, 12, count).round(1)
    told = [
        (f"r{row}", value, at, at + late)
        for row, value, at, late in zip(
            rng.integers(0, 8, count),
            rng.choice([0, 95], count),
            happened,
            rng.exponential(8, count).round(1),
            strict=True,
        )
    ]
    table = events(*told).append_column("payment", pa.array([f"p{n}" for n in rng.integers(0, 40, count)]))
    record = None if kind == "outcome" else "payment"
    label, rows = replace(LABEL, kind=kind, record_key=record), spine(*((f"r{n}", 0.5 * n) for n in range(8)))
    for now in (6, 13, 16, 25):
        known = table.filter(pc.less_equal(table["known_at"], pa.scalar(day(now), TIME)))
        assert mature_labels(rows, table, label, day(now)).equals(mature_labels(rows, known, label, day(now)))
    assert pc.max(mature_labels(rows, table, label, day(60))["revision"]).as_py() > 0


def test_a_text_is_positive_by_name_and_a_missing_one_says_nothing() -> None:
    """An outcome of words: the last known word counts, and a withdrawn one leaves the row unobserved."""
    label = replace(LABEL, kind="outcome", column="ended", positive=("yes", "maybe"), horizon=timedelta(0))
    rows = spine(("a", 0), ("b", 0), ("c", 0), ("d", 0))
    told = events(("a", None, 1, 1), ("b", None, 1, 1), ("b", None, 1, 2), ("c", None, 1, 1))
    words = pa.table({**{name: told[name] for name in told.column_names}, "ended": ["yes", "yes", "no", None]})
    assert mature_labels(rows, words, label, day(50)).column("label").to_pylist() == [1, 0, None, None]
