"""Small values that one asset passes to the next, as JSON files.

Belongs here: the I/O manager for values such as a run id, a version or a verdict. Nothing is pickled. Does not belong
here: tables (the lake), models (MLflow), bundles (the rollout store).
"""

import json
from typing import Any

import dagster as dg
import pyarrow.fs as pafs

from resources.sources.object_stores import is_s3, open_place


class JsonValues(dg.ConfigurableIOManager):
    """Keeps each asset's last value in `<folder>/<asset key>.json`.

    Attributes:
        folder: A folder or an `s3://` prefix.
    """

    folder: str

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Replaces the value; ignores `None`, the result of an asset that wrote its data elsewhere."""
        if obj is None:
            return
        files, path = self._place(context.asset_key)
        text = json.dumps(obj, indent=2, sort_keys=True).encode()
        if is_s3(self.folder):  # an object appears whole or not at all
            _write(files, path, text)
            return
        files.create_dir(path.rpartition("/")[0], recursive=True)
        _write(files, f"{path}.new", text)
        files.move(f"{path}.new", path)

    def load_input(self, context: dg.InputContext) -> Any:
        """The last value of the upstream asset.

        Raises:
            FileNotFoundError: It has never been materialised.
        """
        files, path = self._place(context.asset_key)
        if files.get_file_info(path).type is not pafs.FileType.File:
            raise FileNotFoundError(
                f"asset {context.asset_key.to_user_string()} has no value in {self.folder}; materialise it first"
            )
        with files.open_input_stream(path) as stream:
            return json.loads(stream.read())

    def _place(self, key: dg.AssetKey) -> tuple[pafs.FileSystem, str]:
        files, root = open_place(self.folder)
        return files, f"{root}/{'/'.join(key.path)}.json"


def _write(files: pafs.FileSystem, path: str, text: bytes) -> None:
    with files.open_output_stream(path) as stream:
        stream.write(text)
