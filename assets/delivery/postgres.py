"""Rows in a table of PostgreSQL, of which some slots of a product are replaced in one transaction.

Belongs here: the table's definition from Arrow columns, and the transaction. Does not belong here: which rows
(`assets.py`), the address (`resources.environments`).

Readers see the old rows or the new ones. Writers of one table follow one another. Numbers are written with as many
digits as bring back the same float64.
"""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.csv as pcsv
import sqlalchemy as sa

from resources.errors import LooplineError, listed
from resources.lake.partitioning import partition_columns, partition_values
from resources.postgres import engine_of, is_postgres, place_of
from resources.slots import Slot

PRODUCT = "product"
"""The column with the product's name, so that products may share a table."""
_TYPES: tuple[tuple[pa.DataType, str], ...] = (
    (pa.bool_(), "boolean"), (pa.float32(), "real"), (pa.float64(), "double precision"), (pa.date32(), "date"),
    (pa.string(), "text"), (pa.large_string(), "text"),
)  # fmt: skip


class DeliveryError(LooplineError):
    """The table cannot take the rows; the message names the table and the column or the address."""


@dataclass(frozen=True)
class DeliveryTable:
    """One table of a database.

    Attributes:
        address: `postgresql://…`.
        name: `table` or `schema.table`.
    """

    address: str
    name: str

    def replace(self, product: str, slots: Sequence[Slot], schema: pa.Schema, blocks: Iterable[pa.Table]) -> int:
        """Makes the rows of the blocks the whole content of consecutive slots of a product; returns their number.

        The table is made if it does not exist; one that exists needs the rights to read, insert and delete alone.
        Everything happens in one transaction: after an error, in the blocks too, the table is as it was.

        Args:
            schema: The columns of the rows, the partition columns among them.

        Raises:
            DeliveryError: The address is none of PostgreSQL, a column has no form there, or the table has others.
            sqlalchemy.exc.DBAPIError: The database refused a statement, or was lost.
        """
        if not is_postgres(self.address):
            raise DeliveryError(f"{self.name} is to be delivered to {self.address!r}; give an address postgresql://…")
        wanted = {PRODUCT: "text"} | {field.name: self._type_of(field) for field in schema}
        with engine_of(self.address).begin() as connection:
            # Two that make the same table at once would meet in its definition.
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": self.name})
            self._prepare(connection, wanted)
            self._delete(connection, product, slots)
            return sum(self._copy(connection, product, block) for block in blocks)

    @property
    def where(self) -> str:
        """The table and its database, without secrets."""
        return f"{self.name} at {place_of(self.address)}"

    def _prepare(self, connection: sa.Connection, wanted: dict[str, str]) -> None:
        # `IF NOT EXISTS` asks for the right to make the table, whether it exists or not.
        if connection.execute(sa.text("SELECT to_regclass(:name)"), {"name": self._table}).scalar() is None:
            self._make(connection, wanted)
        found = connection.execute(
            sa.text(
                "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute "
                "WHERE attrelid = to_regclass(:name) AND attnum > 0 AND NOT attisdropped"
            ),
            {"name": self._table},
        )
        has = {str(name): str(kind) for name, kind in found}
        wrong = [f"{name} {kind}" for name, kind in wanted.items() if has.get(name) != kind]
        if wrong:
            raise DeliveryError(
                f"the table {self.where} has the columns {listed([f'{name} {kind}' for name, kind in has.items()])}; "
                f"it needs {listed(wrong)}: add them there, or name another table in Delivery(table=)"
            )

    def _make(self, connection: sa.Connection, wanted: dict[str, str]) -> None:
        schema = self.name.rpartition(".")[0]
        found = sa.text("SELECT to_regnamespace(:name)")
        if schema and connection.execute(found, {"name": _quoted(schema)}).scalar() is None:
            raise DeliveryError(f"{self.where} needs the schema {schema}, which does not exist; create it there")
        defined = ", ".join(f"{_quoted(name)} {kind}" for name, kind in wanted.items())
        connection.execute(sa.text(f"CREATE TABLE {self._table} ({defined})"))
        index = self.name.replace(".", "_")[:50] + "_day"
        connection.execute(
            sa.text(f"CREATE INDEX IF NOT EXISTS {_quoted(index)} ON {self._table} ({_quoted(PRODUCT)}, day)")
        )

    def _delete(self, connection: sa.Connection, product: str, slots: Sequence[Slot]) -> None:
        column = partition_columns(slots[0])[-1]
        first, last = (partition_values(slot)[column] for slot in (slots[0], slots[-1]))
        kind = "date" if type(slots[0]) is date else "timestamptz"
        zone = "" if kind == "date" else "+00"
        connection.execute(
            sa.text(
                f"DELETE FROM {self._table} WHERE {_quoted(PRODUCT)} = :product "
                f"AND {_quoted(column)} BETWEEN CAST(:first AS {kind}) AND CAST(:last AS {kind})"
            ),
            {"product": product, "first": first + zone, "last": last + zone},
        )

    def _copy(self, connection: sa.Connection, product: str, rows: pa.Table) -> int:
        named = rows.append_column(PRODUCT, pa.repeat(pa.scalar(product, pa.string()), rows.num_rows))
        text = io.BytesIO()
        # A quoted text is a value, also the empty one; nothing at all is null.
        pcsv.write_csv(named, text, pcsv.WriteOptions(include_header=False, quoting_style="all_valid"))
        text.seek(0)
        columns = ", ".join(map(_quoted, named.column_names))
        driver: Any = connection.connection
        with driver.cursor() as cursor:
            cursor.copy_expert(f"COPY {self._table} ({columns}) FROM STDIN (FORMAT csv)", text)
        return rows.num_rows

    def _type_of(self, field: pa.Field) -> str:
        if pa.types.is_integer(field.type):
            return "bigint"
        if pa.types.is_timestamp(field.type):
            return "timestamp without time zone" if field.type.tz is None else "timestamp with time zone"
        for kind, name in _TYPES:
            if field.type == kind:
                return name
        raise DeliveryError(f"column {field.name} of {self.name} is {field.type}, which has no form in PostgreSQL here")

    @property
    def _table(self) -> str:
        return ".".join(map(_quoted, self.name.split(".")))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
