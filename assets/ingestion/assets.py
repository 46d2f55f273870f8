"""Assets of ingestion: `raw_<source>`, in daily partitions, exactly as the data arrived.

Belongs here: reading a source through its reader, writing the raw table, metadata. Does not belong here: fitting rows
to columns (`landing.py`), fetching them (`resources.sources`).
"""

from typing import assert_never

import dagster as dg
import pyarrow as pa

from assets.ingestion.landing import SchemaChanged, as_raw
from assets.materialising import TRY_AGAIN, Stopwatch, asset_key, daily_asset_of, days_of, permanent
from assets.product import DatabaseTable, Files, HttpEndpoint, Product, Source, StreamTopic
from assets.product.names import raw_name, source_name, table_name
from resources.environments import UnknownConnection
from resources.lake import Lake
from resources.sources.files.reader import FilesReader
from resources.sources.readers import Reader, SourceBroken
from resources.sources.systems import SourceSystems

KINDS = {DatabaseTable: "sql", Files: "files", HttpEndpoint: "http", StreamTopic: "kafka"}


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
        with (
            permanent(SourceBroken, SchemaChanged, UnknownConnection),
            reader_of(product, source, source_systems) as reader,
        ):
            fetched = list(reader.read(days))
            raw_days = [as_raw(contract, day) for day in fetched]
        data = pa.concat_tables([day.table for day in raw_days])
        # By the origin (file, query or offsets) the lake recognises a commit whose acknowledgement was lost.
        origin = {"run_id": context.run.run_id, "first": fetched[0].origin, "last": fetched[-1].origin}
        commit = lake.replace(table_name(product.name, name), data, days=days, metadata=origin)
        unexpected = sorted({column for day in raw_days for column in day.unexpected})
        return watch.result(
            rows=commit.rows, version=commit.version, days=len(days), bytes=commit.bytes, unexpected_columns=unexpected
        )

    return raw


def reader_of(product: Product, source: Source, systems: SourceSystems) -> Reader:
    """The reader of a source in this environment."""
    match source:
        case DatabaseTable():
            return systems.database(
                source.name, table=source.table, day_column=source.day_column, connection=source.connection
            )
        case Files():
            return files_of(product, source, systems)
        case HttpEndpoint():
            return systems.http(source.name, path=source.path, connection=source.connection)
        case StreamTopic():
            return systems.stream(
                source.name, topic=source.topic, arrival_field=source.arrival_field, connection=source.connection
            )
        case _:
            assert_never(source)


def files_of(product: Product, source: Files, systems: SourceSystems) -> FilesReader:
    """The reader of a source of files."""
    contract = product.contract(source.name)
    times = tuple(column.name for column in contract.columns if column.type == "timestamp")
    form = source.form(product.start, columns=contract.names, times=times)
    return systems.files(form, connection=source.connection)
