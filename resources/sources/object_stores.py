"""Where files are: a folder of this machine, or an `s3://` prefix.

Belongs here: from such an address to what PyArrow and delta-rs need to reach it. Credentials and region are found by
these libraries themselves, in the environment or from the machine's role. Does not belong here: what the files are.

An S3 other than Amazon's is named by AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, as everywhere; PyArrow and delta-rs do
not agree on which of the two they read, so both are told.
"""

import os
from pathlib import Path

import pyarrow.fs as pafs

_SCHEME = "s3://"


def is_s3(address: str) -> bool:
    """Whether the address is an `s3://` prefix."""
    return address.startswith(_SCHEME)


def open_place(address: str) -> tuple[pafs.FileSystem, str]:
    """The file system of a folder or an `s3://` prefix, and the path in it."""
    if is_s3(address):
        return pafs.S3FileSystem(endpoint_override=_endpoint()), address.removeprefix(_SCHEME)
    return pafs.LocalFileSystem(), str(Path(address))


def delta_options(address: str) -> dict[str, str]:
    """What delta-rs must be told beside the address; nothing for a folder."""
    endpoint = _endpoint()
    if not is_s3(address) or endpoint is None:
        return {}
    return {"aws_endpoint": endpoint, "aws_allow_http": str(endpoint.startswith("http://")).lower()}


def _endpoint() -> str | None:
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None
