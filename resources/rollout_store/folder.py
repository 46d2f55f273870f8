"""The rollout store's files in a folder.

Belongs here: reading and writing files so that a reader sees old or new files, never a mixture. Does not belong here:
the content of the files (`manifest.py`).
"""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from resources.durable_files import replace_file, sync_folder
from resources.rollout_store.manifest import RolloutUnavailable


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
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, data, mode=0o644)

    def upload(self, source: Path, path: str) -> None:
        """Copies the files to a temporary folder beside the target, then renames the folder."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        copy = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
        try:
            for file in sorted(source.iterdir()):
                shutil.copyfile(file, copy / file.name)
            os.chmod(copy, 0o755)
            os.rename(copy, target)
        finally:
            shutil.rmtree(copy, ignore_errors=True)
        sync_folder(target.parent)

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
