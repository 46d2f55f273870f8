"""Files that survive a crash and a power cut.

Belongs here: writing a file and syncing it, replacing a file whole, making folders, syncing the names in one, the lines
of a log that is appended to. Does not belong here: the content of the files, locks (`locks.py`).
"""

import os
import tempfile
from pathlib import Path

LARGEST_WRITE = 500
"""The most lines that are appended to a log with one sync."""


def write_synced(path: Path, data: bytes) -> None:
    """Writes a file; its content is on disk when this returns. Its name is not: see `sync_folder`."""
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, data: bytes, *, mode: int) -> None:
    """Replaces a file by way of a temporary one beside it: a reader gets the old content or the new, never a part.

    Args:
        path: In a folder that exists; the file itself need not.
        mode: The file's permission bits.

    Raises:
        OSError: The file could not be replaced; the old one is unchanged.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(descriptor)
    try:
        write_synced(Path(name), data)
        os.chmod(name, mode)
        os.replace(name, path)
    except OSError:
        os.unlink(name)
        raise
    sync_folder(path.parent)


def make_folder(folder: Path) -> None:
    """Makes a folder, and those above it that are missing; their names survive a power cut, and so does what is in it.

    The sync of a file does not reach the names of the folders above it.
    """
    missing: list[Path] = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for one in reversed(missing):
        one.mkdir(exist_ok=True)
        sync_folder(one.parent)


def sync_folder(folder: Path) -> None:
    """Makes the names of new and renamed files in the folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def whole_lines(data: bytes) -> tuple[list[bytes], bool]:
    """The complete lines of a log, and whether incomplete ones were left out.

    Zero bytes at the end are space allocated in advance. Zero bytes within the last lines are the rest of a write that
    a power cut interrupted; JSON contains none. A disk takes the sectors of a write in any order, so that whole lines
    may follow them, which count: a caller who got no answer may have asked again, and been told of them. Zero bytes
    further up are damage of what was promised: the lines that hold them are returned.
    """
    lines = data.rstrip(b"\0").split(b"\n")
    torn = bool(lines.pop())
    last = max(0, len(lines) - LARGEST_WRITE)
    written = [line for line in lines[last:] if b"\0" not in line]
    return [*lines[:last], *written], torn or len(written) < len(lines) - last
