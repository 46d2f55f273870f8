"""The source systems of an environment: a reader for each kind, at the address of a named connection.

Belongs here: from the name of a connection to a reader at its address. Does not belong here: reading (`files`,
`databases`, `lake_tables`, `http`, `streams`), which sources a product has.
"""

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from resources.environments import Environment, token_of, token_variable
from resources.slots import Slot
from resources.sources.databases.days import DatabaseRows
from resources.sources.databases.duckdb_files import DuckDBReader
from resources.sources.databases.reader import DatabaseReader
from resources.sources.files.form import FileForm
from resources.sources.files.places import place_at
from resources.sources.files.reader import FilesReader
from resources.sources.http.api import ApiForm, HttpReader
from resources.sources.lake_tables.changes import LakeChangesReader
from resources.sources.lake_tables.delta import DeltaFormat
from resources.sources.lake_tables.iceberg import IcebergFormat
from resources.sources.lake_tables.reader import LakeTableReader
from resources.sources.lake_tables.rows import LakeRows
from resources.sources.posted import PostedReader
from resources.sources.readers import Reader, SampledReader, message_text
from resources.sources.streams.avro_messages import AvroMessages
from resources.sources.streams.line_spans import LineSpans
from resources.sources.streams.stream_file import StreamFileReader, new_spans
from resources.sources.streams.tails import FileTail, Tail

if TYPE_CHECKING:
    from resources.sources.streams.kafka_broker import Broker


class SourceSystems:
    """Makes readers; opens no connection itself.

    Args:
        declared: The addresses of connections that a product declares; see `Environment.address_of`.
        folder: The folder of relative paths among these.
    """

    def __init__(
        self, environment: Environment, declared: Mapping[str, str] | None = None, folder: Path | None = None
    ) -> None:
        self._environment, self._folder = environment, folder
        self._spans: dict[tuple[Path, str, str, date], Mapping[type[Slot], LineSpans]] = {}
        self._declared = {name: _within(folder, address) for name, address in (declared or {}).items()}

    def address(self, connection: str) -> str:
        """The address of a connection.

        Raises:
            UnknownConnection: It has none; the message names the variable to set.
        """
        return self._environment.address_of(connection, self._declared)

    def database(self, wanted: DatabaseRows, *, connection: str = "database") -> SampledReader:
        """Rows of a table, or of a query, of a database."""
        address = self.address(connection)
        return DuckDBReader(address, wanted) if address.startswith("duckdb:") else DatabaseReader(address, wanted)

    def files(self, form: FileForm, *, connection: str = "landing") -> FilesReader:
        """Files of a folder or a prefix."""
        return FilesReader(form, place_at(self.address(connection)))

    def lake_table(self, wanted: LakeRows, *, path: str, connection: str) -> LakeTableReader:
        """Rows of a Delta table of others, at a path below the connection's address."""
        return LakeTableReader(DeltaFormat(self._below(connection, path)), wanted)

    def lake_changes(
        self, wanted: LakeRows, *, path: str, ignore_deletions: bool, connection: str
    ) -> LakeChangesReader:
        """Changes of a Delta table of others, at a path below the connection's address."""
        return LakeChangesReader(self._below(connection, path), wanted, ignore_deletions=ignore_deletions)

    def iceberg_table(self, wanted: LakeRows, *, table: str, connection: str) -> LakeTableReader:
        """Rows of an Iceberg table of others, in a catalog or below a folder."""
        variable = token_variable(connection)
        place = IcebergFormat(self.address(connection), table, secret=token_of(connection), variable=variable)
        return LakeTableReader(place, wanted)

    def http(self, form: ApiForm, *, connection: str = "bureau") -> Reader:
        """Days, or hours, of an API."""
        secret = token_variable(connection)
        return HttpReader(self.address(connection), form, token=token_of(connection), secret=secret)

    def posted(self, name: str, *, product: str, known_at: str) -> PostedReader:
        """Days, or hours, of the rows that were posted to the decision service.

        Args:
            known_at: The column with the time at which the service took a row.
        """
        return PostedReader(name, self._environment.posted / product / name, known_at)

    def stream(
        self,
        name: str,
        *,
        topic: str,
        arrival_field: str,
        first_day: date,
        connection: str = "stream",
        avro: AvroMessages | None = None,
    ) -> Reader:
        """Days, or hours, of a stream: a tailed file, or a Kafka topic.

        Args:
            avro: How the messages of a topic are decoded; `None` for JSON. A tailed file holds JSON.
        """
        address = self.address(connection)
        if not address.startswith("kafka://"):
            place = Path(address.removeprefix("file://"))
            known = self._spans.setdefault((place, topic, arrival_field, first_day), new_spans())
            return StreamFileReader(name, place, topic, arrival_field, first_day, known)
        from resources.sources.streams.kafka import KafkaReader

        return KafkaReader(name, self._broker(address, connection), topic, first_day, text_of=_text_of(avro))

    def tail(
        self,
        name: str,
        *,
        topic: str,
        arrival_field: str,
        connection: str = "stream",
        avro: AvroMessages | None = None,
    ) -> Tail:
        """The messages of a stream as they arrive: a tailed file, or a Kafka topic; see `stream`."""
        address = self.address(connection)
        if not address.startswith("kafka://"):
            return FileTail(name, Path(address.removeprefix("file://")), topic, arrival_field)
        from resources.sources.streams.kafka_tail import KafkaTail

        return KafkaTail(name, self._broker(address, connection), topic, text_of=_text_of(avro))

    def _below(self, connection: str, path: str) -> str:
        """A path below the address of a folder or a prefix."""
        return "/".join(part for part in (self.address(connection).removeprefix("file://").rstrip("/"), path) if part)

    def _broker(self, address: str, connection: str) -> "Broker":
        from resources.sources.streams.kafka_broker import broker_at

        variable = token_variable(connection)
        return broker_at(address, secret=token_of(connection), variable=variable, find=self._file)

    def _file(self, path: str) -> Path:
        """A file that an address names; a relative path is within the folder."""
        return (self._folder or Path()) / Path(path).expanduser()


def _text_of(avro: AvroMessages | None) -> Callable[[bytes], str]:
    return message_text if avro is None else avro.text


def _within(folder: Path | None, address: str) -> str:
    """The address with a relative path made one of the folder; a server's address and a whole path stay."""
    if folder is None:
        return address
    for scheme in ("sqlite:///", "duckdb:///", "file://", "iceberg+sqlite:///", "iceberg+file://"):
        if address.startswith(scheme):
            return f"{scheme}{folder / address.removeprefix(scheme)}"
    return address if "://" in address else str(folder / Path(address).expanduser())
