"""What a sample says about a column."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from pipelines.drafting.columns import ceiling, facts_of


def one(name: str, *texts: str | None) -> pa.Table:
    return pa.table({name: pa.chunked_array([list(texts)], pa.string())})


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (("1", "2", "30"), "integer"),
        (("1", "2.5"), "number"),
        (("007", "120"), "string"),
        (("true", "FALSE"), "boolean"),
        (("0", "1"), "integer"),
        (("2026-03-01", "2026-03-02 10:00"), "timestamp"),
        (("2026-03-01", "soon"), "string"),
        ((None, None), "string"),
        (("", "4"), "integer"),
        (("1e3", "2"), "integer"),
    ],
)
def test_the_type_is_the_narrowest_that_every_text_has(texts: tuple[str, ...], kind: str) -> None:
    assert facts_of(one("c", *texts))[0].type == kind


@pytest.mark.parametrize(
    ("texts", "oddity"),
    [
        (("1,50", "12,5"), "decimal comma"),
        (("1.234,50", "-0,5"), "decimal comma"),
        (("Berlin, Mitte", "1,5 l"), None),
        (("31.12.2026", "1.1.26 14:03"), "times"),
        (("12/31/2026", "01/02/2026 8:15 AM"), "times"),
        (("10.5.1", "10.5.2"), None),
        (("10.5.12.1", "10.5.12.2"), None),
        (('{"id": 1}', "[1, 2]"), "nested"),
        (("{", "]"), None),
        (("1.5", "2"), None),
        ((None, None), None),
    ],
)
def test_texts_that_are_more_than_texts_are_told(texts: tuple[str, ...], oddity: str | None) -> None:
    assert facts_of(one("c", *texts))[0].oddity == oddity


def test_missing_values_ranges_sets_and_steps() -> None:
    table = pa.table(
        {
            "Order ID": pa.chunked_array([["a", "b", "c"]]),
            "amountEUR": pa.chunked_array([["10.50", "", "3.25"]]),
            "paid at": pa.chunked_array([["2026-03-01T00:00:00Z", "2026-03-04T00:00:00Z", "2026-03-02T00:00:00Z"]]),
            "channel": pa.chunked_array([["web", "shop", "web"]]),
        }
    )
    order, amount, paid, channel = facts_of(table)
    assert (order.name, order.is_unique, order.required) == ("order_id", True, True)
    assert (amount.name, amount.required, amount.low, amount.high, amount.resolution) == (
        "amount_eur", False, 3.25, 10.5, 0.01,
    )  # fmt: skip
    assert (paid.low, paid.high) == (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC))
    assert (channel.values, channel.distinct, channel.is_unique) == (("shop", "web"), 2, False)


def test_names_are_identifiers_and_different() -> None:
    table = pa.table([pa.chunked_array([["1"]])] * 5, names=["A b", "a-b", "1st", "Ärger", "day"])
    assert [c.name for c in facts_of(table)] == ["a_b", "a_b_2", "column_1st", "aerger", "day_2"]


@pytest.mark.parametrize(
    ("name", "texts", "personal"),
    [
        ("contact", ("a@b.example", "c@d.example"), "email"),
        ("e_mail", ("x", "y"), "email"),
        ("account", ("DE02120300000000202051", "DE02500105170137075030"), "IBAN"),
        ("customer_name", ("1", "2"), None),
        ("first_name", ("Ada", "Bo"), "name"),
        ("place", ("10.0.0.1", "10.0.0.2"), "IP address"),
        ("shipping", ("1", "2"), None),
        ("amount", ("10.0", "20.5"), None),
    ],
)
def test_personal_data_by_form_and_by_name(name: str, texts: tuple[str, ...], personal: str | None) -> None:
    assert facts_of(one(name, *texts))[0].personal == personal


@pytest.mark.parametrize(("value", "bound"), [(0, 0), (3, 6), (57.16, 200), (999, 2000), (0.04, 0.08)])
def test_a_ceiling_is_round_and_at_least_twice_the_value(value: float, bound: float) -> None:
    assert ceiling(value) == pytest.approx(bound)
