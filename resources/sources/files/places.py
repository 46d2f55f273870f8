"""Where files are: a folder of this machine, or an `s3://` prefix.

Belongs here: listing the files that a name with `*` matches, reading one, and what a refusal means. Does not belong
here: the content of files (`formats.py`).
"""

import fnmatch
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError, PartialCredentialsError

from resources.sources.readers import SourceBroken, SourceError, SourceUnavailable

_NOT_CONFIGURED = (NoCredentialsError, PartialCredentialsError, NoRegionError)
# Temporary refusals, some of which S3 sends with a status of 4xx.
_SLOW = frozenset({"SlowDown", "Throttling", "ThrottlingException", "RequestTimeout", "RequestTimeTooSkewed"})


@dataclass(frozen=True)
class FoundFile:
    """A file that is there.

    Attributes:
        place: Its path or address.
        changed: When it was last changed: seconds since 1970.
    """

    place: str
    bytes: int
    changed: float


@dataclass(frozen=True)
class ReadFile:
    """A file with its content, as it was when the content was read."""

    found: FoundFile
    content: bytes

    @property
    def digest(self) -> str:
        """SHA-256 of the content."""
        return hashlib.sha256(self.content).hexdigest()


class Place(Protocol):
    """A folder or a prefix."""

    def find(self, name: str, where: str) -> tuple[FoundFile, ...]:
        """The files whose path matches a name with `*` (any text without a slash), sorted by path.

        Args:
            where: Source and day, for messages.
        """
        ...

    def read(self, found: FoundFile, where: str) -> ReadFile:
        """The content of a file.

        Raises:
            SourceUnavailable: It is being changed, or the place does not answer.
            SourceBroken: It vanished, or may not be read.
        """
        ...


class Folder:
    """A folder of this machine."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def __str__(self) -> str:
        return str(self._folder)

    def find(self, name: str, where: str) -> tuple[FoundFile, ...]:
        """See `Place.find`."""
        if "*" not in name:
            path = self._folder / name
            return (_found(path),) if path.is_file() else ()
        return tuple(_found(path) for path in sorted(self._folder.glob(name)) if path.is_file())

    def read(self, found: FoundFile, where: str) -> ReadFile:
        """See `Place.read`."""
        path = Path(found.place)
        try:
            before = _found(path)
            content = path.read_bytes()
            after = _found(path)
        except FileNotFoundError as error:
            raise SourceUnavailable(f"{where}: {path} vanished while it was read; run the day again") from error
        except OSError as error:
            raise SourceBroken(
                f"{where}: {path} cannot be read ({error.strerror}); give this user the right to read it, then run the "
                f"day again"
            ) from error
        if before != after or len(content) != after.bytes:
            raise SourceUnavailable(
                f"{where}: {path} changed while it was read: it is still being written; the day waits: run it again "
                f"once the file is whole"
            )
        return ReadFile(after, content)


class Bucket:
    """An `s3://` prefix, by a boto3 client."""

    def __init__(self, address: str, client: Any) -> None:
        self._bucket, _, prefix = address.removeprefix("s3://").partition("/")
        self._prefix, self._client = f"{prefix.strip('/')}/" if prefix.strip("/") else "", client

    def __str__(self) -> str:
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def find(self, name: str, where: str) -> tuple[FoundFile, ...]:
        """See `Place.find`."""
        key = f"{self._prefix}{name}"
        place = f"s3://{self._bucket}/{key}"
        try:
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=key.partition("*")[0]
            )
            items = [item for page in pages for item in page.get("Contents", ())]
        except (ClientError, BotoCoreError) as error:
            if isinstance(error, ClientError) and error.response["Error"]["Code"] == "NoSuchKey":
                return ()
            raise self._error(where, place, error) from error
        found = [
            FoundFile(f"s3://{self._bucket}/{item['Key']}", item["Size"], item["LastModified"].timestamp())
            for item in items
            if _matches(item["Key"], key)
        ]
        return tuple(sorted(found, key=lambda file: file.place))

    def read(self, found: FoundFile, where: str) -> ReadFile:
        """See `Place.read`."""
        key = found.place.removeprefix(f"s3://{self._bucket}/")
        try:
            answer: Mapping[str, Any] = self._client.get_object(Bucket=self._bucket, Key=key)
            content = bytes(answer["Body"].read())
        except (ClientError, BotoCoreError) as error:
            raise self._error(where, found.place, error) from error
        return ReadFile(FoundFile(found.place, len(content), answer["LastModified"].timestamp()), content)

    def _error(self, where: str, place: str, error: Exception) -> SourceError:
        """The error for a refusal by S3, transient or permanent."""
        if isinstance(error, _NOT_CONFIGURED):
            return SourceBroken(f"{where}: {place}: {error}; set them as boto3 documents")
        if not isinstance(error, ClientError):
            return SourceUnavailable(f"{where}: {place}: S3 does not answer ({error}); run the day again later")
        code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
        if code == "NoSuchBucket":
            return SourceBroken(
                f"{where}: {place}: there is no bucket {self._bucket}; correct the connection's address, for the "
                f"landing zone LOOPLINE_LANDING"
            )
        if status == 429 or status >= 500 or code in _SLOW:
            return SourceUnavailable(f"{where}: {place}: S3 answered {code}; run the day again later")
        return SourceBroken(
            f"{where}: {place}: S3 refused it ({code}); ask the owner of bucket {self._bucket} for the right to read"
        )


def place_at(address: str) -> Place:
    """The place of an address."""
    if not address.startswith("s3://"):
        return Folder(address.removeprefix("file://"))
    from dagster_aws.s3 import S3Resource  # takes a third of a second to import, and only S3 needs it

    return Bucket(address, S3Resource().get_client())


def _found(path: Path) -> FoundFile:
    stat = path.stat()
    return FoundFile(str(path), stat.st_size, stat.st_mtime)


def _matches(key: str, pattern: str) -> bool:
    """As in a folder, `*` stands for no slash."""
    parts, wanted = key.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatch.fnmatchcase, parts, wanted))
