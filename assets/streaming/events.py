"""Messages of a stream as events of the online store.

Belongs here: the rules of the lake (contract, types, tokens, consent) applied to messages as they arrive, so that an
event is the same from the stream and from the table. Does not belong here: reading and storing (`follower.py`).

Rules that need a whole day are not applied here: expectations on several rows or on days, and that a day with too many
rows that break the contract is not published.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pyarrow as pa

from assets.features.kernel.kernel import Need
from assets.features.online.load import as_stored
from assets.ingestion.landing import MALFORMED, ROW_NUMBER, as_raw
from assets.privacy.consent import apply_consent
from assets.privacy.tokens import without_personal_data
from assets.product import Contract, Product
from assets.validation.audit import audit
from resources.errors import LooplineError
from resources.online_store.event_records import NewEvent, unkeepable
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
    by_day: dict[date, list[Message]] = {}
    without_time = 0
    for message in messages:
        if message.arrived_at is None:
            without_time += 1
        else:
            by_day.setdefault(message.arrived_at.date(), []).append(message)
    if not by_day:
        return Accepted((), without_time, 0)
    raw_days = [_raw(contract, day, of_day) for day, of_day in by_day.items()]
    raw = pa.concat_tables([table for table, _ in raw_days])
    outcome = audit(contract, raw, list(by_day), whole_days=False)
    broken = set(outcome.quarantine["row_ref"].to_pylist())
    row_refs = zip(raw["day"].to_pylist(), raw[ROW_NUMBER].to_pylist(), strict=True)
    ordered = [message for _, of_day in raw_days for message in of_day]
    valid = [index for index, (day, number) in enumerate(row_refs) if f"{day}#{number}" not in broken]
    rows = without_personal_data(contract, outcome.valid, key).append_column(_MESSAGE, pa.array(valid, pa.int64()))
    withheld = 0
    if contract.consent is not None and consents is not None:
        consented = apply_consent(contract.consent, rows, consents)
        rows, withheld = consented.kept, consented.withheld
    events, left_out = _events(product, contract, needs, rows, ordered)
    return Accepted(events, without_time + len(broken), withheld, left_out)


def _raw(contract: Contract, day: date, messages: Sequence[Message]) -> tuple[pa.Table, list[Message]]:
    """The day's messages as a raw table, and the messages in the order of its rows: malformed ones last."""
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
    table = as_raw(contract, DayRows(day, objects_table(items), tuple(malformed))).table
    return table.cast(pa.schema([_typed(field) for field in table.schema])), objects + others


def _typed(field: pa.Field) -> pa.Field:
    """The field; as text where no message gave it a type."""
    return pa.field(field.name, pa.string()) if pa.types.is_null(field.type) or field.name == MALFORMED else field


def event_name(contract: Contract, key: Sequence[object], known_at: datetime) -> str:
    """The name of a stream's event in the online store: events with the same name count once.

    A JSON list of the key's values as text, then the UTC day on which the event became known: the lake has one row for
    each record key and day. Where records are corrected, each revision is an event, and the list ends with the time
    instead of the day. An event that is also posted to the service under this name counts once.

    Args:
        key: The value of each column of the contract's key.
        known_at: With a time zone.
    """
    known = known_at.astimezone(UTC)
    texts = [None if value is None else str(value) for value in key]
    return json.dumps([*texts, (known if contract.corrections else known.date()).isoformat()])


def _events(
    product: Product, contract: Contract, needs: Sequence[Need], rows: pa.Table, messages: Sequence[Message]
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
            events.append(NewEvent(row, event_name(contract, key, row["known_at"]), message.arrived_at))
        else:
            left_out.append(LeftOut(message.place, reason))
    return tuple(events), tuple(left_out)
