"""Assets of ingestion: `raw_<source>`, by day or hour, exactly as the data arrived.

Belongs here: reading a source through its reader, writing the raw table, metadata. Does not belong here: fitting rows
to columns (`landing.py`), fetching them (`resources.sources`).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

import dagster as dg
import pyarrow as pa

from assets.ingestion.landing import RawDay, SchemaChanged, as_raw, with_kept
from assets.ingestion.overwriting import Delivered, WouldOverwrite, losses, refuse_losses
from assets.ingestion.taken_columns import taken_columns
from assets.materialising import (
    BACKFILL_TAGS,
    OVERWRITE_TAG,
    TRY_AGAIN,
    asset_key,
    begun,
    daily_asset_of,
    permanent,
    same_columns,
)
from assets.product import (
    DatabaseTable,
    Files,
    HttpEndpoint,
    IcebergTable,
    LakeTable,
    Partitions,
    PostedOutcomes,
    PostedReviews,
    Product,
    Source,
    StreamTopic,
)
from assets.product.names import raw_name, source_name, table_name
from resources.environments import UnknownConnection
from resources.lake import Lake
from resources.lake.origins import read_from, source_origins
from resources.lake.partitioning import rows_of
from resources.slots import Slot
from resources.sources.databases.days import DatabaseRows
from resources.sources.files.reader import FilesReader
from resources.sources.http.api import ApiForm
from resources.sources.lake_tables.rows import LakeRows
from resources.sources.readers import Reader, SourceBroken
from resources.sources.snapshots import SnapshotReader
from resources.sources.streams.avro_messages import AvroMessages
from resources.sources.systems import SourceSystems

KINDS = {
    DatabaseTable: "sql", Files: "files", LakeTable: "deltalake", IcebergTable: "iceberg", HttpEndpoint: "http",
    StreamTopic: "kafka", PostedOutcomes: "bentoml", PostedReviews: "bentoml",
}  # fmt: skip


def source_spec(product: Product, source: Source) -> dg.AssetSpec:
    """The source itself, as the graph's first node."""
    contract = product.contract(source.name)
    return dg.AssetSpec(
        asset_key(product, source_name(source.name)),
        group_name="sources",
        description=contract.description,
        kinds={KINDS[type(source)]},
        owners=[contract.owner],
    )


def raw_asset(product: Product, source: Source, partitions: Partitions) -> dg.AssetsDefinition:
    """`raw_<source>`: fetches the days of a run and replaces each whole, all in one commit."""
    contract, taken = product.contract(source.name), taken_columns(product, source)
    name = raw_name(source.name)

    @daily_asset_of(
        product,
        name,
        partitions,
        owner=contract.owner,
        deps=[asset_key(product, source_name(source.name))],
        group_name="ingestion",
        description=f"{contract.description} As it arrived: every value is text.",
        kinds={KINDS[type(source)], "deltalake"},
        retry_policy=TRY_AGAIN,
    )
    def raw(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        source_systems: dg.ResourceParam[SourceSystems],
    ) -> dg.MaterializeResult[None]:
        (watch, days), table = begun(context, name, partitions), table_name(product.name, name)
        with (
            permanent(SourceBroken, SchemaChanged, UnknownConnection, WouldOverwrite),
            reader_of(product, source, source_systems) as reader,
        ):
            fetched = list(reader.read(days))
            raw_days = [as_raw(contract, day, taken) for day in fetched]
            if isinstance(source, DatabaseTable) and source.rows == "revisions":
                raw_days = _with_kept(lake, table, raw_days)
            if BACKFILL_TAGS & context.run.tags.keys() and OVERWRITE_TAG not in context.run.tags:
                delivered = [
                    Delivered(day.day, raw.table.num_rows, day.origin)
                    for day, raw in zip(fetched, raw_days, strict=True)
                ]
                refuse_losses(_losses(lake, table, delivered), source.name, product.name, contract.owner)
        data = pa.concat_tables([day.table for day in raw_days])
        # By the origin (digest, size, offset) of a day it is known later whether its source has changed.
        origin = {"run_id": context.run.run_id, **read_from({day.day: day.origin for day in fetched})}
        commit = lake.replace(table, data, days=days, metadata=origin)
        unexpected = sorted({column for day in raw_days for column in day.unexpected})
        return watch.table(
            rows=commit.rows,
            version=commit.version,
            days=len(days),
            bytes=commit.bytes,
            unexpected_columns=unexpected,
            schema_difference=_difference(raw_days),
            schema=data.schema,
            lineage=same_columns(asset_key(product, source_name(source.name)), contract.names),
        )

    return raw


