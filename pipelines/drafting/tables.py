"""A sample of a table: of a database, or of a lake.

Belongs here: the kind of the tables at a connection's address, and their rows. Does not belong here: files, what a
sample is (`sample.py`), reading a table (`resources.sources`).
"""

from pipelines.drafting.sample import MOST_ROWS, Sample, SampleUnreadable, TableKind, TablePlace, source_name
from resources.naming import is_name
from resources.sources.databases.days import DatabaseRows
from resources.sources.lake_tables.iceberg_catalogs import is_iceberg
from resources.sources.lake_tables.rows import LakeRows
from resources.sources.object_stores import is_s3
from resources.sources.readers import SampledReader
from resources.sources.systems import SourceSystems


def read_table(place: str, systems: SourceSystems, *, name: str = "", zone: str = "UTC") -> Sample:
    """Reads a sample from a table of a database or of a lake, as the address of the connection has it.

    Args:
        place: `CONNECTION/TABLE`.
        name: The name of the source; otherwise that of the table.

    Raises:
        SampleUnreadable: The place is not of this form, or the table has no rows.
        UnknownConnection, SourceError: The connection has no address; the table cannot be read.
    """
    connection, _, table = place.partition("/")
    if not table or not is_name(connection):
        raise SampleUnreadable(f"table:{place}: write table:CONNECTION/TABLE, as table:shop/orders")
    name = name or source_name(table.rpartition(".")[2], connection)
    kind = _kind(systems.address(connection))
    rows = _table(kind, name, table, connection, systems).sample(MOST_ROWS)
    if not rows.num_rows:
        raise SampleUnreadable(f"table:{place} has no rows; give a table with some, so that columns can be proposed")
    return Sample(name, TablePlace(connection, table, zone, kind), rows.combine_chunks())


def _kind(address: str) -> TableKind:
    """The kind of the tables at an address: a folder, or a prefix, has Delta tables."""
    if is_iceberg(address):
        return "IcebergTable"
    return "LakeTable" if is_s3(address) or "://" not in address.removeprefix("file://") else "DatabaseTable"


def _table(kind: TableKind, name: str, table: str, connection: str, systems: SourceSystems) -> SampledReader:
    if kind == "DatabaseTable":
        return systems.database(DatabaseRows(name, table, "known_at"), connection=connection)
    if kind == "IcebergTable":
        return systems.iceberg_table(LakeRows(name), table=table, connection=connection)
    return systems.lake_table(LakeRows(name), path=table, connection=connection)
