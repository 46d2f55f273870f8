"""Small values handed from one asset to the next, as JSON files.

Belongs here: the I/O manager for values such as a run id, a version or a verdict. Does not belong here: tables (the
lake), models (MLflow), bundles (the rollout store). Nothing is pickled.
"""

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.fs as pafs


class JsonValues(dg.ConfigurableIOManager):
    """Keeps each asset's last value in `<folder>/<asset key>.json`; a folder or an `s3://` prefix."""

    folder: str

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Replaces the value; `None` (an asset that wrote its data elsewhere) keeps nothing."""
        if obj is None:
            return
        files, path = self._place(context.asset_key)
        files.create_dir(path.rpartition("/")[0], recursive=True)
        with files.open_output_stream(f"{path}.new") as stream:
            stream.write(json.dumps(obj, indent=2, sort_keys=True).encode())
        files.move(f"{path}.new", path)

    def load_input(self, context: dg.InputContext) -> Any:
        """The last value of the upstream asset.

        Raises:
            FileNotFoundError: It has never been materialised.
        """
        files, path = self._place(context.asset_key)
        with files.open_input_stream(path) as stream:
            return json.loads(stream.read())

    def _place(self, key: dg.AssetKey) -> tuple[pafs.FileSystem, str]:
        if self.folder.startswith("s3://"):
            files, root = pafs.FileSystem.from_uri(self.folder)
        else:
            files, root = pafs.LocalFileSystem(), str(Path(self.folder))
        return files, f"{root}/{'/'.join(key.path)}.json"
