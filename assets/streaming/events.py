"""Messages of a stream as events of the online store.

Belongs here: the lake's own rules (contract, types, tokens, consent) applied to messages as they come, so that an event
is the same from the stream and from the table. Does not belong here: reading and storing (`follower.py`).

One rule looks at a whole day and cannot be kept here: a day of which too many rows break the contract is not published.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pyarrow as pa

from assets.features.columns.arrow import MAX_STEPS
from assets.features.kernel.kernel import Need
from assets.features.online.load import as_stored
from assets.ingestion.landing import MALFORMED, ROW_NUMBER, as_raw
from assets.privacy.consent import apply_consent
from assets.privacy.tokens import without_personal_data
from assets.product import Contract, Product
from assets.validation.audit import audit
from resources.online_store.event_records import NewEvent, unkeepable
from resources.sources.readers import DayRows, json_object, objects_table
from resources.sources.tails import Message

_MESSAGE = "_message"


@dataclass(frozen=True)
class LeftOut:
    """An event that keeps the contract, and that the online store cannot keep or no decision could add up.

    Attributes:
        place: Of its message in the stream.
        reason: Names the column, and not the value.
    """

    place: str
    reason: str


@dataclass(frozen=True)
class Accepted:
    """What became of messages.

    Attributes:
        events: Those that keep the contract and may be used.
        quarantined: How many break it; the lake's quarantine names them, once their day was loaded.
        withheld: How many lack their subject's consent, as far as the lake knows it.
        left_out: Those that keep the contract, and that the online store cannot keep or no decision could add up.
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
    """The messages that the lake would publish, as it would publish them.

    Each is named by `event_name`, so that it counts once however often it is sent.

    Args:
        key: Of tokens.
        consents: What is known of consents, where the contract asks for one.

    Raises:
        ContractCannotRun: An expectation of the contract cannot be evaluated.
    """
    days: dict[date, list[Message]] = {}
    unreadable = 0
    for message in messages:
        if message.arrived_at is None:
            unreadable += 1
        else:
            days.setdefault(message.arrived_at.date(), []).append(message)
    if not days:
        return Accepted((), unreadable, 0)
    parts = [_raw(contract, day, arrived) for day, arrived in days.items()]
    raw = pa.concat_tables([table for table, _ in parts])
    outcome = audit(contract, raw, list(days))
    broken = set(outcome.quarantine["row_ref"].to_pylist())
    places = zip(raw["day"].to_pylist(), raw[ROW_NUMBER].to_pylist(), strict=True)
    sent = [message for _, ordered in parts for message in ordered]
    kept = [index for index, (day, number) in enumerate(places) if f"{day}#{number}" not in broken]
    rows = without_personal_data(contract, outcome.valid, key).append_column(_MESSAGE, pa.array(kept, pa.int64()))
    withheld = 0
    if contract.consent is not None and consents is not None:
        allowed = apply_consent(contract.consent, rows, consents)
        rows, withheld = allowed.kept, allowed.withheld
    events, left_out = _events(product, contract, needs, rows, sent)
    return Accepted(events, unreadable + len(broken), withheld, left_out)


def _raw(contract: Contract, day: date, messages: Sequence[Message]) -> tuple[pa.Table, list[Message]]:
    """The day's messages as a raw table, and in the order of its rows: what is no object comes last."""
    items, objects, malformed, others = [], [], [], []
    for message in messages:
        item = json_object(message.text)
        if item is None:
            malformed.append(message.text)
            others.append(message)
        else:
            # In a day's rows a column is there when one of them has it; in a few messages it may be in none.
            items.append(dict.fromkeys(contract.names) | item)
            objects.append(message)
    table = as_raw(contract, DayRows(day, objects_table(items), tuple(malformed))).table
    return table.cast(pa.schema([_named(field) for field in table.schema])), objects + others


def _named(field: pa.Field) -> pa.Field:
    """A column of nothing but missing values as the text that it would be."""
    return pa.field(field.name, pa.string()) if pa.types.is_null(field.type) or field.name == MALFORMED else field


def event_name(contract: Contract, key: Sequence[object], known_at: datetime) -> str:
    """What names an event of a stream in the online store, as the lake tells its rows apart.

    A JSON list of the key's values as text, and last the day on which the event became known, UTC: within a day a key
    is one fact, on another day it is another. Where facts are corrected, the last is the moment instead: each version
    of a fact is an event of its own. One that is posted under this name counts once with that of the stream.

    Args:
        key: A value a column of the contract's key.
        known_at: With a zone.
    """
    known = known_at.astimezone(UTC)
    texts = [None if value is None else str(value) for value in key]
    return json.dumps([*texts, (known if contract.corrections else known.date()).isoformat()])


def _events(
    product: Product, contract: Contract, needs: Sequence[Need], rows: pa.Table, sent: Sequence[Message]
) -> tuple[tuple[NewEvent, ...], tuple[LeftOut, ...]]:
    times = {contract.event_time: "event_time", contract.known_at: "known_at"}
    keys = zip(*(rows[times.get(name, name)].to_pylist() for name in contract.key), strict=True)
    stored = as_stored(product, needs, contract.source, rows)
    entities = [need.key for need in needs if need.source == contract.source]
    messages = [sent[index] for index in rows[_MESSAGE].to_pylist()]
    events, left_out = [], []
    for row, key, message in zip(stored.to_pylist(), keys, messages, strict=True):
        reason = unkeepable(row, stored.schema, entities) or _uncountable(contract, row)
        if reason is None:
            events.append(NewEvent(row, event_name(contract, key, row["known_at"]), message.arrived_at))
        else:
            left_out.append(LeftOut(message.place, reason))
    return tuple(events), tuple(left_out)


def _uncountable(contract: Contract, row: Mapping[str, object]) -> str | None:
    """Why every decision that sees an event would fail; None where none would."""
    for name, step in contract.resolutions.items():
        value = row.get(name)
        if isinstance(value, (int, float)) and abs(value) >= MAX_STEPS * step:
            return f"column '{name}' holds 2^53 or more steps of its resolution {step:g}; bound it in the contract"
    return None
