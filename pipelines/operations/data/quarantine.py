"""Rows that were refused: `loopline quarantine`.

Belongs here: counting quarantined rows by rule and day, or hour, and validating their days again after a fix. Does not
belong here: the rules (`assets.validation.audit`), output (`pipelines.cli`).
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.governance.audit_database import audit_of
from assets.product import Product
from assets.product.names import quarantine_name, raw_name, table_name, validated_name
from assets.validation.rules.reasons import reason_of
from pipelines.operations.loop.fill_sandbox import Progress
from pipelines.operations.loop.product_jobs import ProductJobs
from pipelines.operations.loop.run_job import dagster_instance
from pipelines.operations.loop.source_days import readable_days
from pipelines.partitions import partitions_of
from resources.environments import Environment
from resources.errors import LooplineError
from resources.lake import DAY, Lake
from resources.lake.partitioning import partition_columns, slot_at
from resources.slots import Slot, end_of, is_slot, next_slot, start_of


class NothingToReadmit(LooplineError):
    """No row is quarantined where rows should be admitted again; the message says where."""


@dataclass(frozen=True)
class RefusedRows:
    """The rows of one source that broke one rule on one column; values are not repeated.

    Attributes:
        reason: What the rule means.
        days: How many rows of each day, or hour; 0 where it broke the rule as a whole.
    """

    source: str
    rule: str
    column: str
    reason: str
    days: dict[Slot, int]

    @property
    def rows(self) -> int:
        """The rows of all days."""
        return sum(self.days.values())

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        days = {str(day): rows for day, rows in self.days.items()}
        return {
            "source": self.source, "rule": self.rule, "column": self.column, "reason": self.reason, "rows": self.rows,
            "days": days,
        }  # fmt: skip


@dataclass(frozen=True)
class Readmission:
    """What validating the quarantined days of a source again did.

    Attributes:
        days: The days, or hours, that were validated again.
        before, after: Quarantined rows of these days.
    """

    source: str
    days: tuple[Slot, ...]
    before: int
    after: int

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "source": self.source,
            "days": [str(day) for day in self.days],
            "quarantined_before": self.before,
            "quarantined_after": self.after,
        }


def refused_rows(
    product: Product, lake: Lake, source: str | None, first: Slot | None, last: Slot | None
) -> tuple[RefusedRows, ...]:
    """The quarantined rows of a product, by source, rule and column.

    Args:
        source: One source; `None` for all.
        first, last: The days, or hours, to look at; `None` for the first and the last.

    Raises:
        ProductError: The product has no source of that name.
        DamagedPartition: The quarantine cannot be read.
    """
    sources = [product.source(source)] if source else list(product.sources)
    found = []
    for one in sources:
        contract = product.contract(one.name)
        counts: dict[tuple[str, str], dict[Slot, int]] = {}
        for row in _entries(lake, product, one.name, first, last).to_pylist():
            days, day = counts.setdefault((row["rule"], row["column"]), {}), slot_at(row)
            days[day] = days.get(day, 0) + (0 if is_slot(row["row_ref"]) else 1)
        for (rule, column), days in sorted(counts.items()):
            found.append(RefusedRows(one.name, rule, column, reason_of(contract, rule, column), days))
    return tuple(found)


def readmit(
    product: Product,
    environment: Environment,
    source: str,
    first: Slot | None,
    last: Slot | None,
    *,
    reread: bool,
    by: str,
    reason: str,
    progress: Progress,
) -> Readmission:
    """Validates the partitions with quarantined rows again, under the present contract, and records who asked for it.

    What was made from these days is stale then: `loopline run` makes it again.

    Args:
        reread: Whether the days are fetched from the source again first, because the source was corrected.

    Raises:
        NothingToReadmit: No row of the source is quarantined on these days.
        AuditLogError: The name or the reason is empty.
        RunFailed: A day still breaks the contract as a whole; the days of its run stay as they were.
    """
    lake = Lake(environment.lake)
    entries = _entries(lake, product, product.source(source).name, first, last)
    partitions = partitions_of(product, environment)
    days = partitions.whole(slot_at(entry) for entry in entries.to_pylist())
    if not days:
        raise NothingToReadmit(f"{product.name}: no row of {source} is quarantined on these days; nothing was run")
    before = _rows(_entries(lake, product, source, days[0], days[-1]))
    log = audit_of(environment)
    details = {"source": source, "days": [str(day) for day in days], "quarantined": before, "reread": reread}
    log.append(
        actor=by, action="readmit", product=product.name, version="", reason=reason, at=datetime.now(UTC),
        details=details,
    )  # fmt: skip
    assets = [raw_name(source)] if reread else []
    with ExitStack() as stack:
        if reread:
            stack.enter_context(readable_days(product, environment, (days[0], days[-1]), progress))
        instance = stack.enter_context(dagster_instance(environment))
        jobs = ProductJobs(product, partitions, instance, lake)
        for run in _runs(days):
            jobs.run_assets([*assets, validated_name(source)], run)
    after = _rows(_entries(lake, product, source, days[0], days[-1]))
    log.append(
        actor=by, action="readmitted", product=product.name, version="", reason=reason, at=datetime.now(UTC),
        details={**details, "quarantined": after},
    )  # fmt: skip
    return Readmission(source, days, before, after)


def _entries(lake: Lake, product: Product, source: str, first: Slot | None, last: Slot | None) -> pa.Table:
    """`row_ref`, `rule`, `column` and the partition columns of the entries of a source's quarantine."""
    table = table_name(product.name, quarantine_name(source))
    names = ["row_ref", "rule", "column"]
    if not lake.exists(table):
        return pa.table({**{name: pa.array([], pa.string()) for name in names}, DAY: pa.array([], pa.date32())})
    known = lake.slots(table)
    # A day stands for all of its hours.
    days = [
        slot
        for slot in known
        if (first is None or end_of(slot) > start_of(first)) and (last is None or start_of(slot) < end_of(last))
    ]
    slots = partition_columns(known[0]) if known else (DAY,)
    return lake.read(table, days=days, columns=[*names, *slots])


def _rows(entries: pa.Table) -> int:
    """The rows among the entries; a row that breaks several rules counts once."""
    return sum(not is_slot(reference) for reference in pc.unique(entries["row_ref"]).to_pylist())


def _runs(days: Sequence[Slot]) -> Iterator[tuple[Slot, Slot]]:
    """The days as ranges of consecutive days: the days between them are not touched."""
    start = days[0]
    for day, following in zip(days, [*days[1:], None], strict=True):
        if following != next_slot(day):
            yield start, day
            start = following or day
