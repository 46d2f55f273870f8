"""Following a stream: the messages after an offset, as they arrive.

Belongs here: the protocol of a tail, and the tail of a file of JSON lines. Does not belong here: Kafka
(`kafka_tail.py`), days of a stream for the lake (`stream_file.py`, `kafka.py`), the meaning of a message.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from resources.sources.readers import SourceBroken, SourceUnavailable, json_object, message_text
from resources.sources.streams.arrivals import believed

_BEFORE = "before"
_DIGESTED_BYTES = 1024


@dataclass(frozen=True)
class Message:
    """One message.

    Attributes:
        arrived_at: When the stream received it; `None` if the message does not have a readable
            arrival, or one ahead of the clock.
        place: Its partition and offset, for messages to people.
    """

    text: str
    arrived_at: datetime | None
    place: str = ""


@dataclass(frozen=True)
class Batch:
    """Messages in the order of their arrival in each partition.

    Attributes:
        offsets: For each partition, the offset of the next message; also other numbers that the tail needs to resume.
        at_end: Whether these were all messages that had arrived when the batch was requested.
        behind: How many messages had arrived and are not read yet; `None` where the stream does not count them.
    """

    messages: tuple[Message, ...]
    offsets: Mapping[str, int]
    at_end: bool
    behind: int | None = None


class Tail(Protocol):
    """A stream that is followed. The caller keeps the offsets."""

    def offsets_at(self, moment: datetime) -> Mapping[str, int]:
        """For each partition, an offset before which all messages arrived before the moment.

        Raises:
            SourceUnavailable: The stream does not answer, or does not exist yet.
            SourceBroken: The stream does not exist.
        """
        ...

    def read(self, offsets: Mapping[str, int], most: int) -> Batch:
        """The next messages, at most `most`; none if none arrived within a fraction of a second.

        Raises:
            SourceUnavailable: The stream does not answer, or does not exist yet.
            SourceBroken: The stream does not have these offsets, or no longer has them.
        """
        ...

    def close(self) -> None:
        """Closes the connection."""
        ...


class FileTail:
    """A file of JSON lines that is appended to; its only partition is "0", its offsets are bytes.

    A line without its line break is still being written, and is left for the next read. The offsets include a digest of
    the bytes before the offset, which detects that the file was replaced by another one.
    """

    def __init__(self, name: str, folder: Path, topic: str, arrival_field: str) -> None:
        self._name, self._path, self._arrival = name, folder / f"{topic}.jsonl", arrival_field

    def offsets_at(self, moment: datetime) -> Mapping[str, int]:
        """See `Tail.offsets_at`. Reads from the start: the lines are not sorted by their producers' clocks."""
        with self._opened() as stream:
            offset = 0
            for line in stream:
                arrived = arrival_of(message_text(line), self._arrival)
                if (arrived is not None and arrived >= moment) or not line.endswith(b"\n"):
                    break
                offset += len(line)
            return {"0": offset}

    def read(self, offsets: Mapping[str, int], most: int) -> Batch:
        """See `Tail.read`."""
        offset = offsets.get("0", 0)
        messages: list[Message] = []
        with self._opened() as stream:
            size = _size(stream)
            if offset > size:
                raise SourceBroken(
                    f"source {self._name}: {self._path} has {size} bytes, and was read up to {offset}: it was replaced"
                )
            before = _digest(stream, offset)
            if offsets.get(_BEFORE, before) != before:
                raise SourceBroken(
                    f"source {self._name}: {self._path} was read up to byte {offset}, and the bytes before that have "
                    f"changed: it was replaced"
                )
            stream.seek(offset)
            while len(messages) < most and (line := stream.readline()).endswith(b"\n"):
                text = message_text(line.rstrip(b"\r\n"))
                messages.append(Message(text, believed(arrival_of(text, self._arrival)), f"0:{offset}"))
                offset += len(line)
            after = {"0": offset, _BEFORE: _digest(stream, offset)}
        return Batch(tuple(messages), after, at_end=len(messages) < most)

    def close(self) -> None:
        """See `Tail.close`."""

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        try:
            with self._path.open("rb") as stream:
                yield stream
        except FileNotFoundError as error:
            raise SourceUnavailable(f"source {self._name}: no stream file {self._path}; start its producer") from error
        except OSError as error:
            raise SourceUnavailable(
                f"source {self._name}: stream file {self._path} cannot be read ({error.strerror}); fix the file"
            ) from error


def arrival_of(text: str, field: str) -> datetime | None:
    """The arrival in a field of a message, in UTC; None if the message does not have a readable one."""
    value = (json_object(text) or {}).get(field)
    return moment_of(value) if isinstance(value, str) else None


def moment_of(value: str) -> datetime | None:
    """A time as a moment in UTC; None if it cannot be read."""
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # an overflow: the moment in UTC is before the year 1 or after 9999
        return None


def _digest(stream: BinaryIO, offset: int) -> int:
    """A digest of the bytes before an offset, which never change in a file that is only appended to."""
    length = min(offset, _DIGESTED_BYTES)
    stream.seek(offset - length)
    return int.from_bytes(hashlib.blake2b(stream.read(length), digest_size=6).digest(), "big")


def _size(stream: BinaryIO) -> int:
    return os.fstat(stream.fileno()).st_size
