"""The text of a draft's contracts.

Belongs here: `contracts/SOURCE.yaml` of each source. Does not belong here: the files in Python (`render.py`), what a
contract means (`assets.product.contracts.contract`).
"""

import json
from collections.abc import Iterator

from pipelines.drafting.columns import ColumnFacts, ceiling
from pipelines.drafting.declared import GUESSED, text, title_of
from pipelines.drafting.parts import Draft, SourceDraft


def contract_text(draft: Draft, source: SourceDraft) -> str:
    """The contract of a source: its columns, and for each that is no key the range or set of the sample."""
    added = source.known_at is None
    event_time = "event_time" if added or source.time is None else source.time.name
    known_at = "known_at" if added or source.known_at is None else source.known_at.name
    lines = [
        f"source: {source.name}",
        f"description: {title_of(source.name)}.{GUESSED}",
        f"owner: you@example.com{GUESSED}",
        f"key: [{', '.join(_key(source))}]",
        *([f"corrections: true{GUESSED}"] if source.corrected else []),
        f"event_time: {event_time}",
        f"known_at: {known_at}",
        "max_quarantined: 0.02",
        "columns:",
        *(f"  {_contract_column(draft, column)}" for column in source.columns),
    ]
    if added:
        lines += [
            "  event_time: {type: timestamp, description: time of the event}",
            "  known_at: {type: timestamp, description: time at which the row could first be known}",
        ]
    expectations = [line for column in source.columns for line in _expectations(column, draft)]
    return "\n".join([*lines, *(["expectations:", *expectations] if expectations else [])]) + "\n"


def _key(source: SourceDraft) -> list[str]:
    """The columns that identify a row: a unique one, that of a corrected record, or all of them with the time."""
    if source.corrected:
        return [source.key[0].name]
    time = [] if len(source.key) == 1 and source.key[0].is_unique else ["event_time" if source.known_at is None else ""]
    return [c.name for c in source.key] + [name or (source.time.name if source.time else "") for name in time]


def _contract_column(draft: Draft, column: ColumnFacts) -> str:
    parts = [f"type: {column.type}", f"description: {text(column.title)}"]
    if column.original != column.name:
        parts.append(f"original: {text(column.original)}")
    if column.resolution is not None:
        parts.append(f"resolution: {column.resolution:g}")
    if not column.required:
        parts.append("required: false")
    keys = (draft.roles.row_id, *draft.roles.entities)
    mark = ""
    if column.personal is not None:
        parts.append(f"personal: {'token' if column in keys else 'drop'}")
        mark = f"{GUESSED}: {column.personal}"
    return f"{column.name}: {{{', '.join(parts)}}}{mark}"


def _expectations(column: ColumnFacts, draft: Draft) -> Iterator[str]:
    """The range of a number, the set of a category, as the sample has them."""
    keys = {c.original for c in (draft.roles.row_id, *draft.roles.entities)}
    if column.personal is not None or column.original in keys:
        return
    if column.is_category or (column.is_binary and column.type == "integer"):
        yield "  - type: expect_column_values_to_be_in_set" + GUESSED
        yield f"    kwargs: {{column: {column.name}, value_set: {json.dumps(list(column.values), ensure_ascii=False)}}}"
    elif isinstance(column.low, (int, float)) and isinstance(column.high, (int, float)):
        low = 0.0 if column.low >= 0 else -ceiling(-column.low)
        high = ceiling(column.high)
        yield "  - type: expect_column_values_to_be_between" + GUESSED
        yield f"    kwargs: {{column: {column.name}, min_value: {low:.0f}, max_value: {max(high, 1):.0f}}}"
