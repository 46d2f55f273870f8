"""From where a row has its label and its features: the columns, and their counts."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from assets.product import Label
from assets.training.rows.labels import mature_labels
from assets.training.rows.provenance import provenance_counts, with_labels, with_reviews, with_versions
from resources.lake import Lake
from resources.lake.partitioning import with_slot
from resources.slots import first_hour, next_slot

TIME = pa.timestamp("us", tz="UTC")
START = datetime(2026, 1, 1, 12, tzinfo=UTC)
CHURNED = Label(
    "visits", "person", at_least=1, horizon=timedelta(days=2), meaning="gone", kind="absence", spine_column="person"
)
DEFAULTED = Label("defaults", "row_id", "bad", delay=timedelta(days=2), meaning="bad", kind="outcome")


def at(*days: int) -> pa.Array:
    return pa.array([START + timedelta(days=day) for day in days], TIME)


def spine(rows: int = 3) -> pa.Table:
    table = pa.table({"row_id": [f"r{n}" for n in range(rows)], "person": [f"p{n}" for n in range(rows)]})
    return table.append_column("as_of", at(*[0] * rows))


def test_a_revised_label_says_how_often_it_was_replaced() -> None:
    told = {"row_id": ["r0", "r0", "r0", "r1"], "bad": [0, 1, 0, 1]}
    events = pa.table(told).append_column("event_time", at(1, 1, 1, 1)).append_column("known_at", at(1, 5, 7, 1))
    for now, revision, label in ((4, 0, 0), (6, 1, 1), (8, 2, 0)):
        labels = mature_labels(spine(), events, DEFAULTED, START + timedelta(days=now))
        rows = with_labels(spine(), labels, "defaults").to_pylist()
        assert (rows[0]["label_revision"], rows[0]["label"], rows[1]["label_revision"]) == (revision, label, 0)
        assert [row["label_source"] for row in rows] == ["defaults", "defaults", None]


def test_the_absence_of_an_event_is_told_by_no_source() -> None:
    events = pa.table({"person": ["p1"]}).append_column("event_time", at(1)).append_column("known_at", at(1))
    rows = with_labels(spine(2), mature_labels(spine(2), events, CHURNED, START + timedelta(days=9)), "visits")
    assert [(row["label"], row["label_source"]) for row in rows.to_pylist()] == [(1, None), (0, "visits")]
    rows = rows.append_column("features_version", pa.array([None, 3], pa.int64()))
    counts = provenance_counts(rows)
    assert counts["label_source"] == {"absence of an event": 1, "visits": 1}
    assert (counts["features_versions"], counts["features_last_version"]) == (1, 3)
    assert "reviewed" not in counts


def test_the_last_word_counts_and_each_person_once() -> None:
    words = [("r0", "d1", "stop", "Ann", 1), ("r0", "d1", "go", "Bo", 3), ("r0", "d2", "stop", "Ann", 2)]
    reviews = pa.table({
        "row_id": [word[0] for word in words], "decision_id": [word[1] for word in words],
        "outcome": [word[2] for word in words], "by": [word[3] for word in words],
        "known_at": at(*(word[4] for word in words)),
    })  # fmt: skip
    rows = with_reviews(spine(2), reviews, "row_id").to_pylist()
    assert [(row["label_review"], row["label_reviewers"]) for row in rows] == [("go", 2), (None, 0)]
    assert with_reviews(spine(2), None, "row_id").equals(spine(2))


def test_a_day_that_is_made_again_with_equal_content_keeps_its_version(tmp_path: Path) -> None:
    lake, days = Lake(str(tmp_path)), [date(2026, 1, 1), date(2026, 1, 2)]
    rows = pa.table({"row_id": ["a", "b"], "day": pa.array(days, pa.date32())})
    changed = pa.table({"row_id": ["a", "c"], "day": pa.array(days, pa.date32())})
    for content in (rows, rows, changed, changed):
        lake.replace("p/features", content, days=days)
    found = with_versions(lake.read("p/features"), lake, "p/features", lake.version("p/features"))
    first = lake.version("p/features") - 3
    assert found["features_version"].to_pylist() == [first, first + 2]
    before = with_versions(lake.read("p/features", version=first + 1), lake, "p/features", first + 1)
    assert before["features_version"].to_pylist() == [first, first]


def test_rows_by_the_hour_have_the_version_of_their_hour(tmp_path: Path) -> None:
    lake, hours = Lake(str(tmp_path)), (first_hour(date(2026, 1, 1)),)
    later = (next_slot(hours[0]),)
    for slots in (hours, later):
        lake.replace("p/features", with_slot(pa.table({"row_id": [str(slots[0])]}), slots[0]), days=slots)
    version = lake.version("p/features")
    found = with_versions(lake.read("p/features"), lake, "p/features", version)
    assert found["features_version"].to_pylist() == [version - 1, version]
