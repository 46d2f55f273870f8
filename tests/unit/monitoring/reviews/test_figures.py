"""Agreement between reviewers by day: the words that count, and the picture."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from sklearn.metrics import cohen_kappa_score

from assets.monitoring.reviews.figures import agreement_by_day
from assets.monitoring.reviews.plots import agreement_plot

TIME = pa.timestamp("us", tz="UTC")
START = datetime(2026, 1, 1, 12, tzinfo=UTC)


def words(*said: tuple[str, str, str, int]) -> pa.Table:
    """Words: case, answer, who, day."""
    columns = {
        name: pa.array([one[at] for one in said], pa.string())
        for at, name in enumerate(("decision_id", "outcome", "by"))
    }
    return pa.table({**columns, "known_at": pa.array([START + timedelta(days=one[3]) for one in said], TIME)})


def on(table: pa.Table, *days: int, window: int = 7) -> list[dict]:
    return agreement_by_day(table, [(START + timedelta(days=day)).date() for day in days], window).to_pylist()


def test_the_last_word_of_each_of_two_people_counts() -> None:
    first, second = ["go", "go", "stop", "go", "stop", "go"], ["go", "stop", "stop", "go", "stop", "go"]
    said = [(f"d{n}", word, who, n % 3) for who, own in (("Ann", first), ("Bo", second)) for n, word in enumerate(own)]
    table = words(("d0", "stop", "Ann", -1), *said, ("alone", "go", "Ann", 1))
    (row,) = on(table, 3)
    assert (row["statistic"], row["reviewers"], row["reviewed"], row["cases"]) == ("cohen_kappa", 2, 7, 6)
    assert row["value"] == pytest.approx(cohen_kappa_score(first, second))
    assert row["observed"] == pytest.approx(5 / 6)
    assert row["low"] < row["value"] < row["high"]


def test_a_day_knows_the_words_of_its_window_and_none_that_came_later() -> None:
    table = words(("a", "go", "Ann", 0), ("a", "go", "Bo", 1), ("b", "go", "Ann", 1), ("b", "stop", "Cy", 2))
    found = on(table, 0, 1, 2, 8, 9)
    assert [row["cases"] for row in found] == [0, 1, 2, 1, 0]
    assert [row["statistic"] for row in found[1:3]] == ["cohen_kappa", "krippendorff_alpha"]
    assert found[0]["value"] is None
    assert agreement_plot(agreement_by_day(table, [START.date()], 7)).startswith(b"\x89PNG")
    days = [(START + timedelta(days=day)).date() for day in range(9)]
    assert agreement_plot(agreement_by_day(table, days, 7)).startswith(b"\x89PNG")


def test_where_nobody_spoke_there_is_a_row_without_a_value() -> None:
    (row,) = on(words(), 0)
    assert (row["reviewers"], row["cases"], row["value"], row["observed"]) == (0, 0, None, None)
