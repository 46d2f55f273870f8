"""Tables of a lake of others from which a product's data are read, as frozen values.

Belongs here: one description for each format of a table. Does not belong here: reading a table
(`resources.sources.lake_tables`), other sources (`sources.py`).
"""

from dataclasses import dataclass, field
from datetime import timedelta

from assets.product.policies.model import ProductError
from resources.naming import checked_zone
from resources.sources.calendars import EVERY_DAY, DeliveryCalendar


@dataclass(frozen=True)
class LakeTable:
    """Rows of a Delta table of others, in a folder or under an `s3://` prefix; its log says which files hold a day.

    With `changes=True` it is the table's change feed: the rows that the commits of a UTC day (or hour) inserted or
    updated, each a revision (`corrections: true` in the contract). A folder of Parquet files without a log is a source
    of `Files` (`day={day}/*.parquet`).

    Attributes:
        name: The name of the source, and of its contract.
        table: Path of the table below the connection's address; empty where that is the table's own.
        day_column: Column with the time at which a row became known, or of its event with `known_after`. With
            `changes=True` the column to which the time of the commit is written.
        connection: The name of the connection, whose address is a folder or a prefix.
        known_after: How long after that time a row becomes known, where no column says so; see `Files`.
        version: The version that is read; by default the newest.
        changes: Whether the change feed is read.
        ignore_deletions: Whether rows that the change feed calls deleted mean nothing; otherwise they are refused.
        zone: The zone of times without an offset, as an IANA name (`Europe/Berlin`).
        calendar: The days on which nothing is delivered; such a day is not judged by how much arrived.
    """

    name: str
    table: str = ""
    day_column: str = "known_at"
    connection: str = field(kw_only=True)
    known_after: timedelta | None = field(default=None, kw_only=True)
    version: int | None = field(default=None, kw_only=True)
    changes: bool = field(default=False, kw_only=True)
    ignore_deletions: bool = field(default=False, kw_only=True)
    zone: str = field(default="UTC", kw_only=True)
    calendar: DeliveryCalendar = field(default=EVERY_DAY, kw_only=True)

    def __post_init__(self) -> None:
        where = f"source {self.name}"
        checked_zone(self.zone, where)
        if self.table.startswith("/") or ".." in self.table.split("/"):
            raise ProductError(f"{where}: table '{self.table}': write a path below the connection's address")
        if self.ignore_deletions and not self.changes:
            raise ProductError(f"{where}: ignore_deletions= is for changes=True alone; leave it out")
        if self.known_after is not None and (self.changes or self.known_after < timedelta(0)):
            raise ProductError(
                f"{where}: known_after is {self.known_after}; write no negative one, and none with changes=True, whose "
                f"rows become known with their commit"
            )


@dataclass(frozen=True)
class IcebergTable:
    """Rows of an Iceberg table of others; its manifests say which files hold a day, and the snapshot is recorded.

    The connection's address is a REST catalog (`iceberg+https://host/path?warehouse=NAME`; its bearer token, or
    `CLIENT:SECRET`, is in LOOPLINE_CONNECTION_<NAME>_TOKEN), a catalog in a database
    (`iceberg+postgresql://user:password@host/db?catalog=NAME`), or the place of a table without a catalog
    (`iceberg+s3://bucket/orders/metadata/v3.metadata.json`). Rows that are deleted by equality are refused.

    Attributes:
        name: The name of the source, and of its contract.
        table: The table, `namespace.table`; without a catalog its path below the connection's address, if that is not
            the table's own.
        day_column: Column with the time at which a row became known, or of its event with `known_after`.
        connection: The name of the connection.
        known_after: How long after that time a row becomes known, where no column says so; see `Files`.
        snapshot: The snapshot that is read; by default the newest.
        zone: The zone of times without an offset, as an IANA name (`Europe/Berlin`).
        calendar: The days on which nothing is delivered; such a day is not judged by how much arrived.
    """

    name: str
    table: str = ""
    day_column: str = "known_at"
    connection: str = field(kw_only=True)
    known_after: timedelta | None = field(default=None, kw_only=True)
    snapshot: int | None = field(default=None, kw_only=True)
    zone: str = field(default="UTC", kw_only=True)
    calendar: DeliveryCalendar = field(default=EVERY_DAY, kw_only=True)

    def __post_init__(self) -> None:
        where = f"source {self.name}"
        checked_zone(self.zone, where)
        if ".." in self.table.split("/"):
            raise ProductError(f"{where}: table '{self.table}': write namespace.table, or a path below the address")
        if self.known_after is not None and self.known_after < timedelta(0):
            raise ProductError(f"{where}: known_after is {self.known_after}; nothing is known before it was")
