"""The labels of before a bundle decided, with which those of now are compared.

Belongs here: whose labels these are, by day, and reading them back. Does not belong here: labels that become final
later (`reading.py`), the comparison (`labels.py`, `explained.py`).

Of batch scores they are those that became final before the approval. A bundle whose answers are judged had answered
nothing then: they are the accepted rows of its evaluation, for of those that it refuses no outcome is seen; and how
much labels vary from week to week is told by the accepted rows that it was trained on.
"""

from collections.abc import Callable, Sequence
from datetime import date
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assets.bundle.bundle import Bundle
from assets.monitoring.distributions.cells import Subject
from assets.monitoring.distributions.labels import EVALUATED, LEARNED, label_counts, label_counts_of, label_table
from assets.monitoring.performance.estimates import Reason
from assets.monitoring.performance.reference import learned_rows, window_days
from assets.product import Product
from resources.lake import Lake
from resources.naming import days_between

_LEARNED_DAYS = 84
"""Of the days that a bundle was trained on, those that tell how much the labels of weeks vary."""

Sums = Callable[[Sequence[date]], pa.Table]
"""Reads the counts of days, with the columns of `counting.READ`."""


class LabelsBefore:
    """The labels of before one bundle decided.

    Args:
        score: The subject of its scores.
    """

    def __init__(self, product: Product, lake: Lake, bundle: Bundle, score: Subject) -> None:
        self._product, self._lake, self._bundle, self._score = product, lake, bundle, score
        self._is_batch = product.monitoring.judged == "batch"

    def tables(self, day: date) -> list[pa.Table]:
        """The counts of a day, by population; empty where it is none of the evaluation or the training.

        Raises:
            LakeError: The training set cannot be read.
        """
        found = []
        for population in (EVALUATED, LEARNED):
            if day in self._days_of(population):
                rows = self._rows.filter(pc.equal(self._rows["day"], pa.scalar(day, pa.date32())))
                found.append(label_table(self._bundle, day, label_counts(self._score, rows), population))
        return found

    def then(self, sums: Sums, approved: Sequence[date]) -> NDArray[np.int64]:
        """The labels that are compared, int64 [days, 2 * bins].

        Args:
            approved: The days before the approval, of which the labels of batch scores are read.
        """
        if self._is_batch:
            return label_counts_of(sums(approved), self._bundle.digest, self._score, approved)
        return self._of(sums, EVALUATED)

    def history(self, sums: Sums) -> NDArray[np.int64]:
        """Labels that tell how much weeks vary, int64 [days, 2 * bins]; of no day for batch scores."""
        return self._of(sums, LEARNED)

    def _of(self, sums: Sums, population: str) -> NDArray[np.int64]:
        days = self._days_of(population)
        return label_counts_of(sums(days), self._bundle.digest, self._score, days, population)

    def _days_of(self, population: str) -> tuple[date, ...]:
        """The days of the evaluation, or the last ones of the training; none where answers are not what is judged."""
        windows = self._bundle.parts.metrics.get("windows")
        if self._is_batch or windows is None:
            return ()
        if population == EVALUATED:
            return days_between(*window_days(windows, "test"))
        return days_between(*window_days(windows, "train"))[-_LEARNED_DAYS:]

    @cached_property
    def _rows(self) -> pa.Table:
        """The accepted rows of its training set: `day`, `score` and `label`."""
        found = learned_rows(self._product, self._bundle, self._lake)
        if isinstance(found, Reason):
            return pa.table({"day": pa.array([], pa.date32()), "score": [], "label": []})
        taken, day = found.rows.accepted, found.clusters[0]
        return pa.table(
            {
                "day": pa.array(day[taken].astype(np.int32), pa.int32()).cast(pa.date32()),
                "score": found.rows.score[taken], "label": found.label[taken],
            }
        )  # fmt: skip
