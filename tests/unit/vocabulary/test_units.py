"""Units: those that follow from others, and what is refused."""

import pytest

from assets.vocabulary import (
    Category,
    Clip,
    DayOfWeek,
    Derived,
    Difference,
    Events,
    FeatureError,
    FeatureSet,
    Log,
    Missing,
    Multiply,
    Number,
    Ratio,
    SignedLog,
    Sum,
    Trend,
    Weekend,
    days,
)

tx = Events("tx", key="who")
COLUMNS = {"tx": {"amount": "EUR", "kilometres": "km"}, "loans": {"amount": "EUR", "term": "months"}}
REQUEST = (
    Number("amount"), Number("term"), Number("dollars", unit="USD"), Number("rate", unit="share"),
    Number("plain"), Number("kind_of_flag", unit="flag"), Number("stay", unit="days"), Number("daily", unit="EUR/day"),
)  # fmt: skip
HISTORY = (
    tx.sum("amount", days(30), name="month"), tx.sum("amount", days(90), name="quarter"), tx.count(days(30), name="n"),
    tx.sum("plain", days(90), name="points"), tx.slope("amount", name="slope"), tx.mean("kilometres", name="way"),
    tx.time_since_last(name="age"), tx.mode("shop", values=("bar",), name="shop"), tx.streak(shop="bar", name="row"),
    tx.decayed_count(days(1), name="weighted"), tx.time_between("mean", name="gap"), tx.median("amount", name="median"),
)  # fmt: skip


def _unit(feature: Derived) -> str:
    features = FeatureSet(request=REQUEST, history=HISTORY, derived=[feature])
    return features.units(COLUMNS, "loans")[feature.name]


def test_numbers_take_their_unit_from_the_contract() -> None:
    """Request columns from the spine's, history features from their source's; a slope is per day."""
    found = FeatureSet(request=REQUEST, history=HISTORY).units(COLUMNS, "loans")
    assert [found[name] for name in ("amount", "term", "dollars", "plain")] == ["EUR", "months", "USD", ""]
    assert [found[name] for name in ("month", "median", "slope", "way")] == ["EUR", "EUR", "EUR/day", "km"]
    assert [found[name] for name in ("n", "row", "weighted")] == ["events"] * 3
    assert [found[name] for name in ("age", "gap", "shop")] == ["days", "days", ""]


@pytest.mark.parametrize(
    ("feature", "unit"),
    [
        (Ratio("r", "amount", "month"), "1"),
        (Ratio("r", "amount", "month", unit="share"), "share"),
        (Ratio("r", "amount", "age"), "EUR/day"),
        (Ratio("r", "month", "n"), "EUR/events"),
        (Ratio("r", "slope", "amount"), "1/day"),
        (Ratio("r", "amount", "plain"), ""),
        (Ratio("r", "amount", "rate"), "EUR"),
        (Multiply("r", "slope", "age"), "EUR"),
        (Multiply("r", "amount", "way"), "EUR*km"),
        (Multiply("r", "age", "age"), "days*days"),
        (Multiply("r", "amount", "plain"), ""),
        (Difference("r", "amount", "month"), "EUR"),
        (Difference("r", "daily", "slope"), "EUR/day"),
        (Difference("r", "rate", "kind_of_flag"), "1"),
        (Difference("r", "plain", "points"), ""),
        (Difference("r", "plain", "points", unit="points"), "points"),
        (Sum("r", ("amount", "month", "median")), "EUR"),
        (Sum("r", ("age", "stay")), "days"),
        (Trend("r", "month", "quarter"), "1"),
        (Clip("r", "amount", low=0), "EUR"),
        (Log("r", "amount"), "log"),
        (SignedLog("r", "plain"), ""),
        (Missing("r", "amount"), "flag"),
        (Weekend("r"), "flag"),
        (DayOfWeek("r"), "weekday"),
    ],
)
def test_the_unit_of_a_derived_feature_follows(feature: Derived, unit: str) -> None:
    """By the algebra of names; a declared name of a dimensionless unit is kept."""
    assert _unit(feature) == unit


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        (Difference("r", "amount", "age"), "'r': 'amount' is in EUR, 'age' in days; convert both to one unit first"),
        (Difference("r", "amount", "plain"), "'plain' without a unit; write unit= for 'plain', or in its contract"),
        (Difference("r", "amount", "rate"), "'amount' is in EUR, 'rate' in share"),
        (Sum("r", ("amount", "month", "dollars")), "'amount' is in EUR, 'dollars' in USD"),
        (Trend("r", "month", "points"), "'month' is in EUR, 'points' without a unit"),
        (Trend("r", "n", "quarter"), "'n' is in events, 'quarter' in EUR"),
        (Ratio("r", "dollars", "amount"), "their ratio mixes USD and EUR: convert both to one unit first"),
        (Ratio("r", "term", "age"), "their ratio mixes month and day"),
        (Ratio("r", "amount", "month", unit="EUR"), "'r': unit='EUR', but its inputs give '1'; leave unit= out"),
        (Clip("r", "amount", low=0, unit="USD"), "unit='USD', but its inputs give 'EUR'"),
    ],
)
def test_incompatible_units_are_refused_with_the_remedy(feature: Derived, message: str) -> None:
    """The message names the feature, both units and the remedy."""
    with pytest.raises(FeatureError, match=message.replace("(", r"\(")):
        _unit(feature)


def test_a_declared_unit_that_the_contract_contradicts_is_refused() -> None:
    """The unit may be in both only if it is the same."""
    with pytest.raises(FeatureError, match="'dear': unit='USD', but its contract says 'EUR'; leave unit= out"):
        FeatureSet(history=[tx.max("amount", name="dear", unit="USD")]).units(COLUMNS)
    with pytest.raises(FeatureError, match="'amount': unit='USD', but its contract says 'EUR'"):
        FeatureSet(request=[Number("amount", unit="USD")]).units(COLUMNS, "loans")


def test_a_feature_set_refuses_units_that_no_contract_could_fix() -> None:
    """It refuses two declared units; where one is not declared, the contract may still declare it."""
    euros, year = Number("a", unit="EUR"), Number("b", unit="years")
    with pytest.raises(FeatureError, match="'a' is in EUR, 'b' in years"):
        FeatureSet(request=[euros, year], derived=[Difference("d", "a", "b")])
    features = FeatureSet(request=[euros, Category("c", values=("x",))], history=[tx.sum("amount", name="s")],
                          derived=[Difference("d", "a", "s"), Ratio("q", "d", "a")])  # fmt: skip
    assert features.units()["d"] == ""
    assert features.units(COLUMNS) == {"a": "EUR", "c": "", "s": "EUR", "d": "EUR", "q": "1"}
