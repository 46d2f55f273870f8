"""Helpers of every asset factory: keys, days, timing, metadata, failures.

Belongs here: the helpers that make each stage's `assets.py` read alike. It imports Dagster, so only `assets.py` and
`checks.py` modules import it. Does not belong here: anything about a particular stage.
"""

import base64
import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pyarrow as pa

from assets.product import Partitions, Product
from resources.environments import Environment
from resources.naming import checked_day, is_day
from resources.people import UNKNOWN, person
from resources.slots import Hour, Slot, checked_slot, first_hour, last_hour, next_slot

PROGRESS = logging.getLogger("loopline.progress")

Lineage = Mapping[str, Sequence[tuple[dg.AssetKey, str]]]
"""For each column of a table the columns, each of an asset, from which it is made."""

# A range of days is one run: one Spark session, one commit a table.
ONE_RUN = dg.BackfillPolicy.single_run()
TRY_AGAIN = dg.RetryPolicy(max_retries=2, delay=2, backoff=dg.Backoff.EXPONENTIAL)

BACKFILL_TAG = "loopline/backfill"
"""Tag of the runs of `loopline backfill`: the days and assets that were asked for."""
BACKFILL_TAGS = frozenset({BACKFILL_TAG, "dagster/backfill"})
"""The tags by which a run is known as a backfill's: of the command, or of Dagster's pages."""
CAUSE_TAG = "loopline/cause"
"""Tag of a run that a sensor started: the reason."""
DAYS_AT_FAULT = "days_at_fault"
"""In the metadata of a failure: the days that are at fault, as JSON."""
WAITING = "waiting"
"""In the metadata of an observation: why a run left its days of an asset unmade."""
REASON_TAG = "loopline/reason"
"""Tag of a training that a person started: the reason."""
USER_TAG = "loopline/user"
"""Tag of a run that a person started: the person's name, or the account."""
OVERWRITE_TAG = "loopline/overwrite"
"""Tag of a backfill that may replace newer rows by older ones."""
_DAYS_TAG = "loopline/days"
"""Tag of what a run made of weeks or months: the first and the last day that it covered."""


def started_by(tags: Mapping[str, str]) -> str:
    """The person, schedule or sensor that started a run; empty where its tags do not say."""
    if tags.get(USER_TAG, "").strip():
        return tags[USER_TAG].strip()
    kinds = (("schedule", "dagster/schedule_name"), ("sensor", "dagster/sensor_name"))
    return next((f"{kind} {tags[name]}" for kind, name in kinds if name in tags), "")


def author_of(tags: Mapping[str, str], environment: Environment) -> str:
    """Who is the author of what a run makes: who started it. On one machine a run of Dagster's pages is its user's."""
    return started_by(tags) or (person() if environment.name == "local" else UNKNOWN)


def asset_key(product: Product, name: str) -> dg.AssetKey:
    """The key of a product's asset; the names are those of `assets.product.names`."""
    return dg.AssetKey([product.name, name])


def asset_of(product: Product, name: str, *, owner: str | None = None, **terms: Any) -> Callable[..., Any]:
    """The decorator of a product's asset: its key, and its owner (the product's unless another is named).

    Assets without days get the backfill policy of daily assets, so that for a job with both kinds the UI says that a
    range is one run, not that the policies vary.
    """
    owners = [owner or product.owner]
    return dg.asset(key=asset_key(product, name), owners=owners, backfill_policy=ONE_RUN, **terms)


def daily_asset_of(
    product: Product, name: str, partitions: Partitions, *, owner: str | None = None, **terms: Any
) -> Callable[..., Any]:
    """The decorator of an asset with days, in the product's partitions; a range of them is one run."""
    return asset_of(product, name, owner=owner, partitions_def=definition_of(partitions), **terms)


