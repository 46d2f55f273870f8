"""Dagster's PostgreSQL event log, with one transaction for the plan of a run.

Belongs here: the event log storage of staging and prod. Dagster writes the materialisations of many partitions in one
statement, but each planned one by itself over three new connections: a first load of two years plans ten thousand, and
would start minutes later. Does not belong here: the local event log (`event_log.py`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from dagster import DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._serdes import ConfigurableClassData
from dagster_postgres.event_log import PostgresEventLogStorage
from dagster_postgres.utils import get_token_provider_from_config, pg_url_from_config

from resources.dagster.event_log import last_of_each_kind


class BatchedPostgresEventLogStorage(PostgresEventLogStorage):
    """Dagster's PostgreSQL storage with the same tables and query results; a plan is stored whole or not at all."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "BatchedPostgresEventLogStorage":
        """The storage that `dagster.yaml` describes, with the fields of Dagster's class."""
        return cls(
            inst_data=inst_data,
            postgres_url=pg_url_from_config(config_value),
            should_autocreate_tables=config_value.get("should_autocreate_tables", True),
            token_provider=get_token_provider_from_config(config_value),
        )

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Stores events of the types that Dagster writes in batches."""
        planned = DagsterEventType.ASSET_MATERIALIZATION_PLANNED
        if not events or any(event.dagster_event_type is not planned for event in events):
            super().store_event_batch(events)
            return
        insert = self.prepare_insert_event_batch(events).returning(SqlEventLogStorageTable.c.id)
        with self.index_transaction() as connection:
            numbers = [int(number) for number in connection.execute(insert).scalars()]
            self._store_asset_event_tags(connection, events, numbers)
            for event, number in last_of_each_kind(list(zip(events, numbers, strict=True))):
                self._store_asset_event(connection, event, number)
