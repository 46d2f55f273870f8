"""The rollout store's files under an S3 prefix.

Belongs here: the boto3 calls. Does not belong here: the content of the files (`manifest.py`).
"""

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from resources.rollout_store.manifest import LAST, RolloutError, RolloutUnavailable

_ABSENT = frozenset({"NoSuchKey", "404"})
_MOVED = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})


@dataclass(frozen=True)
class S3Backend:
    """Objects of a bucket. S3 replaces an object whole, and a reader sees a write once it is acknowledged."""

    client: Any
    bucket: str
    prefix: str
    # Of each folder the content of the objects as they were read last, by tag: another content has another tag.
    _read: dict[str, dict[str, tuple[str | None, bytes]]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def open(cls, uri: str) -> Self:
        """The objects under `s3://bucket/prefix`. boto3 reads AWS_ENDPOINT_URL and credentials from the environment.

        Raises:
            RolloutError: The address names no bucket.
        """
        parts = urlsplit(uri)
        if not parts.netloc:
            raise RolloutError(f"rollout store {uri!r} names no bucket; write s3://bucket/prefix")
        config = Config(connect_timeout=3, read_timeout=10, retries={"max_attempts": 3, "mode": "standard"})
        prefix = parts.path.strip("/")
        return cls(
            client=boto3.client("s3", config=config),
            bucket=parts.netloc,
            prefix=f"{prefix}/" if prefix else "",
        )

    def read(self, path: str) -> bytes | None:
        """The object's bytes; `None` when there is none."""
        return self._tagged(path)[0]

    def replace(self, path: str, data: bytes) -> None:
        """Writes the object."""
        try:
            self.client.put_object(Bucket=self.bucket, Key=self.prefix + path, Body=data)
        except (ClientError, BotoCoreError) as error:
            raise self._unavailable(path, error) from error

    def swap(self, path: str, data: bytes, *, expected: bytes | None) -> bool:
        """Compares the object, and writes it on the condition that it is still the one that was compared."""
        found, tag = self._tagged(path)
        if found != expected:
            return found == data
        condition = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        try:
            self.client.put_object(Bucket=self.bucket, Key=self.prefix + path, Body=data, **condition)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _MOVED:
                raise self._unavailable(path, error) from error
            # An attempt whose answer was lost may have written the object before boto3 tried again.
            return self.read(path) == data
        except BotoCoreError as error:
            raise self._unavailable(path, error) from error
        return True

    def names(self, path: str) -> frozenset[str]:
        """The last parts of the keys."""
        return frozenset(key.rsplit("/", 1)[1] for key in self._keys(f"{path}/"))

    def contents(self, path: str) -> dict[str, bytes]:
        """The objects of the folder: one listing, and a request for each that is new or has changed since."""
        before = self._read.get(path, {})
        found: dict[str, tuple[str | None, bytes]] = {}
        for entry in self._entries(f"{path}/"):
            name = entry["Key"].rsplit("/", 1)[1]
            known = before.get(name)
            if known is None or known[0] != entry["ETag"]:
                data, tag = self._tagged(f"{path}/{name}")
                known = None if data is None else (tag, data)
            if known is not None:
                found[name] = known
        beside = path.rpartition("/")[0]
        for other in [other for other in self._read if other.rpartition("/")[0] == beside]:
            self._read.pop(other, None)  # of an earlier rollout
        self._read[path] = found
        return {name: data for name, (_, data) in found.items()}

    def upload(self, source: Path, path: str) -> None:
        """Writes one object for each file, the manifest last: readers ignore a bundle without a manifest."""
        files = sorted(source.iterdir(), key=lambda entry: (entry.name == LAST, entry.name))
        for file in files:
            self.replace(f"{path}/{file.name}", file.read_bytes())
        for name in self.names(path) - {file.name for file in files}:
            self._remove(f"{path}/{name}")

    def download(self, path: str, landing: Path) -> Path:
        """Fetches every object of the folder, then replaces an earlier download by the new folder."""
        landing.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=landing.parent, prefix=f".{landing.name}."))
        try:
            for key in self._keys(f"{path}/"):
                name = key.rsplit("/", 1)[1]
                data = self.read(f"{path}/{name}")
                if data is None:
                    raise RolloutUnavailable(f"object {key} of bucket {self.bucket} went away while it was fetched")
                (fresh / name).write_bytes(data)
            shutil.rmtree(landing, ignore_errors=True)
            fresh.rename(landing)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        return landing

    def folders(self) -> tuple[str, ...]:
        """The first parts of the keys under the prefix, sorted."""
        names: set[str] = set()
        for page in self._pages(self.prefix):
            for entry in page.get("CommonPrefixes", ()):
                names.add(entry["Prefix"][len(self.prefix) :].rstrip("/"))
        return tuple(sorted(names))

    def _tagged(self, path: str) -> tuple[bytes | None, str | None]:
        """The object's bytes and its entity tag; both `None` when there is no object."""
        try:
            answer = self.client.get_object(Bucket=self.bucket, Key=self.prefix + path)
            return answer["Body"].read(), answer["ETag"]
        except ClientError as error:
            if error.response["Error"]["Code"] in _ABSENT:
                return None, None
            raise self._unavailable(path, error) from error
        except BotoCoreError as error:
            raise self._unavailable(path, error) from error

    def _remove(self, path: str) -> None:
        try:
            self.client.delete_object(Bucket=self.bucket, Key=self.prefix + path)
        except (ClientError, BotoCoreError) as error:
            raise self._unavailable(path, error) from error

    def _keys(self, path: str) -> list[str]:
        return [entry["Key"] for entry in self._entries(path)]

    def _entries(self, path: str) -> list[dict[str, Any]]:
        return [entry for page in self._pages(self.prefix + path) for entry in page.get("Contents", ())]

    def _pages(self, prefix: str) -> list[dict[str, Any]]:
        try:
            paginator = self.client.get_paginator("list_objects_v2")
            return list(paginator.paginate(Bucket=self.bucket, Prefix=prefix, Delimiter="/"))
        except (ClientError, BotoCoreError) as error:
            raise self._unavailable(prefix, error) from error

    def _unavailable(self, path: str, error: Exception) -> RolloutUnavailable:
        return RolloutUnavailable(f"rollout store s3://{self.bucket}/{self.prefix}: '{path}' failed: {error}")
