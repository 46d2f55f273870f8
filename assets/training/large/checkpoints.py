"""A fit that is written down every so many trees, so that a killed run goes on from there.

Belongs here: the fit in parts, and the files between them. Does not belong here: when a fit has checkpoints
(`fits.py`), the trials of a search, which have a journal of their own (`assets.training.search.journal`).

Every part begins with the booster as it was written, also in a run that nobody kills, and draws rows and columns by the
number of the tree: so an interrupted fit gives the model of an undisturbed one, bit by bit.
"""

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from assets.training.fitting.boosting import THREADS, Gradient
from resources.durable_files import replace_file


def checkpointed_fit(
    folder: Path | None,
    every: int,
    parameters: Mapping[str, Any],
    matrix: NDArray[np.float32],
    learned: NDArray[Any],
    rounds: int,
    objective: Gradient | None = None,
) -> xgb.Booster:
    """A booster of so many rounds over all rows, written down after each `every` of them.

    Args:
        folder: Of the checkpoints; `None` for a fit in the same parts that writes nothing.
        parameters, objective: As for `xgb.train`.
        matrix: float32 [n, m].
        learned: Labels or amounts [n].
    """
    settings = {**parameters, "seed_per_iteration": True}
    file = None if folder is None else folder / f"{_digest(settings, matrix, learned, every)}.ubj"
    rows = xgb.QuantileDMatrix(matrix, learned, nthread=THREADS)
    written = file.read_bytes() if file is not None and file.exists() else None
    done = 0 if written is None else _read(written).num_boosted_rounds()
    while done < rounds or written is None:
        step = min(every, rounds - done)
        start = None if written is None else _read(written)
        booster = xgb.train(settings, rows, num_boost_round=step, xgb_model=start, obj=objective)
        written, done = bytes(booster.save_raw("ubj")), done + step
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            replace_file(file, written, mode=0o600)
    return _read(written)


def remove_checkpoints(folder: Path) -> None:
    """Removes the checkpoints of a model that is made."""
    shutil.rmtree(folder, ignore_errors=True)


def _read(written: bytes) -> xgb.Booster:
    return xgb.Booster({"nthread": THREADS}, model_file=bytearray(written))


def _digest(settings: Mapping[str, Any], matrix: NDArray[np.float32], learned: NDArray[Any], every: int) -> str:
    """Another file for other rows, settings or libraries."""
    content = hashlib.sha256(repr((sorted(settings.items()), every, xgb.__version__, np.__version__)).encode())
    for values in (matrix, learned):
        content.update(np.ascontiguousarray(values).tobytes())
    return content.hexdigest()[:32]