def _difference(days: Sequence[RawDay]) -> dg.MarkdownMetadataValue:
    """How the newest day with other columns than the contract's differs from it, for people."""
    for day in reversed(days):
        if day.diff is not None:
            return dg.MetadataValue.md(
                f"{day.day}, against contracts/{day.diff.contract.file}\n```\n{day.diff.text}\n```"
            )
    return dg.MetadataValue.md("none")


def _with_kept(lake: Lake, table: str, days: Sequence[RawDay]) -> list[RawDay]:
    """The days with the revisions that they had in the lake: the source may no longer have them."""
    if not lake.exists(table):
        return list(days)
    before = lake.read(table, days=[day.day for day in days])
    return [with_kept(day, rows_of(before, day.day)) for day in days]


def _losses(lake: Lake, table: str, delivered: Sequence[Delivered]) -> dict[Slot, str]:
    """For each day whose published rows are newer or more than these, what would be lost."""
    if not lake.exists(table):
        return {}
    published: Counter[Slot] = Counter()
    for file in lake.files(table, days=[day.day for day in delivered]):
        if file.day is not None:
            published[file.day] += file.rows
    return losses(delivered, published, source_origins(lake, table))


def reader_of(product: Product, source: Source, systems: SourceSystems) -> Reader:
    """The reader of a source in this environment."""
    match source:
        case DatabaseTable():
            rows = DatabaseRows(
                source.name, source.table, source.day_column, source.query, source.zone, _times(product, source),
                product.start, source.known_after, source.overlap_days,
            )  # fmt: skip
            reader = systems.database(rows, connection=source.connection)
            return _revisions(product, source, reader) if source.rows == "snapshots" else reader
        case Files():
            files = files_of(product, source, systems)
            return _revisions(product, source, files) if source.rows == "snapshots" else files
        case LakeTable():
            table = LakeRows(
                source.name, source.day_column, source.known_after, source.version, source.zone,
                _times(product, source), product.start,
            )  # fmt: skip
            if not source.changes:
                return systems.lake_table(table, path=source.table, connection=source.connection)
            return systems.lake_changes(
                table, path=source.table, ignore_deletions=source.ignore_deletions, connection=source.connection
            )
        case IcebergTable():
            snapshot = LakeRows(
                source.name, source.day_column, source.known_after, source.snapshot, source.zone,
                _times(product, source), product.start,
            )  # fmt: skip
            return systems.iceberg_table(snapshot, table=source.table, connection=source.connection)
        case HttpEndpoint():
            form = ApiForm(
                source.name, source.path, source.day_parameter, source.rows_field, source.next_field,
                source.cursor_parameter, source.key_header, source.until_parameter, source.page_size,
                source.limit_parameter, source.offset_parameter, source.most_a_second,
                source.day_column, source.known_after, source.zone, _times(product, source),
            )  # fmt: skip
            return systems.http(form, connection=source.connection)
        case StreamTopic():
            return systems.stream(
                source.name, topic=source.topic, arrival_field=source.arrival_field, first_day=product.start,
                connection=source.connection, avro=avro_of(product, source),
            )  # fmt: skip
        case PostedOutcomes() | PostedReviews():
            return systems.posted(source.name, product=product.name, known_at=product.contract(source.name).known_at)
        case _:
            assert_never(source)


def avro_of(product: Product, source: StreamTopic) -> AvroMessages | None:
    """How the messages of a stream are decoded; `None` for JSON."""
    if not source.avro:
        return None
    return AvroMessages(source.name, product.contracts.parent / source.avro, has_schema_id=source.has_schema_id)


def _revisions(product: Product, source: DatabaseTable | Files, snapshots: Reader) -> Reader:
    """The revisions in a source's snapshots."""
    contract = product.contract(source.name)
    taken = {contract.at_source[contract.event_time], contract.at_source[contract.known_at], source.day_column or ""}
    return SnapshotReader(snapshots, first_day=product.start, times=taken)


def files_of(product: Product, source: Files, systems: SourceSystems) -> FilesReader:
    """The reader of a source of files.

    The day of a zone is no UTC day: rows of its files are then chosen by the contract's `known_at`, unless the source
    names another column.
    """
    contract = product.contract(source.name)
    if source.zone != "UTC" and source.day_column is None and source.known_after is None:
        source = replace(source, day_column=contract.at_source[contract.known_at])
    form = source.form(product.start, columns=tuple(contract.at_source.values()), times=_times(product, source))
    return systems.files(form, connection=source.connection)


def _times(product: Product, source: Source) -> tuple[str, ...]:
    """The columns of the source that hold times, by their names there."""
    return tuple(c.original or c.name for c in product.contract(source.name).columns if c.type == "timestamp")
