"""Objects on S3, with one request for what PyArrow and delta-rs need several for.

Belongs here: a listing that begins behind a path, and an object read whole. Does not belong here: what the objects are.

Paths are those of PyArrow, `bucket/key`. An error has the form of PyArrow's, an `OSError` with "AWS Error" in it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from os.path import commonpath
from typing import Any

import pyarrow.fs as pafs

from resources.sources.object_stores import endpoint

_PAGE = 1000
"""Objects that one request lists."""
_A_PAGE_FOR = 4
"""Files for which another page of a listing is better than a request for each."""


@dataclass(frozen=True)
class ObjectInfo:
    """An object.

    Attributes:
        tag: Another one for another content.
        changed: When it was written, as text.
    """

    bytes: int
    tag: str
    changed: str


class Objects:
    """The objects of the S3 that the process's variables lead to; nothing is opened before the first request."""

    def listed(
        self, prefix: str, *, behind: str = "", last: str | None = None, most: int | None = None
    ) -> Mapping[str, ObjectInfo]:
        """The objects whose paths begin with a prefix, in order; a thousand by a request.

        Args:
            behind: Only paths that are greater.
            last: Only paths up to this one.
            most: Only so many.

        Raises:
            OSError: S3 does not answer, or refuses.
        """
        bucket, _, key = prefix.partition("/")
        start = behind.removeprefix(f"{bucket}/")
        found: dict[str, ObjectInfo] = {}
        with _told(prefix):
            pages = _client(endpoint()).get_paginator("list_objects_v2")
            bounds = {"StartAfter": start} if start else {}
            limits = {} if most is None else {"PaginationConfig": {"MaxItems": most, "PageSize": min(most, _PAGE)}}
            for page in pages.paginate(Bucket=bucket, Prefix=key, **bounds, **limits):
                for one in page.get("Contents", ()):
                    path = f"{bucket}/{one['Key']}"
                    if last is not None and path > last:
                        return found
                    found[path] = ObjectInfo(one["Size"], one["ETag"], str(one["LastModified"]))
        return found

    def read(self, path: str, *, at_most: int | None = None) -> bytes | None:
        """An object's content, or the end of it; `None` if there is no object.

        Args:
            at_most: Of a larger object only so many bytes are read, the last ones.

        Raises:
            OSError: S3 does not answer, or refuses.
        """
        from botocore.exceptions import ClientError

        bucket, _, key = path.partition("/")
        part = {} if at_most is None else {"Range": f"bytes=-{at_most}"}
        with _told(path):
            try:
                return bytes(_client(endpoint()).get_object(Bucket=bucket, Key=key, **part)["Body"].read())
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code == "NoSuchKey":
                    return None
                if code == "InvalidRange":  # it is empty
                    return b""
                raise


def sizes_of(files: pafs.FileSystem, paths: Sequence[str]) -> dict[str, int]:
    """The bytes of those of the files that are there; on S3 the files of consecutive days are one listing.

    Raises:
        OSError: The place does not answer.
    """
    found: dict[str, int] = {}
    if isinstance(files, pafs.S3FileSystem) and len(paths) > 1:
        # Between files far apart may be many others: after some pages the rest is asked for one by one.
        most = _PAGE * max(1, len(paths) // _A_PAGE_FOR)
        first, last = min(paths), max(paths)
        between = Objects().listed(f"{commonpath([first, last])}/", behind=first[:-1], last=last, most=most)
        found = {path: between[path].bytes for path in paths if path in between}
    rest = [path for path in paths if path not in found]
    infos = files.get_file_info(rest) if rest else []
    return found | {path: info.size for path, info in zip(rest, infos, strict=True) if info.type is pafs.FileType.File}


@contextmanager
def _told(path: str) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise OSError(f"AWS Error at s3://{path}: {error}") from error


@cache
def _client(address: str | None) -> Any:
    """A client of an S3; opening one takes a tenth of a second, and all threads may share it.

    A server that takes a request and never answers is given up after about a minute, as by delta-rs; one that is away
    for some seconds is waited for.
    """
    import boto3  # takes a third of a second to import, and only S3 needs it
    from botocore.config import Config

    config = Config(
        connect_timeout=5, read_timeout=8, retries={"max_attempts": 5, "mode": "standard"}, max_pool_connections=32
    )
    return boto3.client("s3", endpoint_url=address, config=config)
