"""Messages accepted by the rules of the lake: contract, tokens, consent; the rest counted or left out."""

import json
from dataclasses import replace

import pyarrow as pa
import pytest

from assets.features.online.load import as_stored
from assets.privacy.tokens import tokenise
from assets.product import Files, HttpEndpoint, Source
from assets.streaming.events import Accepted, ConsentsUnknown, LeftOut, accepted
from pipelines.credit_risk.product import PRODUCT
from resources.online_store.event_blocks import TIMESTAMP
from resources.sources.streams.tails import Message
from tests.support.data.stream_messages import HOUR, KEY, NEEDS, UNTIL, messages, repayment


def test_a_message_with_a_key_that_the_store_cannot_take_is_quarantined() -> None:
    """The other messages of the batch are accepted."""
    customers = ["C1", "C\u00a01", "", "C2"]
    sent = messages(*(repayment(number, UNTIL + HOUR, customer_id=name) for number, name in enumerate(customers)))
    found = accepted(PRODUCT, PRODUCT.contract("repayments"), NEEDS, sent, key=KEY, consents=None)
    assert [event.row["customer_id"] for event in found.events] == ["C1", "C2"]
    assert found.quarantined == 2


@pytest.mark.parametrize("change", [{"amount": -1e14}, {"amount": 0.125}, {"event_time": "0001-01-01T00:00:00Z"}])
def test_an_event_that_the_lake_would_quarantine_is_quarantined(change: dict[str, object]) -> None:
    """A number that cannot be added exactly, and a default date of another system."""
    found = _accepted(change)
    assert (len(found.events), found.quarantined, found.left_out) == (1, 1, ())


def test_an_event_that_cannot_be_stored_is_left_out() -> None:
    """The reason names the column and not the value."""
    found = _accepted({"category": "x" * 1001})
    reason = "column 'category' holds a text of 1001 characters; the online store keeps no such string"
    assert found.left_out == (LeftOut("2:17", reason),)
    assert (len(found.events), found.quarantined) == (1, 0)


def _accepted(change: dict[str, object]) -> Accepted:
    """What becomes of a changed message and of an unchanged one after it."""
    contract = PRODUCT.contract("transactions")
    moment = (UNTIL + HOUR).isoformat()
    row = {column.name: "1" for column in contract.columns} | {"event_time": moment, "known_at": moment}
    rows = {"2:17": row | change, "2:18": row | {"transaction_id": "2"}}
    sent = [Message(json.dumps(row), UNTIL + HOUR, place) for place, row in rows.items()]
    return accepted(PRODUCT, replace(contract, expectations=(), consent=None), NEEDS, sent, key=KEY, consents=None)


def test_tokens_and_consent_are_those_of_the_lake() -> None:
    """An application without consent is withheld; a personal column is a token."""
    contract = PRODUCT.contract("applications")
    columns = tuple(replace(c, personal="token") if c.name == "customer_id" else c for c in contract.columns)
    contract = replace(contract, columns=columns, expectations=())
    token = tokenise("C1", KEY, "customer_id")
    consents = pa.table(
        {
            "customer_id": [token],
            "purpose": ["credit_decision"],
            "granted": [True],
            "known_at": pa.array([UNTIL], TIMESTAMP),
        }
    )
    rows = [
        {column.name: "1" for column in contract.columns}
        | {"application_id": f"A{n}", "customer_id": customer, "event_time": moment.isoformat()}
        | {"known_at": moment.isoformat()}
        for n, (customer, moment) in enumerate([("C1", UNTIL + HOUR), ("C2", UNTIL + HOUR), ("C1", UNTIL - HOUR)])
    ]
    found = accepted(PRODUCT, contract, NEEDS, messages(*rows), key=KEY, consents=consents)
    assert [event.row["customer_id"] for event in found.events] == [token]
    assert (found.events[0].event_id, found.withheld, found.quarantined) == ('["A0", "2026-03-01"]', 2, 0)
    assert set(found.events[0].row) == set(as_stored(PRODUCT, NEEDS, "applications", _empty()).column_names)


@pytest.mark.parametrize("sent", [0, 1])
def test_without_consents_nothing_passes_where_the_contract_asks_for_consent(sent: int) -> None:
    """Unknown consents are no consents; not even an empty batch is accepted."""
    contract = PRODUCT.contract("transactions")
    rows = [dict.fromkeys(contract.names, "1")] * sent
    lines = [Message(json.dumps(row), UNTIL + HOUR) for row in rows]
    with pytest.raises(
        ConsentsUnknown, match="source transactions: .* 'credit_decision', and no consents .*: loopline"
    ):
        accepted(PRODUCT, contract, NEEDS, lines, key=KEY, consents=None)


def _empty() -> pa.Table:
    return pa.table({name: pa.array([], TIMESTAMP) for name in ("event_time", "known_at", "customer_id")})


def test_by_the_hour_an_event_is_held_to_the_hour_of_its_arrival_and_named_by_it() -> None:
    """As the lake has it: a row that became known in another hour is quarantined; a key may come once more an hour."""
    product = replace(PRODUCT, partition="hour", sources=tuple(map(_by_the_hour, PRODUCT.sources)), sandbox=False)
    rows = [repayment(number, UNTIL + number * HOUR, event_id="e1") for number in (1, 2)]
    late = Message(json.dumps(repayment(3, UNTIL + HOUR, event_id="e3")), UNTIL + 2 * HOUR)
    sent = [*messages(*rows), late]
    found = accepted(product, product.contract("repayments"), NEEDS, sent, key=KEY, consents=None)
    assert [event.event_id for event in found.events] == ['["e1", "2026-03-01-01:00"]', '["e1", "2026-03-01-02:00"]']
    assert found.quarantined == 1
    by_day = accepted(PRODUCT, PRODUCT.contract("repayments"), NEEDS, sent, key=KEY, consents=None)
    names = [f'["{key}", "2026-03-01"]' for key in ("e1", "e3")]
    assert ([event.event_id for event in by_day.events], by_day.quarantined) == (names, 1)


def _by_the_hour(source: Source) -> Source:
    if isinstance(source, HttpEndpoint):
        return replace(source, day_column="known_at")
    return replace(source, day_column="known_at") if isinstance(source, Files) else source
