"""Messages of a stream as events of the online store.

Belongs here: the rules of the lake (contract, types, tokens, consent) applied to messages as they arrive, so that an
event is the same from the stream and from the table. Does not belong here: reading and storing (`follower.py`).

Rules that need a whole day are not applied here: expectations on several rows or on days, and that a day with too many
rows that break the contract is not published.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from assets.features.kernel.kernel import Need
from assets.features.online.load import as_stored
from assets.ingestion.landing import MALFORMED, ROW_NUMBER, as_raw
from assets.privacy.consent import apply_consent
from assets.privacy.tokens import without_personal_data
from assets.product import Contract, Partitions, Product
from assets.validation.audit import audit
from resources.errors import LooplineError
from resources.lake.partitioning import slot_texts
from resources.online_store.event_records import NewEvent, unkeepable
from resources.slots import Slot, slot_holding
from resources.sources.readers import DayRows, json_object, objects_table
from resources.sources.streams.tails import Message

_MESSAGE = "_message"


class ConsentsUnknown(LooplineError):
    """A contract asks for consent, and no consents are given; the message names the source and the remedy."""


@dataclass(frozen=True)
class LeftOut:
    """An event that keeps the contract, but that the online store cannot keep.

    Attributes:
        place: Place of its message in the stream.
        reason: Names the column, but not the value.
    """

    place: str
    reason: str


@dataclass(frozen=True)
class Accepted:
    """The result of a batch of messages.

    Attributes:
        events: The events that may be used.
        quarantined: How many messages break the contract; the lake's quarantine names them once their day is loaded.
        withheld: How many events lack their subject's consent, by the consents in the lake.
        left_out: The other events that keep the contract but cannot be used; see `LeftOut`.
    """

    events: tuple[NewEvent, ...]
    quarantined: int
    withheld: int
    left_out: tuple[LeftOut, ...] = ()


def accepted(
    product: Product,
    contract: Contract,
    needs: Sequence[Need],
    messages: Sequence[Message],
    *,
    key: bytes,
    consents: pa.Table | None,
) -> Accepted:
    """The events that the lake would publish from these messages.

    Each event is named by `event_name`, so that an event that is sent twice counts once.

    Args:
        needs: The needs of the product's kernel.
        key: The tokenisation key.
        consents: The known consents; `None` only where the contract asks for none.

    Raises:
        ConsentsUnknown: The contract asks for consent, and `consents` is `None`; no message is looked at.
        ContractCannotRun: An expectation of the contract cannot be evaluated.
    """
    if contract.consent is not None and consents is None:
        raise ConsentsUnknown(
            f"source {contract.source}: its rows need the consent '{contract.consent.purpose}', and no consents are "
            f"known; materialise them: loopline run {product.name} --through validation"
        )
    like = Partitions(product.partition, product.start).first_slot
    by_slot: dict[Slot, list[Message]] = {}
    without_time = 0
    for message in messages:
        if message.arrived_at is None:
            without_time += 1
        else:
            by_slot.setdefault(slot_holding(message.arrived_at, like), []).append(message)
    if not by_slot:
        return Accepted((), without_time, 0)
    raw_slots = [_raw(contract, slot, of_slot) for slot, of_slot in by_slot.items()]
    raw = pa.concat_tables([table for table, _ in raw_slots])
    outcome = audit(contract, raw, list(by_slot), whole_days=False)
    broken = set(outcome.quarantine["row_ref"].to_pylist())
    row_refs = zip(slot_texts(raw).to_pylist(), raw[ROW_NUMBER].to_pylist(), strict=True)
    ordered = [message for _, of_slot in raw_slots for message in of_slot]
    valid = [index for index, (slot, number) in enumerate(row_refs) if f"{slot}#{number}" not in broken]
    rows = without_personal_data(contract, outcome.valid, key).append_column(_MESSAGE, pa.array(valid, pa.int64()))
    withheld = 0
    if contract.consent is not None and consents is not None:
        consented = apply_consent(contract.consent, rows, consents)
        rows, withheld = consented.kept, consented.withheld
    events, left_out = _events(product, contract, needs, rows, ordered, like)
    return Accepted(events, without_time + len(broken), withheld, left_out)


def _raw(contract: Contract, slot: Slot, messages: Sequence[Message]) -> tuple[pa.Table, list[Message]]:
    """Messages of a day, or an hour, as a raw table, and the messages in the order of its rows: malformed ones last."""
    items, objects, malformed, others = [], [], [], []
    for message in messages:
        item = json_object(message.text)
        if item is None:
            malformed.append(message.text)
            others.append(message)
        else:
            # A whole day has every column in some row; a few messages may lack one in all rows. New columns are for
            # the day's run to judge.
            items.append({name: item.get(name) for name in contract.at_source.values()})
            objects.append(message)
    table = as_raw(contract, DayRows(slot, objects_table(items), tuple(malformed))).table
    return table.cast(pa.schema([_typed(field) for field in table.schema])), objects + others


def _typed(field: pa.Field) -> pa.Field:
    """The field; as text where no message gave it a type."""
    return pa.field(field.name, pa.string()) if pa.types.is_null(field.type) or field.name == MALFORMED else field


def event_name(contract: Contract, key: Sequence[object], known_at: datetime, like: Slot) -> str:
    """The name of a stream's event in the online store: events with the same name count once.

    A JSON list of the key's values as text, then the UTC day on which the event became known (of a product by the hour
    its hour, `2026-03-01-13:00`): the lake has one row for each record key and day, or hour. Where records are
    corrected, each revision is an event, and the list ends with the time instead. An event that is also posted to the
    service under this name counts once.

    Args:
        key: The value of each column of the contract's key.
        known_at: With a time zone.
        like: A slot of the length of the lake's.
    """
    texts = [None if value is None else str(value) for value in key]
    last = known_at.astimezone(UTC).isoformat() if contract.corrections else str(slot_holding(known_at, like))
    return json.dumps([*texts, last])


def _events(
    product: Product, contract: Contract, needs: Sequence[Need], rows: pa.Table, messages: Sequence[Message], like: Slot
) -> tuple[tuple[NewEvent, ...], tuple[LeftOut, ...]]:
    renamed = {contract.event_time: "event_time", contract.known_at: "known_at"}
    record_keys = zip(*(rows[renamed.get(name, name)].to_pylist() for name in contract.key), strict=True)
    stored = as_stored(product, needs, contract.source, rows)
    entities = [need.key for need in needs if need.source == contract.source]
    row_messages = [messages[index] for index in rows[_MESSAGE].to_pylist()]
    events, left_out = [], []
    for row, key, message in zip(stored.to_pylist(), record_keys, row_messages, strict=True):
        reason = unkeepable(row, stored.schema, entities)
        if reason is None:
            events.append(NewEvent(row, event_name(contract, key, row["known_at"], like), message.arrived_at))
        else:
            left_out.append(LeftOut(message.place, reason))
    return tuple(events), tuple(left_out)
