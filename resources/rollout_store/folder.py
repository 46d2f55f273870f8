"""The rollout store's files in a folder.

Belongs here: reading and writing files so that a reader sees old or new files, never a mixture. Does not belong here:
the content of the files (`manifest.py`).
"""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from resources.durable_files import make_folder, replace_file, sync_folder
from resources.locks import exclusive
from resources.rollout_store.manifest import LAST, RolloutUnavailable


@dataclass(frozen=True)
class FolderBackend:
    """Files in a folder of this machine, or of a shared file system."""

    root: Path

    def read(self, path: str) -> bytes | None:
        """The file's bytes; `None` when there is none."""
        try:
            return (self.root / path).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RolloutUnavailable(f"rollout store {self.root / path} cannot be read: {error}") from error

    def replace(self, path: str, data: bytes) -> None:
        """Replaces the file whole."""
        target = self.root / path
        make_folder(target.parent)
        replace_file(target, data, mode=0o644)

    def swap(self, path: str, data: bytes, *, expected: bytes | None) -> bool:
        """Compares and replaces the file under a lock."""
        with exclusive(str(self.root), path):
            if self.read(path) != expected:
                return False
            self.replace(path, data)
            return True

    def names(self, path: str) -> frozenset[str]:
        """The names in the folder."""
        try:
            return frozenset(entry.name for entry in (self.root / path).iterdir())
        except FileNotFoundError:
            return frozenset()
        except OSError as error:
            raise RolloutUnavailable(f"rollout store {self.root / path} cannot be read: {error}") from error

    def contents(self, path: str) -> dict[str, bytes]:
        """The files in the folder; those that are being written have names that begin with a dot."""
        found = {name: self.read(f"{path}/{name}") for name in sorted(self.names(path)) if not name.startswith(".")}
        return {name: data for name, data in found.items() if data is not None}

    def upload(self, source: Path, path: str) -> None:
        """Copies to a temporary folder beside it, then renames; a folder that is there keeps its place."""
        target = self.root / path
        make_folder(target.parent)
        if target.exists():
            self._overwrite(source, path)
            return
        copy = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
        try:
            for file in sorted(source.iterdir()):
                shutil.copyfile(file, copy / file.name)
            os.chmod(copy, 0o755)
            os.rename(copy, target)
        finally:
            shutil.rmtree(copy, ignore_errors=True)
        sync_folder(target.parent)

    def _overwrite(self, source: Path, path: str) -> None:
        """Replaces each file that differs, the manifest last: a reader meanwhile finds every file, old or new."""
        files = sorted(source.iterdir(), key=lambda entry: (entry.name == LAST, entry.name))
        for file in files:
            data = file.read_bytes()
            if self.read(f"{path}/{file.name}") != data:
                self.replace(f"{path}/{file.name}", data)
        for name in self.names(path) - {file.name for file in files}:
            (self.root / path / name).unlink()

    def download(self, path: str, landing: Path) -> Path:
        """Returns the published folder: it is on this machine already."""
        return self.root / path

    def folders(self) -> tuple[str, ...]:
        """The folders at the top, sorted."""
        try:
            return tuple(sorted(entry.name for entry in self.root.iterdir() if entry.is_dir()))
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise RolloutUnavailable(f"rollout store {self.root} cannot be read: {error}") from error
