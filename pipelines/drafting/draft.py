"""The draft of a product: sources, features and policies that the samples suggest.

Belongs here: which source is read how, which features are proposed, from when to when. Does not belong here: the parts
of a draft (`parts.py`), reading a sample (`sample.py`), roles of columns (`roles.py`), the text of the files
(`render.py`).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from assets.product.partitions import PARTITIONS, Partition
from pipelines.drafting.amounts import amount_draft
from pipelines.drafting.columns import ColumnFacts
from pipelines.drafting.parts import Draft, HistoryDraft, SourceDraft
from pipelines.drafting.roles import (
    Given,
    Roles,
    RoleUnclear,
    positive_text,
    remark_on,
    roles_of,
    times_of_events,
)
from pipelines.drafting.sample import FilesPlace, Sample

_MOST_SUMMED = 3
_WINDOWS = (1, 7, 30, 90)
_ENDED = timedelta(days=3)
"""History whose last row is older than this has ended."""


def draft_product(
    name: str, samples: Sequence[Sample], given: Given, *, label_delay: timedelta | None, now: datetime
) -> Draft:
    """The draft of a product whose rows to decide are in the first sample.

    Args:
        label_delay: How long after the decision the label is final; `None` to guess it.

    Raises:
        RoleUnclear: A role cannot be guessed, or a sample lacks the column that joins it.
    """
    table, column = _label_place(samples, given)
    own = table is samples[0]
    roles = roles_of(samples[0].facts, replace(given, label=column if own else ""), with_label=own)
    label = roles.label or _column(table, column)
    positive = positive_text(label, given.positive)
    guessed = list(roles.guessed)
    if positive and not given.positive:
        guessed.append(f"positive: {label.original} is {positive}")
    guessed += [remark for sample in samples for remark in map(remark_on, sample.facts) if remark]
    if label_delay is None:
        label_delay = timedelta(0) if roles.time is None else timedelta(days=7)
        if roles.time is not None:
            guessed.append(f"labels are final after {label_delay.days} days")
    spine = _spine(samples[0], roles, label)
    labels = _labels(spine, table, roles, label, label_delay)
    if labels.corrected:
        guessed.append(f"a later row of {labels.name} with the same {labels.key[0].original} corrects the earlier one")
    others = tuple(_events(sample, roles) for sample in samples[1:] if sample is not table)
    first, last = _period(samples, roles, label_delay, now)
    span = ((last or now.date()) - first - label_delay).days
    history = _history(spine, labels, others, roles, (label, positive), span)
    partition = _partition(samples)
    if partition != "day":
        guessed.append(f"one run makes a {partition}, the time of a file by its name")
    return Draft(
        name=name,
        spine=spine,
        labels=labels,
        others=others,
        roles=roles,
        label=label,
        request=_request(spine, roles, given.without),
        history=history,
        label_delay=label_delay,
        positive=positive,
        positives=table.positives(label, positive),
        first=first,
        last=last,
        test_days=max(1, span // 5),
        train_days=_train_days(span, label_delay, history),
        partition=partition,
        example=samples[0].last_row(),
        guessed=tuple(guessed),
        amount=amount_draft(table, label) if given.target == "amount" else None,
    )


def _label_place(samples: Sequence[Sample], given: Given) -> tuple[Sample, str]:
    """The sample that holds the label, and the column's name; empty where it is to be guessed."""
    source, _, column = given.label.rpartition(".")
    if not source:
        return samples[0], given.label
    for sample in samples:
        if sample.name == source:
            return sample, column
    raise RoleUnclear(f"--label {given.label}: no sample is named {source}; there are {_listed(samples)}")


def _column(sample: Sample, name: str) -> ColumnFacts:
    for column in sample.facts:
        if name in (column.name, column.original):
            return column
    raise RoleUnclear(f"--label {sample.name}.{name}: {sample.name} has no such column; it has {_columns(sample)}")


def _spine(sample: Sample, roles: Roles, label: ColumnFacts) -> SourceDraft:
    if roles.time is None and not isinstance(sample.place, FilesPlace):
        raise RoleUnclear(
            f"--template table: {sample.shown} is read day by day, and needs a column with a time; give --time, or a "
            f"file of its rows"
        )
    return SourceDraft(
        name=sample.name,
        sample=sample,
        columns=_contracted(sample, roles.time, roles.known_at, leave_out=label),
        time=roles.time,
        known_at=roles.known_at,
        known_after=timedelta(0),
        key=(roles.row_id,),
    )


def _labels(spine: SourceDraft, table: Sample, roles: Roles, label: ColumnFacts, delay: timedelta) -> SourceDraft:
    """The source of the labels: the table that holds them, or the table of decisions read once more, later known."""
    if table is not spine.sample:
        labels = _events(table, roles, key=roles.row_id)
        row_ids = tuple(c for c in labels.columns if c.original == roles.row_id.original and not c.is_unique)
        return replace(labels, key=row_ids, corrected=True) if row_ids else labels
    return SourceDraft(
        name=f"{spine.name}_labels",
        sample=table,
        columns=(roles.row_id, *roles.entities, label),
        time=roles.time,
        known_at=None,
        known_after=delay,
        key=(roles.row_id,),
    )


