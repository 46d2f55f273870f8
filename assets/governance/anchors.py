"""Anchors of the audit log: hashes of its entries, noted outside of it.

Belongs here: noting the hash of an entry, reading the notes back. Does not belong here: the log (`audit.py`), comparing
log and anchors (`audit_check.py`).

The chain alone does not show that its end was cut off, nor that it was written again from some entry on. An anchor is
an object of its own whose name holds number and hash; it is never replaced. What protects it is the place: a folder of
another user, or a bucket with object lock, where the log's writers may add objects and change none.
"""

import json
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from assets.governance.audit_entries import AuditEntry
from resources.durable_files import make_folder, sync_folder
from resources.rollout_store.manifest import RolloutUnavailable
from resources.rollout_store.store import RolloutStore

HEAD_TAG = "loopline.audit_head"
"""Tag in MLflow, of a product's model and of each version: number and hash of the audit log's last entry then."""
_LOG = logging.getLogger("loopline.audit")
_FOLDER = "heads"
_NAME = re.compile(r"(\d{12})-([0-9a-f]{64})\.json")
_HEAD = re.compile(r"(\d+) ([0-9a-f]{64})")


@dataclass(frozen=True)
class Anchor:
    """An entry as it was noted outside of the log.

    Attributes:
        where: The place of the note, as messages name it.
    """

    number: int
    hash: str
    where: str


def note_head(place: str, entry: AuditEntry) -> None:
    """Notes an entry; does nothing where there is no place.

    The entry is in the log already, so an outage of the place is no failure of what was recorded: it is told, and the
    anchor of the next entry covers this one.
    """
    if not place:
        return
    data = json.dumps({"number": entry.number, "hash": entry.hash, "at": entry.at.isoformat()}, sort_keys=True)
    name = f"{entry.number:012d}-{entry.hash}.json"
    try:
        if "://" in place:
            RolloutStore.open(place, Path()).backend.swap(f"{_FOLDER}/{name}", data.encode(), expected=None)
        else:
            _write_once(Path(place) / _FOLDER / name, data.encode())
    except (RolloutUnavailable, OSError) as error:
        _LOG.warning("entry %d of the audit log is not anchored yet: %s", entry.number, error)


def anchors_at(place: str) -> tuple[Anchor, ...]:
    """The anchors at a place, in the order of their entries; none where there is no place.

    Raises:
        RolloutUnavailable: The place cannot be read.
    """
    if not place:
        return ()
    names = sorted(RolloutStore.open(place, Path()).backend.names(_FOLDER))
    found = [match for match in map(_NAME.fullmatch, names) if match]
    return tuple(Anchor(int(match[1]), match[2], f"{place.rstrip('/')}/{_FOLDER}/{match[0]}") for match in found)


def _write_once(file: Path, data: bytes) -> None:
    """Writes a file that nobody is to write again; one that is there stays as it is."""
    make_folder(file.parent)
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
    except FileExistsError:
        return
    with open(handle, "wb") as opened:
        opened.write(data)
        opened.flush()
        os.fsync(handle)
    sync_folder(file.parent)


def head_tag(entry: AuditEntry) -> dict[str, str]:
    """The tag that notes an entry in MLflow."""
    return {HEAD_TAG: f"{entry.number} {entry.hash}"}


def anchor_in(tags: Mapping[str, str], where: str) -> Anchor | None:
    """The anchor among the tags of a model or version in MLflow; `None` where nothing was noted.

    An unreadable tag is an anchor that no entry fits.
    """
    text = tags.get(HEAD_TAG)
    if text is None:
        return None
    match = _HEAD.fullmatch(text)
    return Anchor(1, text, where) if match is None else Anchor(int(match[1]), match[2], where)
