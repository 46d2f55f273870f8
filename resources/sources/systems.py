"""The source systems of an environment: a reader for each kind, at the environment's address.

Belongs here: the address of each kind of source. Does not belong here: reading (`readers.py`, `stream_file.py`,
`kafka.py`), which sources a product has.
"""

from pathlib import Path

from resources.environments import Environment
from resources.sources.readers import DatabaseReader, FilesReader, HttpReader, Reader
from resources.sources.stream_file import StreamFileReader
from resources.sources.tails import FileTail, Tail


class SourceSystems:
    """Makes readers; opens no connection itself."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def database(self, name: str, *, table: str, day_column: str) -> Reader:
        """Rows of a table of the operational database."""
        return DatabaseReader(name, self._environment.database_url, table, day_column)

    def files(self, name: str, *, pattern: str) -> FilesReader:
        """Daily files of the landing zone."""
        landing = self._environment.landing
        if not landing.startswith("s3://"):
            return FilesReader(name, landing, pattern)
        from dagster_aws.s3 import S3Resource  # takes a third of a second to import, and only S3 needs it

        return FilesReader(name, landing, pattern, S3Resource().get_client())

    def http(self, name: str, *, path: str) -> Reader:
        """Days of the credit bureau's API."""
        return HttpReader(name, self._environment.bureau_url, path)

    def stream(self, name: str, *, topic: str, arrival_field: str) -> Reader:
        """Days of a stream: a tailed file, or a Kafka topic."""
        address = self._environment.stream
        if address.startswith("file://"):
            return StreamFileReader(name, Path(address.removeprefix("file://")), topic, arrival_field)
        from resources.sources.kafka import KafkaReader

        return KafkaReader(name, address.removeprefix("kafka://"), topic)

    def tail(self, name: str, *, topic: str, arrival_field: str) -> Tail:
        """The messages of a stream as they arrive: a tailed file, or a Kafka topic."""
        address = self._environment.stream
        if address.startswith("file://"):
            return FileTail(name, Path(address.removeprefix("file://")), topic, arrival_field)
        from resources.sources.kafka_tail import KafkaTail

        return KafkaTail(name, address.removeprefix("kafka://"), topic)
