"""The realised performance of decisions.

Belongs here: realised figures over outcomes with mature labels, for the trailing window of each day. Does not belong
here: joining outcomes (`assets.feedback.outcomes`), whose rows are counted together (`by_bundle.py`), figures before
labels are known (`estimates.py`), gates (`assets.evaluation`), the verdict on a figure (`verdicts.py`).

A figure that cannot be computed is null: there are too few rows, or all labels are of one class.

Realised figures cover only rows with an observed label. Where refused rows have no label, the AUC is over accepted rows
alone, `over` says so, and it is usually lower than over all rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assets.product import Profit
from resources.errors import LooplineError, listed

Over = Literal["all", "accepted"]
"""Which rows have labels: refused ones too, or accepted ones alone although others were refused."""

PERFORMANCE_SCHEMA = pa.schema(
    [
        pa.field("day", pa.date32(), nullable=False),
        pa.field("rows", pa.int64(), nullable=False),
        pa.field("labelled", pa.int64(), nullable=False),
        pa.field("unlabelled", pa.int64(), nullable=False),
        pa.field("positives", pa.int64(), nullable=False),
        pa.field("scored", pa.int64(), nullable=False),
        pa.field("accepted", pa.int64(), nullable=False),
        pa.field("over", pa.string(), nullable=False),
        pa.field("auc", pa.float64()),
        pa.field("brier", pa.float64()),
        pa.field("bad_rate", pa.float64()),
        pa.field("acceptance", pa.float64()),
        pa.field("profit", pa.float64()),
    ]
)

_EPOCH = date(1970, 1, 1)


class PerformanceError(LooplineError):
    """Outcomes lack data that a figure needs; the message names the column."""


@dataclass(frozen=True)
class _Rows:
    """Rows ordered by score (missing scores last), so that a window is a mask and needs no sort."""

    day: NDArray[np.int64]
    score: NDArray[np.float64]
    label: NDArray[np.int8]
    accepted: NDArray[np.bool_]
    stake: NDArray[np.float64]

    def where(self, keep: NDArray[np.bool_]) -> "_Rows":
        at = np.flatnonzero(keep)
        return _Rows(self.day[at], self.score[at], self.label[at], self.accepted[at], self.stake[at])


def performance_by_day(
    outcomes: pa.Table, days: Sequence[date], window_days: int, *, accept: str, profit: Profit, min_rows: int
) -> pa.Table:
    """Realised figures of each given day, over the outcomes that matured in the `window_days` days that end with it.

    Args:
        outcomes: As `join_outcomes` returns them: `day` (date32, when the label matured), `score` (float, null where
            the model gave none or a knock-out decided), `outcome` (string), `label` (0, 1, null where unobserved), and
            `profit.stake` if set.
        days: UTC days; any order.
        accept: The outcome that accepts.
        profit: Earnings and losses of an accepted row.
        min_rows: Fewer rows than this give no figure.

    Returns:
        A table of PERFORMANCE_SCHEMA ordered by day:
        `rows` (matured decisions), `labelled`, `unlabelled` and `positives` (among them);
        `scored`: labelled rows with a score, over which `auc` and `brier` are;
        `accepted`: accepted labelled rows, over which `bad_rate` (positives among them) and `profit` (their sum, in the
        product's currency) are;
        `over`: see `Over`;
        `acceptance`: accepted among all rows; a referred row is not accepted.

    Raises:
        PerformanceError: A column is absent or of another type, or the window is shorter than a day.
    """
    rows = _read(outcomes, accept=accept, stake=profit.stake)
    wanted = _checked_days(days, window_days)
    figures = [_realised(_window(rows, day, window_days), profit, min_rows) for day in wanted]
    return _table(PERFORMANCE_SCHEMA, wanted, figures)


def _realised(rows: _Rows, profit: Profit, min_rows: int) -> dict[str, Any]:
    labelled = rows.where(rows.label >= 0)
    scored = labelled.where(~np.isnan(labelled.score))
    accepted = labelled.where(labelled.accepted)
    earned = np.where(accepted.label == 1, -profit.bad, profit.good) * accepted.stake
    enough = len(labelled.label) >= min_rows
    return {
        "rows": len(rows.label),
        "labelled": len(labelled.label),
        "unlabelled": len(rows.label) - len(labelled.label),
        "positives": int((labelled.label == 1).sum()),
        "scored": len(scored.label),
        "accepted": len(accepted.label),
        "over": "accepted" if len(accepted.label) == len(labelled.label) and not rows.accepted.all() else "all",
        "auc": _auc(scored.score, scored.label) if len(scored.label) >= min_rows else None,
        "brier": float(np.mean((scored.score - scored.label) ** 2)) if len(scored.label) >= max(min_rows, 1) else None,
        "bad_rate": float(np.mean(accepted.label)) if enough and len(accepted.label) else None,
        "acceptance": float(np.mean(rows.accepted)) if len(rows.label) >= max(min_rows, 1) else None,
        "profit": float(earned.sum()) if enough else None,
    }


def _auc(score: NDArray[np.float64], label: NDArray[np.int8]) -> float | None:
    """Area under the ROC curve of rows in the order of their score: Mann-Whitney's U with middle ranks for ties."""
    positives = int((label == 1).sum())
    negatives = len(label) - positives
    if not positives or not negatives:
        return None
    first, group = _tie_groups(score)
    size = np.diff(first, append=len(score))
    middle = first + (size + 1) / 2
    ranks = middle[group][label == 1].sum()
    return float((ranks - positives * (positives + 1) / 2) / (positives * negatives))


def expected_auc(p: NDArray[np.float64]) -> float | None:
    """Expected AUC of ascending probabilities: pairs i, j of different rows, weighted by p_i (1 - p_j)."""
    if len(p) < 2:
        return None
    first, group = _tie_groups(p)
    good = np.add.reduceat(1 - p, first)
    below = np.concatenate([[0.0], np.cumsum(good)[:-1]])
    self_pairs = float((p * (1 - p)).sum())
    rightly_ranked = float((p * (below[group] + 0.5 * good[group])).sum()) - 0.5 * self_pairs
    pairs = float(p.sum()) * float((1 - p).sum()) - self_pairs
    return rightly_ranked / pairs if pairs > 0 else None


def _tie_groups(ordered: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The position at which each run of equal values begins, and the run of each position."""
    begins = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    return np.flatnonzero(begins), np.cumsum(begins) - 1


def _window(rows: _Rows, day: date, window_days: int) -> _Rows:
    last = (day - _EPOCH).days
    return rows.where((rows.day <= last) & (rows.day > last - window_days))


def _read(table: pa.Table, *, accept: str | None, stake: str | None) -> _Rows:
    day = _column(table, "day")
    if day.type != pa.date32() or day.null_count:
        raise PerformanceError(f"'day' is {day.type} with {day.null_count} nulls; it must be date32 without")
    score = _numbers(table, "score")
    ones = np.ones(len(score))
    with_outcome = accept is not None
    rows = _Rows(
        day=day.cast(pa.int32()).to_numpy().astype(np.int64),
        score=score,
        label=_labels(table) if with_outcome else np.full(len(score), -1, dtype=np.int8),
        accepted=_equals(table, "outcome", accept) if with_outcome else ones.astype(bool),
        stake=_numbers(table, stake) if stake else ones,
    )
    if np.isnan(rows.stake[rows.label >= 0]).any():
        raise PerformanceError(f"the stake '{stake}' is missing in labelled rows; profit cannot be computed")
    order = np.argsort(score, kind="stable")
    return _Rows(rows.day[order], rows.score[order], rows.label[order], rows.accepted[order], rows.stake[order])


def _labels(table: pa.Table) -> NDArray[np.int8]:
    """0, 1, and -1 where unobserved."""
    label = np.nan_to_num(_numbers(table, "label"), nan=-1.0)
    if not np.isin(label, (-1.0, 0.0, 1.0)).all():
        raise PerformanceError("'label' holds something other than 0, 1 and null")
    return label.astype(np.int8)


def _equals(table: pa.Table, name: str, value: str | None) -> NDArray[np.bool_]:
    same = pc.fill_null(pc.equal(_column(table, name).cast(pa.string()), pa.scalar(value, pa.string())), False)
    return np.asarray(same.to_numpy(), dtype=np.bool_)


def _numbers(table: pa.Table, name: str) -> NDArray[np.float64]:
    column = _column(table, name)
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        raise PerformanceError(f"'{name}' is {column.type}; it must hold numbers")
    return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)


def _column(table: pa.Table, name: str) -> pa.ChunkedArray:
    if name not in table.column_names:
        raise PerformanceError(f"there is no column '{name}'; the table has {listed(table.column_names)}")
    return table[name]


def _checked_days(days: Sequence[date], window_days: int) -> list[date]:
    if window_days < 1:
        raise PerformanceError(f"a window of {window_days} days; it must be at least 1")
    return sorted(set(days))


def _table(schema: pa.Schema, days: Sequence[date], figures: Sequence[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist([{"day": day, **row} for day, row in zip(days, figures, strict=True)], schema=schema)
