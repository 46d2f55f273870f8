"""A bundle as one file, for the way from one environment to another.

Belongs here: packing a bundle's folder with the record of its version, and unpacking it after every check. Does not
belong here: the bundle's own files (`files.py`), registering it elsewhere (`pipelines.operations.models.bundle_files`).

The file is a tar of the bundle's files as they are, of `record.json` and of `record.signature`, the HMAC-SHA256 of the
record under the key of the environment that packed it. The record names the bundle's digest, so neither can be put
beside another one. Nothing is parsed before its signature was verified, and nothing is ever unpickled.
"""

import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from assets.bundle.bundle import Bundle, BundleError
from assets.bundle.files import FILES, MANIFEST, OPTIONAL, SIGNATURE, load_bundle
from assets.bundle.signing import SignatureError, sign, verify
from resources.durable_files import write_synced

_RECORD, _RECORD_SIGNATURE = "record.json", "record.signature"
_NAMES = frozenset({*FILES, *OPTIONAL, MANIFEST, SIGNATURE, _RECORD, _RECORD_SIGNATURE})
_LARGEST = 512 * 2**20


@dataclass(frozen=True)
class Packed:
    """An unpacked bundle.

    Attributes:
        bundle: The verified bundle.
        folder: Its files.
        record: The tags of its version where it was packed, and `environment`, the name of that environment.
    """

    bundle: Bundle
    folder: Path
    record: Mapping[str, str]


def pack(folder: Path, record: Mapping[str, str], file: Path, key: bytes) -> None:
    """Writes the file, which appears complete or not at all; the same bundle and record give the same bytes.

    Args:
        folder: The files of a bundle, which the caller has verified.
        record: The tags of its version; texts.
        key: The key that signed the bundle.

    Raises:
        BundleError: The file's folder does not exist.
    """
    if not file.parent.is_dir():
        raise BundleError(f"there is no folder {file.parent}; create it first")
    written = json.dumps(dict(record), sort_keys=True, indent=1).encode()
    contents = {path.name: path.read_bytes() for path in folder.iterdir()}
    contents |= {_RECORD: written, _RECORD_SIGNATURE: sign(written, key).encode()}
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in sorted(contents.items()):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    unfinished = file.with_name(f".{file.name}.new")
    try:
        write_synced(unfinished, whole.getvalue())
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)


def unpack(file: Path, place: Path, key: bytes) -> Packed:
    """Verifies record and bundle, and writes the bundle's files into a folder.

    Args:
        place: A folder that exists and is empty.
        key: The key of the environment that packed the file.

    Raises:
        BundleError: The file is none of `pack`, or was altered, or signed with another key.
    """
    contents = _read(file)
    record = contents.pop(_RECORD, b"")
    signature = contents.pop(_RECORD_SIGNATURE, b"").decode("utf-8", "replace").strip()
    try:
        verify(record, signature, key)
    except SignatureError as error:
        raise BundleError(f"{file}: its record: {error}; set LOOPLINE_IMPORT_KEY to the key that packed it") from error
    for name, data in contents.items():
        write_synced(place / name, data)
    tags: dict[str, str] = json.loads(record)
    return Packed(load_bundle(place, key, tags["loopline.digest"]), place, tags)


def _read(file: Path) -> dict[str, bytes]:
    """The members of the file by name: regular files of known names, each once, in its first level."""
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(file, mode="r:") as archive:
            for member in archive:
                data = archive.extractfile(member) if member.isfile() and member.size <= _LARGEST else None
                if data is None or member.name not in _NAMES or member.name in found:
                    raise BundleError(
                        f"{file} holds {member.name!r}, which is no file of a bundle, or not a second one"
                    )
                found[member.name] = data.read()
    except (OSError, tarfile.TarError) as error:
        raise BundleError(f"{file} is no file of `loopline bundle export`: {error}") from error
    return found
