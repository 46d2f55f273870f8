"""The roles of columns: given, guessed, or asked for."""

import pyarrow as pa
import pytest

from pipelines.drafting.columns import facts_of
from pipelines.drafting.roles import Given, RoleUnclear, roles_of


def table(**columns: list[str]) -> pa.Table:
    return pa.table({name: pa.chunked_array([values]) for name, values in columns.items()})


ORDERS = table(
    order_id=["1", "2", "3", "4"],
    customer_id=["a", "b", "a", "c"],
    ordered_at=["2026-03-01", "2026-03-02", "2026-03-02", "2026-03-03"],
    known_at=["2026-03-02", "2026-03-03", "2026-03-03", "2026-03-04"],
    sex=["f", "m", "f", "m"],
    gift=["0", "1", "0", "1"],
    is_fraud=["0", "0", "1", "0"],
)


def test_what_is_not_given_is_guessed_and_listed() -> None:
    roles = roles_of(facts_of(ORDERS), Given())
    names = (roles.row_id.name, roles.entities[0].name, roles.label and roles.label.name)
    assert names == ("order_id", "customer_id", "is_fraud")
    assert roles.time is not None
    assert roles.known_at is not None
    assert (roles.time.name, roles.known_at.name) == ("ordered_at", "known_at")
    assert [c.name for c in roles.protected] == ["sex"]
    assert len(roles.guessed) == 5


def test_what_is_given_is_taken_by_its_name_in_the_sample_or_the_proposed_one() -> None:
    renamed = ORDERS.rename_columns(["Order ID", *ORDERS.column_names[1:]])
    roles = roles_of(facts_of(renamed), Given(row_id="Order ID", label="gift", entities=("customer_id",)))
    assert (roles.row_id.name, roles.label and roles.label.name) == ("order_id", "gift")
    assert roles_of(facts_of(renamed), Given(row_id="order_id")).row_id == roles.row_id
    assert not any(guess.startswith(("row id", "label", "entity")) for guess in roles.guessed)


def test_a_table_without_time_has_neither_time_nor_entity() -> None:
    roles = roles_of(facts_of(ORDERS.drop_columns(["ordered_at", "known_at"])), Given(has_time=False))
    assert (roles.time, roles.known_at, roles.entities) == (None, None, ())


@pytest.mark.parametrize(
    ("without", "given", "message"),
    [
        ((), Given(label="fraud"), "--label fraud: the sample has no such column; it has order_id, customer_id"),
        (("is_fraud",), Given(), "Write --label COLUMN .or SOURCE.COLUMN of another sample.; candidates: gift"),
        (("ordered_at", "known_at"), Given(), "write --time COLUMN, or --template table"),
        (("order_id",), Given(), "which column identifies a row. None is unique; write --row-id COLUMN of"),
    ],
)
def test_what_cannot_be_guessed_is_asked_for_with_the_option(
    without: tuple[str, ...], given: Given, message: str
) -> None:
    with pytest.raises(RoleUnclear, match=message):
        roles_of(facts_of(ORDERS.drop_columns(list(without))), given)
