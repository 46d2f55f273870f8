"""Assets of ingestion: `raw_<source>`, in daily partitions, exactly as the data arrived.

Belongs here: reading a source through its reader, writing the raw table, metadata. Does not belong here: fitting rows
to columns (`landing.py`), fetching them (`resources.sources`).
"""

from typing import assert_never

import dagster as dg
import pyarrow as pa

from assets.ingestion.landing import SchemaChanged, as_raw
from assets.materialising import (
    TRY_AGAIN,
    Stopwatch,
    asset_key,
    daily_asset_of,
    days_of,
    permanent,
    same_columns,
)
from assets.product import DailyFiles, DatabaseTable, HttpEndpoint, Product, Source, StreamTopic
from assets.product.names import raw_name, source_name, table_name
from resources.lake import Lake
from resources.sources.readers import Reader, SourceBroken
from resources.sources.systems import SourceSystems

KINDS = {DatabaseTable: "sql", DailyFiles: "csv", HttpEndpoint: "http", StreamTopic: "kafka"}


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


def raw_asset(product: Product, source: Source, partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """`raw_<source>`: fetches the days of a run and replaces each whole, all in one commit."""
    contract = product.contract(source.name)
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
        watch, days = Stopwatch(name), days_of(context)
        with permanent(SourceBroken, SchemaChanged), reader_of(source, source_systems) as reader:
            fetched = list(reader.read(days))
            raw_days = [as_raw(contract, day) for day in fetched]
        data = pa.concat_tables([day.table for day in raw_days])
        # By the origin (file, query or offsets) the lake recognises a commit whose acknowledgement was lost.
        origin = {"run_id": context.run.run_id, "first": fetched[0].origin, "last": fetched[-1].origin}
        commit = lake.replace(table_name(product.name, name), data, days=days, metadata=origin)
        unexpected = sorted({column for day in raw_days for column in day.unexpected})
        return watch.table(
            rows=commit.rows,
            version=commit.version,
            days=len(days),
            bytes=commit.bytes,
            unexpected_columns=unexpected,
            schema=data.schema,
            lineage=same_columns(asset_key(product, source_name(source.name)), contract.names),
        )

    return raw


def reader_of(source: Source, systems: SourceSystems) -> Reader:
    """The reader of a source in this environment."""
    match source:
        case DatabaseTable():
            return systems.database(source.name, table=source.table, day_column=source.day_column)
        case DailyFiles():
            return systems.files(source.name, pattern=source.pattern)
        case HttpEndpoint():
            return systems.http(source.name, path=source.path)
        case StreamTopic():
            return systems.stream(source.name, topic=source.topic, arrival_field=source.arrival_field)
        case _:
            assert_never(source)
