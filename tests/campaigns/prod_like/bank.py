"""The source systems of prod, filled with the sandbox's bank up to yesterday.

Belongs here: moving what the sandbox invents into PostgreSQL, S3, the broker and the bureau's folder. Does not belong
here: the bank (`resources.sandbox`), the servers (`tests.support.servers.prod_servers`).
"""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from resources.sandbox.systems.filling import fill_bank
from resources.sandbox.world.settings import BankSettings

CUSTOMERS = 6_000
FIRST = date(2024, 10, 1)


def yesterday() -> date:
    """The last day that is over."""
    return datetime.now(UTC).date() - timedelta(days=1)


def fill(folder: Path, *, database: str, s3: Any, bucket: str, broker: str) -> None:
    """Fills the systems.

    Args:
        folder: Gets the bureau's reports in `bureau`, and holds the other files for a while.
        s3: A client of the S3.
        broker: host:port.
    """
    settings = BankSettings.of_size(customers=CUSTOMERS, first_day=FIRST, last_day=yesterday())
    landing, stream = folder / "landing", folder / "stream"
    fill_bank(settings, database_url=database, landing=landing, stream=stream, bureau_data=folder / "bureau")
    files = sorted(landing.rglob("*.csv"))
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(lambda file: s3.upload_file(str(file), bucket, str(file.relative_to(landing))), files))
    _produce(broker, "repayments", (stream / "repayments.jsonl").read_bytes().splitlines())
    shutil.rmtree(landing)
    shutil.rmtree(stream)


def _produce(broker: str, topic: str, lines: list[bytes]) -> None:
    admin = AdminClient({"bootstrap.servers": broker, "log_level": 0})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(timeout=20)
    # One message a batch: this broker's end of a partition counts batches.
    producer = Producer(
        {"bootstrap.servers": broker, "enable.idempotence": False, "batch.num.messages": 1, "log_level": 0,
         "linger.ms": 0, "queue.buffering.max.messages": 1_000_000}
    )  # fmt: skip
    for line in lines:
        known_at = datetime.fromisoformat(json.loads(line)["known_at"])
        producer.produce(topic, line, partition=0, timestamp=int(known_at.timestamp() * 1000))
        producer.poll(0)
    assert producer.flush(120) == 0