def definition_of(partitions: Partitions) -> dg.TimeWindowPartitionsDefinition:
    """Dagster's definition of partitions; their keys are their first days, or their hours (`2026-03-01-13:00`)."""
    if partitions.length == "hour":
        after = None if partitions.last is None else str(next_slot(last_hour(partitions.last)))
        return dg.HourlyPartitionsDefinition(str(first_hour(partitions.first)), end_date=after, timezone="UTC")
    start = partitions.start(partitions.first).isoformat()
    last, today = partitions.last, datetime.now(UTC).date()
    end = None if last is None else (partitions.end(last) + timedelta(days=1)).isoformat()
    if partitions.length == "day":
        return dg.DailyPartitionsDefinition(start, end_date=end, timezone="UTC")
    # Of a history that ended within the present week or month, the last partition is over before the calendar's.
    offset = 1 if last is not None and last < today else 0
    if partitions.length == "week":
        return dg.WeeklyPartitionsDefinition(start, end_date=end, timezone="UTC", day_offset=1, end_offset=offset)
    return dg.MonthlyPartitionsDefinition(start, end_date=end, timezone="UTC", end_offset=offset)


def materialised_days(instance: dg.DagsterInstance, key: dg.AssetKey, partitions: Partitions) -> frozenset[Slot]:
    """The days, or the hours, of an asset that were ever materialised, those without rows included.

    Of a week or a month these are the days that its run covered: since then the product may have got another first or
    last day, or other partitions. Days of a product that is made by the hour now are no hours of it.
    """
    if partitions.length in ("hour", "day"):
        slots = (checked_slot(name) for name in instance.get_materialized_partitions(key))
        return frozenset(slot for slot in slots if isinstance(slot, Hour) is (partitions.length == "hour"))
    latest = instance.get_latest_storage_id_by_partition(key, dg.DagsterEventType.ASSET_MATERIALIZATION)
    chosen = dg.AssetRecordsFilter(asset_key=key, storage_ids=list(latest.values()))
    records = instance.fetch_materializations(chosen, limit=len(latest)).records if latest else ()
    found: set[Slot] = set()
    for made in (record.asset_materialization for record in records):
        # Hours are of a time when the product was made by the hour.
        if made is not None and made.partition is not None and is_day(made.partition):
            first, _, last = (made.tags or {}).get(_DAYS_TAG, f"{made.partition}_{made.partition}").partition("_")
            days = partitions.whole([checked_day(made.partition)])
            found.update(day for day in days if first <= str(day) <= last)
    return frozenset(found)


@dataclass(frozen=True)
class Stopwatch:
    """Times one asset and builds its result.

    Attributes:
        covered: Of an asset with weeks or months, the first and the last day of its run.
    """

    name: str
    covered: tuple[Slot, Slot] | None = None
    started: float = field(default_factory=time.perf_counter)

    def result(
        self, *, rows: int, checks: Sequence[dg.AssetCheckResult] = (), value: Any = None, **metadata: Any
    ) -> dg.MaterializeResult[Any]:
        """The materialisation with rows, seconds and the metadata given; rows and seconds go to the progress log."""
        return self._result(rows, checks, value, metadata)

    def table(
        self,
        *,
        rows: int,
        schema: pa.Schema,
        lineage: Lineage | None = None,
        checks: Sequence[dg.AssetCheckResult] = (),
        value: Any = None,
        **metadata: Any,
    ) -> dg.MaterializeResult[Any]:
        """As `result`, for a table: Dagster's UI shows its columns, from which they are made, and its rows."""
        return self._result(rows, checks, value, {**metadata, **_table_metadata(rows, schema, lineage or {})})

    def _result(
        self, rows: int, checks: Sequence[dg.AssetCheckResult], value: Any, metadata: Mapping[str, Any]
    ) -> dg.MaterializeResult[Any]:
        seconds = time.perf_counter() - self.started
        PROGRESS.info("%s", self.name, extra={"rows": rows, "seconds": seconds})
        values = {key: _metadata_value(item) for key, item in metadata.items()}
        return dg.MaterializeResult(
            metadata={"rows": rows, "seconds": round(seconds, 3), **values}, check_results=list(checks), value=value,
            tags=None if self.covered is None else {_DAYS_TAG: "{}_{}".format(*self.covered)},
        )  # fmt: skip


