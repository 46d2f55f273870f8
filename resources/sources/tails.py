"""Streams, followed: the messages after an offset, as they arrive.

Belongs here: what every tail gives, and the tailed file of JSON lines. Does not belong here: Kafka (`kafka_tail.py`),
days of a stream for the lake (`sources.py`), what a message means.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from resources.sources.readers import SourceBroken, SourceUnavailable, json_object

_BEFORE = "before"
_DIGESTED_BYTES = 1024


@dataclass(frozen=True)
class Message:
    """One message.

    Attributes:
        arrived_at: When the stream got it; `None` when it is so broken that it does not say.
        place: Its partition and its offset there, for people.
    """

    text: str
    arrived_at: datetime | None
    place: str = ""


@dataclass(frozen=True)
class Batch:
    """Messages in the order of their arrival in each partition.

    Attributes:
        offsets: For each partition, the offset of the next message; and what else the tail needs to go on from there.
        at_end: Nothing had arrived beyond them when the batch was asked for.
    """

    messages: tuple[Message, ...]
    offsets: Mapping[str, int]
    at_end: bool


class Tail(Protocol):
    """A stream that is followed. Offsets are the caller's to keep."""

    def offsets_at(self, moment: datetime) -> Mapping[str, int]:
        """For each partition, an offset before which everything arrived before the moment.

        Raises:
            SourceUnavailable: The stream does not answer, or is not there yet.
            SourceBroken: There is no such stream.
        """
        ...

    def read(self, offsets: Mapping[str, int], most: int) -> Batch:
        """The next messages, at most so many; none when none came within a moment.

        Raises:
            SourceUnavailable: The stream does not answer, or is not there yet.
            SourceBroken: The stream does not have these offsets, or not any more.
        """
        ...

    def close(self) -> None:
        """Gives the connection back."""
        ...


class FileTail:
    """A file of JSON lines that is appended to; its one partition is "0", its offsets are bytes.

    A line that is being written, without its end yet, is left for the next time. Beside the offset stands a digest of
    what is before it, by which a file that took the place of the one that was read is told from it.
    """

    def __init__(self, name: str, folder: Path, topic: str, arrival_field: str) -> None:
        self._name, self._path, self._arrival = name, folder / f"{topic}.jsonl", arrival_field

    def offsets_at(self, moment: datetime) -> Mapping[str, int]:
        """See `Tail.offsets_at`: the start of the first line that arrived at the moment or later, by bisection."""
        with self._opened() as stream:
            low, high = 0, _size(stream)
            while low < high:
                middle = (low + high) // 2
                arrived = self._next_arrival(stream, middle)
                if arrived is None or arrived >= moment:
                    high = middle
                else:
                    low = middle + 1
            return {"0": _line_start(stream, low)}

    def _next_arrival(self, stream: BinaryIO, offset: int) -> datetime | None:
        """When the first line from the offset on that says it arrived; None when none does."""
        _line_start(stream, offset)
        for line in stream:
            arrived = arrival_of(line.decode("utf-8", errors="replace"), self._arrival)
            if arrived is not None:
                return arrived
        return None

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
                    f"source {self._name}: {self._path} was read up to {offset}, and has something else before that "
                    f"now: it was replaced"
                )
            stream.seek(offset)
            while len(messages) < most and (line := stream.readline()).endswith(b"\n"):
                text = line.decode("utf-8", errors="replace").rstrip("\r\n")
                messages.append(Message(text, arrival_of(text, self._arrival), f"0:{offset}"))
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
            raise SourceUnavailable(
                f"source {self._name}: no stream file {self._path}; start what writes it"
            ) from error
        except OSError as error:
            raise SourceUnavailable(
                f"source {self._name}: stream file {self._path} cannot be read ({error.strerror}); mend that"
            ) from error


def arrival_of(text: str, field: str) -> datetime | None:
    """When a message says that it arrived; None when it says nothing readable."""
    value = (json_object(text) or {}).get(field)
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # the latter: in UTC it is before the year 1, or after 9999
        return None


def _line_start(stream: BinaryIO, offset: int) -> int:
    """Moves to the first line that starts at the offset or after it."""
    stream.seek(max(offset - 1, 0))
    if offset:
        stream.readline()
    return stream.tell()


def _digest(stream: BinaryIO, offset: int) -> int:
    """Of the bytes before an offset, which are always the same in a file that is only appended to."""
    length = min(offset, _DIGESTED_BYTES)
    stream.seek(offset - length)
    return int.from_bytes(hashlib.blake2b(stream.read(length), digest_size=6).digest(), "big")


def _size(stream: BinaryIO) -> int:
    return os.fstat(stream.fileno()).st_size
