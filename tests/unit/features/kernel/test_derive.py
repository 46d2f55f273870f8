"""Derived features, computed by hand."""

from datetime import UTC, datetime

import numpy as np
import pytest

from assets.features.kernel.derive import derive
from assets.vocabulary import (
    Category,
    Clip,
    DayOfWeek,
    Derived,
    Difference,
    Events,
    FeatureSet,
    Hour,
    Log,
    Log1p,
    Missing,
    Multiply,
    Night,
    Number,
    Ratio,
    SignedLog,
    Sum,
    Trend,
    Weekend,
    days,
)
from resources.moments import micros

nan = np.nan
tx = Events("tx", key="who")


def _derived(feature: Derived, as_of: list[datetime] | None = None, **columns: list[float]) -> list[float]:
    rows = len(next(iter(columns.values()))) if columns else len(as_of or [])
    features = FeatureSet(
        request=[
            Category("kind", values=("x",)) if name == "kind" else Number(name) for name in columns if name[0] != "n"
        ],
        history=[tx.count(days(7), name="n_short"), tx.count(days(28), name="n_long")],
        derived=[feature],
    )
    given = {"n_short": [nan] * rows, "n_long": [nan] * rows, **columns}
    moments = np.array([micros(moment) for moment in as_of or [datetime(2026, 1, 1, tzinfo=UTC)] * rows])
    return derive(features, {name: np.array(values) for name, values in given.items()}, moments)[feature.name].tolist()


@pytest.mark.parametrize(
    ("feature", "columns", "expected"),
    [
        (Ratio("r", "a", "b"), {"a": [1.0, 1.0, nan, 0.0], "b": [4.0, 0.0, 1.0, -2.0]}, [0.25, nan, nan, 0.0]),
        (Ratio("r", "a", "b"), {"a": [1e300], "b": [1e-300]}, [nan]),
        (Difference("d", "a", "b"), {"a": [1.0, nan, 1e308], "b": [4.0, 1.0, -1e308]}, [-3.0, nan, nan]),
        (Log1p("l", of="a"), {"a": [0.0, -1.0, -2.0, nan, 1.0]}, [0.0, nan, nan, nan, 0.6931471805599453]),
        (Log("l", of="a"), {"a": [0.0, -1.0, nan, 1.0, 2.0]}, [nan, nan, nan, 0.0, 0.6931471805599453]),
        (SignedLog("l", of="a"), {"a": [1.0, -1.0, nan, 0.0]}, [0.6931471805599453, -0.6931471805599453, nan, 0.0]),
        (Clip("c", of="a", low=0, high=2), {"a": [-1.0, 1.0, 3.0, nan]}, [0.0, 1.0, 2.0, nan]),
        (Clip("c", of="a", high=2), {"a": [-1.0, 3.0]}, [-1.0, 2.0]),
        (Sum("s", of=("a", "b")), {"a": [1.0, nan, 1e308], "b": [0.5, 1.0, 1e308]}, [1.5, nan, nan]),
        (Multiply("p", "a", "b"), {"a": [2.0, nan, 1e300, 0.0], "b": [0.5, 1.0, 1e300, -1.0]}, [1.0, nan, nan, 0.0]),
        (Missing("m", of="a"), {"a": [0.0, nan]}, [0.0, 1.0]),
        (Missing("m", of="kind"), {"kind": [0.0, nan]}, [0.0, 1.0]),
        (Trend("t", "n_short", "n_long"), {"n_short": [2.0, 0.0, 1.0], "n_long": [8.0, 3.0, 0.0]}, [1.0, 0.0, nan]),
    ],
)  # fmt: skip
def test_numbers(feature: Derived, columns: dict[str, list[float]], expected: list[float]) -> None:
    found = _derived(feature, **columns)
    np.testing.assert_array_equal(found, expected)
    assert not np.signbit([value for value in found if value == 0]).any()


@pytest.mark.parametrize(
    ("moment", "weekend", "night", "weekday", "hour"),
    [
        (datetime(2026, 3, 6, 23, 59, 59, 999_999, tzinfo=UTC), 0, 0, 4, 23),
        (datetime(2026, 3, 7, 0, tzinfo=UTC), 1, 1, 5, 0),
        (datetime(2026, 3, 8, 6, 59, tzinfo=UTC), 1, 1, 6, 6),
        (datetime(2026, 3, 9, 7, tzinfo=UTC), 0, 0, 0, 7),
        (datetime(1969, 12, 27, 3, tzinfo=UTC), 1, 1, 5, 3),
    ],
)
def test_features_of_the_decision_time(moment: datetime, weekend: int, night: int, weekday: int, hour: int) -> None:
    assert _derived(Weekend("x"), [moment]) == [weekend]
    assert _derived(Night("x"), [moment]) == [night]
    assert _derived(DayOfWeek("x"), [moment]) == [weekday]
    assert _derived(Hour("x"), [moment]) == [hour]


def test_derived_features_build_on_each_other() -> None:
    features = FeatureSet(
        request=[Number("a")],
        derived=[Difference("zero", "a", "a"), Ratio("never", "a", "zero"), Missing("yes", of="never")],
    )
    found = derive(features, {"a": np.array([5.0])}, np.array([0]))
    assert {name: value.tolist() for name, value in found.items()} == {
        "zero": [0.0],
        "never": [pytest.approx(nan, nan_ok=True)],
        "yes": [1.0],
    }


def test_the_clock_of_a_zone_is_read_in_summer_and_in_winter() -> None:
    """The same hour of UTC is another hour in Berlin in March, before and after the clocks change."""
    moments = [datetime(2026, 3, 28, 23, 30, tzinfo=UTC), datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC),
               datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
               datetime(2026, 10, 25, 1, 30, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC)]  # fmt: skip
    zone = "Europe/Berlin"
    features = FeatureSet(
        derived=[Hour("hour", zone=zone), DayOfWeek("weekday", zone=zone), Weekend("weekend", zone=zone),
                 Night("night", until_hour=2, zone=zone), Hour("utc_hour")]
    )  # fmt: skip
    found = derive(features, {}, np.array([micros(moment) for moment in moments]))
    assert found["hour"].tolist() == [0, 1, 3, 2, 2, 0]
    assert found["weekday"].tolist() == [6, 6, 6, 6, 6, 0]
    assert found["weekend"].tolist() == [1, 1, 1, 1, 1, 0]
    assert found["night"].tolist() == [1, 1, 0, 1, 1, 1]
    assert found["utc_hour"].tolist() == [23, 0, 1, 0, 1, 22]
