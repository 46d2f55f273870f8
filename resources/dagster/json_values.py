"""Small values that one asset passes to the next, as JSON files.

Belongs here: the I/O manager for values such as a run id, a version or a verdict. Nothing is pickled. Does not belong
here: tables (the lake), models (MLflow), bundles (the rollout store).
"""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import dagster as dg
import pyarrow.fs as pafs

from resources.sources.object_stores import is_s3, open_place

_PARENT = "dagster/parent_run_id"
"""Tag of a run that repeats another, with the id of that run."""


class JsonValues(dg.ConfigurableIOManager):
    """Keeps each asset's values: one for each run, in `<asset key>/<run>.json`, and the last in `<asset key>.json`.

    Two runs at the same time do not see each other's values. A step reads the value that its own run made, or else the
    run that it repeats; only a run that did not make the asset reads the last value of all.

    Attributes:
        folder: A folder or an `s3://` prefix.
    """

    folder: str

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Writes the run's value, then the last; `None`, from an asset that wrote its data elsewhere, is not kept."""
        if obj is None:
            return
        text = json.dumps(obj, indent=2, sort_keys=True).encode()
        name = _name(context.asset_key)
        self._replace(f"{name}/{context.run_id}", text)
        self._replace(name, text)

    def load_input(self, context: dg.InputContext) -> Any:
        """The value of the upstream asset for the reading run.

        Raises:
            FileNotFoundError: It has never been materialised.
        """
        name = _name(context.asset_key)
        for place in (*(f"{name}/{run_id}" for run_id in _lineage(context)), name):
            text = self._read(place)
            if text is not None:
                return json.loads(text)
        raise FileNotFoundError(
            f"asset {context.asset_key.to_user_string()} has no value in {self.folder}; materialise it first"
        )

    def begin(self, key: dg.AssetKey, value: Any) -> None:
        """Gives an asset that was never materialised here a value, from which the assets after it can be made."""
        if self._read(_name(key)) is None:
            self._replace(_name(key), json.dumps(value, indent=2, sort_keys=True).encode())

    def _read(self, place: str) -> bytes | None:
        files, root = open_place(self.folder)
        path = f"{root}/{place}.json"
        if files.get_file_info(path).type is not pafs.FileType.File:
            return None
        with files.open_input_stream(path) as stream:
            return bytes(stream.read())

    def _replace(self, place: str, text: bytes) -> None:
        """Writes a value so that a reader gets the old one or the new one, whoever else writes at the same time."""
        files, root = open_place(self.folder)
        path = f"{root}/{place}.json"
        if is_s3(self.folder):  # an object appears whole or not at all
            _write(files, path, text)
            return
        files.create_dir(path.rpartition("/")[0], recursive=True)
        beside = f"{path}.{uuid4().hex}.new"
        _write(files, beside, text)
        files.move(beside, path)


def _name(key: dg.AssetKey) -> str:
    return "/".join(key.path)


def _lineage(context: dg.InputContext) -> Iterator[str]:
    """The reading run, then the run that it repeats, and so on to the first."""
    run: dg.DagsterRun | None = context.step_context.dagster_run
    while run is not None:
        yield run.run_id
        parent = run.tags.get(_PARENT)
        run = context.instance.get_run_by_id(parent) if parent else None


def _write(files: pafs.FileSystem, path: str, text: bytes) -> None:
    with files.open_output_stream(path) as stream:
        stream.write(text)
