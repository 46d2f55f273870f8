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
from datetime import date
from typing import Any

import dagster as dg
import pyarrow as pa

from assets.product import Product
from resources.naming import checked_day

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
DAYS_AT_FAULT = "days_at_fault"
"""In the metadata of a failure: the days that are at fault, as JSON."""
WAITING = "waiting"
"""In the metadata of an observation: why a run left its days of an asset unmade."""
OVERWRITE_TAG = "loopline/overwrite"
"""Tag of a backfill that may replace newer rows by older ones."""


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
    product: Product, name: str, partitions: dg.PartitionsDefinition[str], *, owner: str | None = None, **terms: Any
) -> Callable[..., Any]:
    """The decorator of an asset with daily partitions; a range of days is one run."""
    return asset_of(product, name, owner=owner, partitions_def=partitions, **terms)


def days_of(context: dg.AssetExecutionContext) -> tuple[date, ...]:
    """The consecutive days that a run covers, each checked before it becomes part of a path or a query."""
    return tuple(checked_day(key) for key in context.partition_keys)


def materialised_days(instance: dg.DagsterInstance, key: dg.AssetKey) -> frozenset[date]:
    """The days of an asset that were ever materialised, those without rows included."""
    return frozenset(date.fromisoformat(day) for day in instance.get_materialized_partitions(key))


@dataclass(frozen=True)
class Stopwatch:
    """Times one asset and builds its result."""

    name: str
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
            metadata={"rows": rows, "seconds": round(seconds, 3), **values}, check_results=list(checks), value=value
        )


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


def wait_for_champion(context: dg.AssetExecutionContext, product: Product) -> None:
    """Records that a run leaves its days of an asset unmade because no version decides yet, which is no failure.

    The asset has `output_required=False` and yields nothing: the run succeeds without it and without what is made from
    it, and the days stay missing, so that a later run makes them.
    """
    days, name = days_of(context), product.name
    why = (
        f"{name} has no champion yet: `loopline status` names a version that waits for its approver, and `loopline run "
        f"{name}` trains one; these days are made by the next `loopline run {name}` after that"
    )
    observed: dict[str, Any] = {
        "rows": 0,
        WAITING: why,
        "first_day": days[0].isoformat(),
        "last_day": days[-1].isoformat(),
    }
    partition = days[0].isoformat() if len(days) == 1 else None
    context.log_event(dg.AssetObservation(context.asset_key, partition=partition, metadata=observed))
    PROGRESS.info("%s: %s", context.asset_key.path[-1], why)


@contextmanager
def permanent(*kinds: type[Exception]) -> Iterator[None]:
    """Turns errors that a retry cannot fix into a failure without retries, message unchanged."""
    try:
        yield
    except kinds as error:
        raise failure(str(error), getattr(error, "days", ())) from error


def failure(description: str, days: Collection[date] = ()) -> dg.Failure:
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
