"""One MLflow run, while it is being recorded.

Belongs here: writing parameters, metrics, tables, plots, documents and data sets to a run. Does not belong here:
starting and ending the run, the registry (`tracking.py`).
"""

import json
import math
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from resources.errors import LooplineError

if TYPE_CHECKING:
    from mlflow import MlflowClient

_BATCH = 100
_TABLE_ROWS = 10_000


class UnrecordableValue(LooplineError):
    """MLflow cannot record a value; the message names the value and the remedy."""


@dataclass(frozen=True)
class TrackedRun:
    """A run; each method returns once MLflow has recorded its values."""

    client: "MlflowClient"
    run_id: str

    def page(self, address: str) -> str:
        """The run's page of the MLflow server at an address."""
        experiment = self.client.get_run(self.run_id).info.experiment_id
        return f"{address.rstrip('/')}/#/experiments/{experiment}/runs/{self.run_id}"

    def tag(self, name: str) -> str | None:
        """A tag of the run; `None` where it has none of that name."""
        value = self.client.get_run(self.run_id).data.tags.get(name)
        return None if value is None else str(value)

    def params(self, values: Mapping[str, object]) -> None:
        """Records parameters as text: a text as it is, every other value as JSON."""
        from mlflow.entities import Param

        params = [
            Param(name, value if isinstance(value, str) else _json(name, value)) for name, value in values.items()
        ]
        for start in range(0, len(params), _BATCH):
            self.client.log_batch(self.run_id, params=params[start : start + _BATCH])

    def metrics(self, values: Mapping[str, float | None], *, step: int = 0) -> None:
        """Records metrics. One that could not be computed (`None`) is recorded as the tag `unknown.<name>`.

        Raises:
            UnrecordableValue: A metric is not finite; pass `None` for one that could not be computed.
        """
        from mlflow.entities import Metric, RunTag

        for name, value in values.items():
            if value is not None and not math.isfinite(value):
                raise UnrecordableValue(
                    f"metric '{name}' is {value}; record None for a figure that could not be computed"
                )
        now = time.time_ns() // 1_000_000
        known = [Metric(name, float(value), now, step) for name, value in values.items() if value is not None]
        unknown = [
            RunTag(f"unknown.{name}", "could not be computed") for name, value in values.items() if value is None
        ]
        for start in range(0, len(known), _BATCH):
            self.client.log_batch(self.run_id, metrics=known[start : start + _BATCH])
        for start in range(0, len(unknown), _BATCH):
            self.client.log_batch(self.run_id, tags=unknown[start : start + _BATCH])

    def tags(self, values: Mapping[str, str]) -> None:
        """Records tags: texts that may change later."""
        from mlflow.entities import RunTag

        tags = [RunTag(name, value) for name, value in values.items()]
        for start in range(0, len(tags), _BATCH):
            self.client.log_batch(self.run_id, tags=tags[start : start + _BATCH])

    def plots(self, pictures: Mapping[str, bytes]) -> None:
        """Records PNG pictures, by their names without a suffix, under `plots/`."""
        self._files("plots", {f"{name}.png": content for name, content in pictures.items()})

    def documents(self, values: Mapping[str, Any]) -> None:
        """Records JSON values and Markdown texts, by their names without a suffix, under `documents/`."""
        texts = {name: value for name, value in values.items() if isinstance(value, str)}
        trees = {name: _json(name, value, indent=1) for name, value in values.items() if name not in texts}
        contents = {f"{name}.md": text.encode() for name, text in texts.items()}
        self._files("documents", contents | {f"{name}.json": tree.encode() for name, tree in trees.items()})

    def html(self, name: str, text: str) -> None:
        """Records an HTML page by its name without a suffix, under `documents/`; a second one replaces the first."""
        self._files("documents", {f"{name}.html": text.encode()})

    def folder(self, name: str, place: Path) -> None:
        """Records a folder of files, copied whole, under a name."""
        self.client.log_artifacts(self.run_id, str(place), name)

    def download(self, name: str, place: Path) -> Path:
        """Copies a recorded file or folder into a local folder; returns the path of the copy."""
        place.mkdir(parents=True, exist_ok=True)
        return Path(self.client.download_artifacts(self.run_id, name, dst_path=str(place)))

    def table(self, name: str, rows: pa.Table) -> None:
        """Records a small table, which MLflow shows, as `tables/<name>.json`. A second call with the name appends rows.

        Raises:
            UnrecordableValue: The table has more than 10,000 rows; such tables belong in the lake.
        """
        if rows.num_rows > _TABLE_ROWS:
            raise UnrecordableValue(f"table '{name}' has {rows.num_rows} rows; at most {_TABLE_ROWS} belong in MLflow")
        self.client.log_table(self.run_id, rows.to_pydict(), f"tables/{name}.json")

    def dataset(self, table: str, version: int, *, context: str, uri: str = "", rows: int | None = None) -> None:
        """Records a table of the lake that the run read.

        Args:
            table: The table's name, such as `<product>.training_set`.
            version: The Delta version that was read.
            context: The purpose: "training", "evaluation".
            uri: Address of the table, which precedes `@<version>` in the recorded source.
            rows: How many rows were used.
        """
        from mlflow.entities import Dataset, DatasetInput, InputTag

        source = {"table": table, "version": version, "uri": f"delta:{uri or table}@{version}"}
        profile = None if rows is None else json.dumps({"num_rows": rows})
        entry = Dataset(
            name=table, digest=f"v{version}", source_type="delta", source=json.dumps(source), profile=profile
        )
        self.client.log_inputs(self.run_id, [DatasetInput(entry, [InputTag("mlflow.data.context", context)])])

    def _files(self, folder: str, contents: Mapping[str, bytes]) -> None:
        if not contents:
            return
        with tempfile.TemporaryDirectory(prefix="loopline-") as place:
            for name, content in contents.items():
                (Path(place) / name).write_bytes(content)
            self.client.log_artifacts(self.run_id, place, folder)


def _json(name: str, value: object, *, indent: int | None = None) -> str:
    try:
        return json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False, default=_plain)
    except ValueError as error:
        raise UnrecordableValue(
            f"'{name}' holds a number that is not finite; record null where there is none"
        ) from error
    except TypeError as error:
        raise UnrecordableValue(f"'{name}' cannot be recorded: {error}; give plain values") from error


def _plain(value: object) -> object:
    """A value without a JSON form: moments and paths as text, durations in seconds, NumPy scalars as numbers."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"a {type(value).__name__} has no JSON form")
