"""Labels a day, by the bin of the score: exact counts, and the shift that is not one of the scores.

Belongs here: counting final labels, the label rate and the rate that the scores lead to expect. Does not belong here:
realised performance (`assets.monitoring.performance`).

The bad rate can move because other rows come (their scores move with it: the rate given the score stays), or because
the same scores have come to mean something else: concept drift. The rate expected of a window is what its scores would
have had then: sum over bins of the share now times the rate then (Oaxaca and Blinder's decomposition).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assets.bundle.bundle import Bundle
from assets.monitoring.distributions.cells import Subject, assigned
from assets.monitoring.distributions.counting import DISTRIBUTIONS_SCHEMA

LABEL = "label"
LABELLED, EVALUATED, LEARNED = "labelled", "evaluated", "learned"
"""The name of the labels among the counts, and the names of their populations: rows whose label became final; and, of
a bundle that had answered nothing yet, the accepted ones of the rows on which it was evaluated and trained."""
CONCEPT = "concept"
"""The name of the figure that compares the labels of the scores now with the labels of the same scores then."""


@dataclass(frozen=True)
class LabelShift:
    """The labels of a window against those of the quiet history.

    Attributes:
        rows: Labels in the window.
        rate: The share of bad ones.
        rate_then: The share then.
        expected: The share that the window's scores would have had then.
        z, concept_z: Standard errors between the rate and the rate then, and between the rate and the expected one.
    """

    rows: int
    rate: float
    rate_then: float
    expected: float
    z: float
    concept_z: float


def label_counts(score: Subject, outcomes: pa.Table) -> NDArray[np.int64]:
    """Labels by bin of the score and label, int64 [2 * bins]: the good ones of a bin, then its bad ones.

    Args:
        score: The subject of the scores.
        outcomes: Rows of one day and one model, with `score` and `label`; a null label counts nothing.
    """
    known = outcomes.filter(pc.is_valid(outcomes["label"]))
    scores = np.asarray(known["score"].cast(pa.float64()).to_numpy(), dtype=np.float64)
    bins = score.bins[assigned(score, scores)]
    bad = np.asarray(known["label"].cast(pa.int64()).to_numpy()) > 0
    return np.bincount(2 * bins + bad, minlength=2 * len(score.expected)).astype(np.int64)


def label_shift(then: NDArray[np.int64], now: NDArray[np.int64]) -> LabelShift | None:
    """The shift of labels between two sums of counts, int64 [2 * bins]; `None` where either has no labels.

    Errors are those of independent rows at the rate of both sums together (the pooled test of two shares), so that a
    rate then which is known from few bad rows counts as uncertain.
    """
    before, after = then.reshape(-1, 2), now.reshape(-1, 2)
    m, n = before.sum(axis=1), after.sum(axis=1)
    if not m.sum() or not n.sum():
        return None
    overall = before[:, 1].sum() / m.sum()
    # A bin with few labels then is drawn towards the rate of all.
    given = (before[:, 1] + 2 * overall) / (m + 2)
    rate, rows = after[:, 1].sum() / n.sum(), int(n.sum())
    expected = float((n * given).sum() / rows)
    both = (before[:, 1].sum() + after[:, 1].sum()) / (m.sum() + rows)
    error = math.sqrt(max(both * (1 - both) * (1 / rows + 1 / m.sum()), 1e-12))
    pooled = (before[:, 1] + after[:, 1] + 2 * both) / (m + n + 2)
    of_bins = (n * pooled * (1 - pooled) * (1 + n / (m + 2))).sum()
    concept_error = math.sqrt(max(float(of_bins), 0.25)) / rows
    return LabelShift(
        rows, float(rate), float(overall), expected, (rate - overall) / error, (rate - expected) / concept_error
    )


def label_table(bundle: Bundle, day: date, counts: NDArray[np.int64], population: str = LABELLED) -> pa.Table:
    """The labels of a day as rows of DISTRIBUTIONS_SCHEMA: those cells that are not empty."""
    cells = np.flatnonzero(counts)
    rows = [
        {
            "population": population, "bundle": bundle.version, "digest": bundle.digest, "name": LABEL, "kind": LABEL,
            "part": "within", "cell": cell, "values": f"{'bad' if cell % 2 else 'good'}, bin {cell // 2} of the score",
            "count": int(counts[cell]), "day": day,
        }
        for cell in cells.tolist()
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=DISTRIBUTIONS_SCHEMA)


def label_counts_of(
    table: pa.Table, digest: str, score: Subject, days: Sequence[date], population: str = LABELLED
) -> NDArray[np.int64]:
    """The labels of consecutive days, int64 [days, 2 * bins], from rows with the columns READ."""
    counts = np.zeros((len(days), 2 * len(score.expected)), dtype=np.int64)
    own = table.filter(pc.and_(pc.equal(table["digest"], digest), pc.equal(table["population"], population)))
    place = {day: number for number, day in enumerate(days)}
    for row in own.to_pylist():
        if row["day"] in place:
            counts[place[row["day"]], row["cell"]] += row["count"]
    return counts
