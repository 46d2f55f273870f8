"""The file that keeps the trials of a search, so that a crash loses at most the trial that was running.

Belongs here: the place of a search's journal, opening it after a crash, removing it. Does not belong here: the search
(`boosters.py`).

A journal is a log to which Optuna appends one JSON line for each step, synced to disk. It belongs to one training set
and one spec, is read by one process at a time, and lasts until the model is made.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import optuna
import xgboost as xgb
from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from assets.product import Binary, ModelSpec
from assets.training.rows.learning import TrainingRows
from assets.training.rows.split import Split
from assets.training.search.space import SPACE, STARTS
from resources.locks import exclusive


def journal_of(folder: Path, product: str, rows: TrainingRows, split: Split, spec: ModelSpec) -> Path:
    """The place of the journal of a search over these rows: another one for other rows, settings or libraries.

    More trials or minutes go on with the journal of fewer.

    Args:
        folder: Of the journals of every product.
        product: Its name.
        rows: All labelled rows; the matrix, labels and times of the training rows are what the search depends on.
        split: The positions of the training rows, and the purge gap.
        spec: The settings of the search.
    """
    settings: tuple[object, ...] = (spec.seed, spec.device, sorted(spec.monotone.items()), spec.search.pruning)
    settings += () if isinstance(spec.target, Binary) else (spec.target,)
    libraries = (optuna.__version__, xgb.__version__, np.__version__)
    content = hashlib.sha256(repr((SPACE, STARTS, settings, str(split.gap), rows.columns, libraries)).encode())
    for values in (rows.matrix, rows.learned, rows.as_of):
        content.update(np.ascontiguousarray(values[split.train]).tobytes())
    return folder / f"{product}-{content.hexdigest()[:32]}.journal"


@contextmanager
def open_storage(journal: Path | None) -> Iterator[BaseStorage]:
    """Optuna's storage in the file, while no other process searches for the product; in memory where there is no file.

    Raises:
        LockTimeout: Another process searches for the product.
    """
    if journal is None:
        yield InMemoryStorage()
        return
    journal.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(str(journal.parent), _product_of(journal)):
        _drop_torn_line(journal)
        yield JournalStorage(JournalFileBackend(str(journal), lock_obj=_HeldAlready(str(journal))))


def remove_journal(journal: Path) -> None:
    """Removes a search's journal, and those of the product's earlier training sets; no model is made of these."""
    for found in journal.parent.glob(f"{_product_of(journal)}-*.journal"):
        found.unlink(missing_ok=True)


def _product_of(journal: Path) -> str:
    return journal.name.rsplit("-", 1)[0]


class _HeldAlready(JournalFileOpenLock):
    """The lock of Optuna's file is held for the whole search. Optuna's own outlives a process that is killed."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        return None


def _drop_torn_line(journal: Path) -> None:
    """Cuts off the end of a file whose writer was killed within a line; Optuna reads whole lines alone."""
    if not journal.exists():
        return
    with journal.open("r+b") as file:
        content = file.read()
        file.truncate(content.rfind(b"\n") + 1)
