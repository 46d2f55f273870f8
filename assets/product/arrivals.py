"""Sources whose rows come by themselves, one by one, as frozen values.

Belongs here: streams, and rows that are posted to the decision service. Does not belong here: sources whose days are
asked for (`sources.py`), taking a posted row (`assets.serving.postings`), reading a source (`resources.sources`).
"""

from dataclasses import dataclass, field

from assets.product.policies.model import ProductError
from resources.sources.calendars import EVERY_DAY, DeliveryCalendar


@dataclass(frozen=True)
class StreamTopic:
    """JSON or Avro messages of a stream, in the order of their arrival; a UTC day (or hour)
    has those that arrived in it.

    Attributes:
        name: The name of the source, and of its contract.
        topic: The Kafka topic, or the file `<topic>.jsonl` of a tailed folder.
        arrival_field: The field with the time of arrival, in a tailed file; Kafka has a time of its own.
        connection: The name of the stream's connection; `stream` is the environment's own. The address of a broker is
            `kafka://USER@HOST:PORT?tls=true&mechanism=SCRAM-SHA-512` (also `ca=`, `certificate=`, `key=`, each a
            file); LOOPLINE_CONNECTION_<NAME>_TOKEN has the user's secret.
        avro: The file of the Avro schema with which the messages of a topic are written, within the product's folder;
            by default they are JSON. A message that is not of it is quarantined.
        has_schema_id: Whether an Avro message begins with the five bytes of a schema registry.
        calendar: The days on which nothing is delivered; such a day is not judged by how much arrived.
    """

    name: str
    topic: str
    arrival_field: str = "known_at"
    connection: str = "stream"
    avro: str = field(default="", kw_only=True)
    has_schema_id: bool = field(default=False, kw_only=True)
    calendar: DeliveryCalendar = field(default=EVERY_DAY, kw_only=True)

    def __post_init__(self) -> None:
        if self.has_schema_id and not self.avro:
            raise ProductError(f"source {self.name}: has_schema_id= is for Avro messages; name their schema with avro=")


@dataclass(frozen=True)
class PostedOutcomes:
    """How rows turned out, as the business posts it to the service: POST /outcomes. A day (or hour) has what
    came in it.

    A row has the id of the outcome, the row that it is about, a value and the two times; the service says when it
    became known. The same id with the same content counts once; with another content it is a correction, which the
    contract allows with `corrections: true`. It is a source like any other: `Label(source=NAME, …)` can read it.

    The bundle of the champion has the contract: a source that is declared later is taken from the next model on.

    Attributes:
        name: The name of the source, and of its contract, whose key is the id of the outcome.
        row_id: The column with the id of the row. Who posts may name the decision in its place.
        value: The column with the value.
        calendar: The days on which nothing is posted; such a day is not judged by how much arrived.
    """

    name: str
    row_id: str = field(kw_only=True)
    value: str = field(kw_only=True)
    calendar: DeliveryCalendar = field(default=EVERY_DAY, kw_only=True)


@dataclass(frozen=True)
class PostedReviews:
    """A person's word on decisions that neither accepted nor refused, as it is posted to the service: POST /reviews.

    A row has the decision, the outcome that the person gave, who it was and why; both times are those of the post. A
    second review of a decision is a correction, which the contract allows with `corrections: true`.

    Attributes:
        name: The name of the source, and of its contract: key `decision_id`; texts `outcome`, `by`, `reason`.
        calendar: The days on which nothing is posted; such a day is not judged by how much arrived.
    """

    name: str
    calendar: DeliveryCalendar = field(default=EVERY_DAY, kw_only=True)


Posted = PostedOutcomes | PostedReviews
"""A source of rows that are posted to the decision service."""
REVIEWED = ("decision_id", "outcome", "by", "reason")
"""The columns of a posted review, besides the times."""
