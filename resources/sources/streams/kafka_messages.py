"""What a message of Kafka says of itself.

Belongs here: its time, and whether it is the end of a partition. Does not belong here: reading messages (`kafka.py`,
`kafka_tail.py`), whether its time is believed (`arrivals.py`).
"""

from datetime import datetime, timedelta

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, KafkaError, Message

from resources.moments import EPOCH


def is_end(message: Message) -> bool:
    """Whether the partition has no further messages now."""
    error = message.error()
    return error is not None and error.code() == KafkaError._PARTITION_EOF


def time_of(message: Message) -> datetime | None:
    """The message's timestamp; `None` without one, or with one that is not a moment."""
    kind, millis = message.timestamp()
    try:
        return None if kind == TIMESTAMP_NOT_AVAILABLE else EPOCH + timedelta(milliseconds=millis)
    except OverflowError:  # a producer may write any number
        return None