def _events(sample: Sample, roles: Roles, key: ColumnFacts | None = None) -> SourceDraft:
    """A source of other events, which has a column of an entity (or of the row) under the same name."""
    wanted = {c.original for c in ((key,) if key else roles.entities)}
    joined = [c for c in sample.facts if c.original in wanted]
    if not joined:
        raise RoleUnclear(
            f"{sample.name} has none of the columns {', '.join(sorted(wanted)) or '(no entity)'}, by which its rows "
            f"belong to those of the first sample; rename one of {_columns(sample)}"
        )
    time, known_at = times_of_events(sample.facts)
    columns = _contracted(sample, time, known_at)
    unique = [c for c in columns if c.is_unique and c.type in ("string", "integer")]
    return SourceDraft(
        name=sample.name,
        sample=sample,
        columns=columns,
        time=time,
        known_at=known_at,
        known_after=timedelta(0),
        key=(unique[0],) if unique else tuple(c for c in columns if c.type != "timestamp"),
    )


def _contracted(
    sample: Sample, time: ColumnFacts | None, known_at: ColumnFacts | None, leave_out: ColumnFacts | None = None
) -> tuple[ColumnFacts, ...]:
    """The columns of the contract: without the time where the reader adds both times under their own names."""
    replaced = time if known_at is None else None
    return tuple(c for c in sample.facts if c not in (replaced, leave_out))


def _request(spine: SourceDraft, roles: Roles, without: Sequence[str]) -> tuple[ColumnFacts, ...]:
    taken = (roles.row_id, *roles.entities, *roles.protected, roles.time, roles.known_at)
    known = {name for c in spine.columns for name in (c.name, c.original)}
    unknown = [name for name in without if name not in known]
    if unknown:
        raise RoleUnclear(f"--without {unknown[0]}: the sample has no such column; it has {_columns(spine.sample)}")
    left = [c for c in spine.columns if c.name not in without and c.original not in without]
    free = [c for c in left if c not in taken and c.personal is None and c.oddity is None and c.distinct > 1]
    rows = spine.sample.rows
    return tuple(c for c in free if c.is_number or (c.type == "string" and (c.values or c.distinct <= rows / 2)))


def _history(
    spine: SourceDraft,
    labels: SourceDraft,
    others: Sequence[SourceDraft],
    roles: Roles,
    label: tuple[ColumnFacts, str],
    span: int,
) -> tuple[HistoryDraft, ...]:
    windows = tuple(days for days in _WINDOWS if days <= max(1, span // 5))
    found: list[HistoryDraft] = []
    for entity in roles.entities:
        found.append(HistoryDraft(spine.name, entity.name, windows, _summed(spine), is_spine=True))
        if entity in labels.columns:
            # Labels become known days later: a day holds few of them.
            record_key = labels.key[0].name if labels.corrected else None
            later = windows[1:] or windows
            found.append(
                HistoryDraft(labels.name, entity.name, later, (), *label, is_spine=False, record_key=record_key)
            )
        for other in others:
            own = next((c for c in other.columns if c.original == entity.original), None)
            if own is not None:
                found.append(HistoryDraft(other.name, own.name, windows, _summed(other), None, is_spine=False))
    return tuple(found)


def _summed(source: SourceDraft) -> tuple[ColumnFacts, ...]:
    measured = [c for c in source.columns if c.resolution is not None and c.personal is None]
    return tuple(measured[:_MOST_SUMMED])


def _period(samples: Sequence[Sample], roles: Roles, delay: timedelta, now: datetime) -> tuple[date, date | None]:
    """The first day, and the last one where history has ended: when the last label is known, if the files allow it.

    Where files have a time in their names, the last one ends the history: the days until the last label have no file.
    """
    if roles.time is None:
        yesterday = (now - timedelta(days=1)).date()
        return yesterday, yesterday
    low, high = roles.time.low, roles.time.high
    if not (isinstance(low, datetime) and isinstance(high, datetime)):
        raise RoleUnclear(f"--time {roles.time.original}: the column has no times")
    end = high.astimezone(UTC)
    known = end + delay
    is_split = any(sample.period for sample in samples)
    return low.astimezone(UTC).date(), (end if is_split else known).date() if now - known > _ENDED else None


def _partition(samples: Sequence[Sample]) -> Partition:
    """The longest time of a file: its days are there once all of them are."""
    periods = [sample.period for sample in samples if sample.period]
    return max(periods, key=PARTITIONS.index, default="day")


def _train_days(span: int, delay: timedelta, history: Sequence[HistoryDraft]) -> int | None:
    """The days before the test and its gap, without those whose windows begin before the first event."""
    longest = max((item.windows[-1] for item in history), default=0)
    days = span - max(1, span // 5) - delay.days - longest
    return days if days > 2 * longest else None


def _listed(samples: Sequence[Sample]) -> str:
    return ", ".join(sample.name for sample in samples)


def _columns(sample: Sample) -> str:
    return ", ".join(c.original for c in sample.facts)
