"""A Kafka broker by its address: TLS, a user with a secret, and why it refuses a client.

Belongs here: the settings of a client, from an address and a secret. Does not belong here: reading (`kafka.py`,
`kafka_tail.py`).

    kafka://[USER@]HOST:PORT[,HOST:PORT…][?tls=true&ca=FILE&certificate=FILE&key=FILE&mechanism=SCRAM-SHA-512]

The secret of the user is never a part of the address: it is in a variable of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from confluent_kafka import Consumer, KafkaError, KafkaException

from resources.environments import UnknownConnection
from resources.sources.readers import SourceBroken, SourceError, SourceUnavailable

_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_FILES = {"ca": "ssl.ca.location", "certificate": "ssl.certificate.location", "key": "ssl.key.location"}
_TOLD = (KafkaError._AUTHENTICATION, KafkaError._SSL)


@dataclass(frozen=True)
class Broker:
    """A broker, and how a client shows itself.

    Attributes:
        bootstrap: `host:port`, several separated by commas.
        security: The client's settings for TLS and SASL.
        secret: The variable that gives the user's secret, for messages.
    """

    bootstrap: str
    security: dict[str, str] = field(default_factory=dict, repr=False)
    secret: str = "the secret of its connection"


class BrokerClient:
    """A consumer, which knows why the broker refused it last.

    Args:
        group: The name of the client's group; nothing is committed to it.
        wait_ms: How long the broker waits for new messages at the end.
    """

    def __init__(self, broker: Broker, group: str, *, wait_ms: int) -> None:
        self._broker, self._refusals = broker, dict[int, str]()
        settings: dict[str, Any] = {
            "bootstrap.servers": broker.bootstrap,
            "group.id": group,
            "enable.auto.commit": False,
            # Messages that the broker deletes while they are read must not be skipped in silence.
            "auto.offset.reset": "error",
            # The last offsets of a partition may be marks of a transaction, which are never delivered.
            "enable.partition.eof": True,
            "fetch.wait.max.ms": wait_ms,
            "log_level": 0,
            "error_cb": self._refused,
        }
        self.consumer = Consumer(settings | broker.security)

    def error(self, where: str, error: KafkaException) -> SourceError:
        """The error for a question that the broker did not answer: permanent if it refuses the user."""
        self.consumer.poll(0)  # its refusals are told during a poll alone
        if KafkaError._AUTHENTICATION in self._refusals:
            return SourceBroken(
                f"{where}: the broker refuses its client ({self._refusals[KafkaError._AUTHENTICATION]}); correct the "
                f"user and the mechanism in its address, or {self._broker.secret}"
            )
        why = self._refusals.get(KafkaError._SSL) or error.args[0]
        return SourceUnavailable(f"{where}: the broker does not answer ({why}); run it again later")

    def _refused(self, error: KafkaError) -> None:
        if error.code() in _TOLD:
            self._refusals[error.code()] = error.str()


def broker_at(address: str, *, secret: str | None, variable: str, find: Callable[[str], Path] = Path) -> Broker:
    """The broker at an address.

    Args:
        secret: The user's secret.
        variable: The variable that gives the secret.
        find: The path of a file that the address names.

    Raises:
        UnknownConnection: The address says too little or too much, or names a file that does not exist.
    """
    parts = urlsplit(address)
    user, _, bootstrap = parts.netloc.rpartition("@")
    given = dict(parse_qsl(parts.query))
    shown = f"kafka://{bootstrap}"
    if ":" in user:
        raise UnknownConnection(f"{shown}: its address has a password; leave it out, and set {variable} to it")
    unknown = sorted(set(given) - {*_FILES, "tls", "mechanism"})
    if unknown or given.get("tls", "true") not in ("true", "false"):
        raise UnknownConnection(
            f"{shown}: {', '.join(unknown) or 'tls'} is not understood; write tls=true, ca=, certificate=, key= or "
            f"mechanism="
        )
    if user and not secret:
        raise UnknownConnection(f"{shown}: user {unquote(user)} has no secret; set {variable} to it")
    mechanism = given.get("mechanism", _MECHANISMS[-1])
    if mechanism not in _MECHANISMS:
        raise UnknownConnection(f"{shown}: mechanism is {mechanism}; write one of {', '.join(_MECHANISMS)}")
    security: dict[str, str] = {}
    with_tls = given.get("tls") == "true" or any(name in given for name in _FILES)
    for name, setting in _FILES.items():
        if name in given:
            security[setting] = str(find(given[name]))
            if not Path(security[setting]).is_file():
                raise UnknownConnection(f"{shown}: there is no file {security[setting]}, which {name}= names")
    if user and secret:
        security |= {"sasl.mechanism": mechanism, "sasl.username": unquote(user), "sasl.password": secret}
    protocol = ("SASL_" if user else "") + ("SSL" if with_tls else "PLAINTEXT")
    return Broker(bootstrap, security | {"security.protocol": protocol}, variable)