def begun(context: dg.AssetExecutionContext, name: str, partitions: Partitions) -> tuple[Stopwatch, tuple[Slot, ...]]:
    """The watch of an asset with days, and the consecutive days, or hours, that its run covers.

    Each key is checked before it becomes part of a path or a query.
    """
    days = partitions.whole(checked_slot(key) for key in context.partition_keys)
    return Stopwatch(name, None if partitions.length in ("hour", "day") else (days[0], days[-1])), days


def same_columns(key: dg.AssetKey, names: Sequence[str]) -> dict[str, list[tuple[dg.AssetKey, str]]]:
    """The lineage of columns that are those of another asset under the same names."""
    return {name: [(key, name)] for name in names}


def _table_metadata(rows: int, schema: pa.Schema, lineage: Lineage) -> dict[str, Any]:
    """What Dagster's UI shows of a table: its columns with their origin, and the rows that were written."""
    columns = [dg.TableColumn(column.name, type=str(column.type)) for column in schema]
    deps = {
        name: [dg.TableColumnDep(asset_key=key, column_name=column) for key, column in origins]
        for name, origins in lineage.items()
        if name in schema.names
    }
    return {
        "dagster/row_count": rows,
        "dagster/column_schema": dg.MetadataValue.table_schema(dg.TableSchema(columns=columns)),
        "dagster/column_lineage": dg.MetadataValue.column_lineage(dg.TableColumnLineage(deps_by_column=deps)),
    }


def with_constant(table: pa.Table, name: str, value: object, kind: pa.DataType) -> pa.Table:
    """The table with one more column, which holds the value in every row."""
    return table.append_column(name, pa.repeat(pa.scalar(value, kind), table.num_rows))


def picture(png: bytes) -> dg.MarkdownMetadataValue:
    """A plot that the Dagster UI shows."""
    return dg.MetadataValue.md(f"![plot](data:image/png;base64,{base64.b64encode(png).decode()})")


def wait_for_champion(context: dg.AssetExecutionContext, product: Product, days: Sequence[Slot]) -> None:
    """Records that a run leaves its days of an asset unmade because no version decides yet, which is no failure.

    The asset has `output_required=False` and yields nothing: the run succeeds without it and without what is made from
    it, and the days stay missing, so that a later run makes them.
    """
    name = product.name
    why = (
        f"{name} has no champion yet: `loopline status` names a version that waits for its approver, and `loopline run "
        f"{name}` trains one; these days are made by the next `loopline run {name}` after that"
    )
    observed: dict[str, Any] = {
        "rows": 0,
        WAITING: why,
        "first_day": str(days[0]),
        "last_day": str(days[-1]),
    }
    partition = str(days[0]) if len(days) == 1 else None
    context.log_event(dg.AssetObservation(context.asset_key, partition=partition, metadata=observed))
    PROGRESS.info("%s: %s", context.asset_key.path[-1], why)


@contextmanager
def permanent(*kinds: type[Exception]) -> Iterator[None]:
    """Turns errors that a retry cannot fix into a failure without retries, message unchanged."""
    try:
        yield
    except kinds as error:
        raise failure(str(error), getattr(error, "days", ())) from error


def failure(description: str, days: Collection[Slot] = ()) -> dg.Failure:
    """A failure that a retry cannot fix; a backfill runs the other days without those that are at fault."""
    metadata = {DAYS_AT_FAULT: dg.MetadataValue.json([str(day) for day in sorted(days)])} if days else None
    return dg.Failure(description=description, metadata=metadata, allow_retries=False)


def _metadata_value(item: Any) -> Any:
    if isinstance(item, dg.MetadataValue):
        return item
    if isinstance(item, bytes):
        return picture(item)
    if isinstance(item, Mapping | list | tuple):
        return dg.MetadataValue.json(item)
    return item
