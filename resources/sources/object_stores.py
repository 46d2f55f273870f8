"""Folders of this machine and `s3://` prefixes.

Belongs here: the file system and the options with which PyArrow and delta-rs reach such an address. Both find
credentials and region themselves, in the environment or from the machine's role. Does not belong here: the content of
files.

AWS_ENDPOINT_URL_S3, or else AWS_ENDPOINT_URL, names an S3 other than Amazon's. PyArrow and delta-rs do not read the
same variable, so the endpoint is passed to both.
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
        # A small file is one request: by itself PyArrow opens and closes an upload in parts for each, which is three.
        return pafs.S3FileSystem(endpoint_override=endpoint(), allow_delayed_open=True), address.removeprefix(_SCHEME)
    return pafs.LocalFileSystem(), str(Path(address))


def delta_options(address: str) -> dict[str, str]:
    """The options that delta-rs needs besides the address; none for a folder.

    A server that takes a request and never answers is given up after about a minute; by itself delta-rs asks for three.
    """
    own = endpoint()
    if not is_s3(address):
        return {}
    patience = {"retry_timeout": "30s", "connect_timeout": "5s"}
    if own is None:
        return patience
    return patience | {"aws_endpoint": own, "aws_allow_http": str(own.startswith("http://")).lower()}


def is_out_of_reach(error: Exception) -> bool:
    """Whether an error of PyArrow says that a file cannot be reached, and not that it is damaged or missing.

    An error of the operating system has an errno, an error of S3 has "AWS Error" in its message.
    """
    if not isinstance(error, OSError) or isinstance(error, FileNotFoundError):
        return False
    return error.errno is not None or "AWS Error" in str(error)


def endpoint() -> str | None:
    """The address of an S3 other than Amazon's; `None` for Amazon's."""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None
