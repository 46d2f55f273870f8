"""Performance without labels: what is expected of the rows of a window, by two methods, or why it is withheld.

Belongs here: the estimates of a window beside the reference rows, over all rows and by part, and when they are
withheld. Does not belong here: a figure and its interval (`expected.py`), reading rows (`reference.py`, `assets.py`).

- `cbpe`: scores are recalibrated on the reference rows, and figures follow from the probabilities;
- `pape`: the reference rows weigh as much as rows like them now come more often (Białek et al., "Estimating model
  performance under covariate shift without labels", arXiv:2401.08348): right too where the rows have moved.

Both suppose that rows turn out as the reference rows did: that the outcome depends on a row as before. No method sees
that it does not without labels. So an estimate is withheld where that is contradicted (the calibration over the newest
mature labels has moved) or could not be known (rows of regions never seen).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assets.monitoring.density_ratio import UNSEEN, DensityRatio, density_ratio
from assets.monitoring.performance.expected import (
    Interval,
    Linear,
    alike_of,
    auc_of,
    bad_rate_of,
    confusion_of,
    interval_of,
    profit_of,
)
from assets.monitoring.performance.recalibration import (
    Floats,
    Recalibration,
    RecalibrationError,
    recalibrate,
)
from assets.product import Profit

Method = Literal["cbpe", "pape"]
Withheld = Literal["no reference", "too few rows", "regions never seen", "calibration moved"]

WHOLE = "all"
"""The part, and its group, of the figures over all rows."""
MOST_UNSEEN = 0.05
"""The largest share of rows of regions never seen beside which an estimate is given."""

_FIGURES = ("auc", "accepted_auc", "bad_rate", "profit")
_COUNTS = ("true_bad", "false_bad", "missed_bad", "true_good")

ESTIMATED_SCHEMA = pa.schema(
    [
        pa.field("day", pa.date32(), nullable=False),
        pa.field("method", pa.string(), nullable=False),
        pa.field("part", pa.string(), nullable=False),
        pa.field("group", pa.string(), nullable=False),
        pa.field("rows", pa.int64(), nullable=False),
        pa.field("accepted", pa.int64(), nullable=False),
        *(pa.field(f"{name}{end}", pa.float64()) for name in _FIGURES for end in ("", "_low", "_high")),
        *(pa.field(name, pa.float64()) for name in _COUNTS),
        pa.field("withheld", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("classifier_auc", pa.float64()),
        pa.field("unseen_share", pa.float64()),
    ]
)


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows that a model decided, or would decide.

    Attributes:
        score: float64 [n]; NaN where a knock-out decided.
        accepted: bool [n], whether the answer was to accept.
        stake: float64 [n], 1 where profit is in amounts.
        matrix: float32 [n, columns], what the model saw.
        groups: For each part (a column by which figures are told apart) the group of each row, object [n].
    """

    score: Floats
    accepted: NDArray[np.bool_]
    stake: Floats
    matrix: NDArray[np.float32]
    groups: Mapping[str, NDArray[np.object_]] = field(default_factory=dict)

    def where(self, keep: NDArray[np.bool_]) -> "Rows":
        """These rows alone."""
        groups = {part: of_rows[keep] for part, of_rows in self.groups.items()}
        return Rows(self.score[keep], self.accepted[keep], self.stake[keep], self.matrix[keep], groups)


@dataclass(frozen=True, eq=False)
class ReferenceRows:
    """The rows on which a model was evaluated, with their labels; all have a score.

    Attributes:
        label: int8 [n].
        clusters: Of each kind the cluster of each row, int64 [n]: its day, its entities; their rows may be alike.
    """

    rows: Rows
    label: NDArray[np.int8]
    clusters: tuple[NDArray[np.int64], ...] = ()

    def where(self, keep: NDArray[np.bool_]) -> "ReferenceRows":
        """These rows alone."""
        return ReferenceRows(self.rows.where(keep), self.label[keep], tuple(one[keep] for one in self.clusters))


@dataclass(frozen=True)
class Reason:
    """Why an estimate is withheld."""

    kind: Withheld
    sentence: str


def estimates_of(
    reference: ReferenceRows | Reason, window: Rows, profit: Profit, *, min_rows: int, moved: str | None
) -> list[dict[str, Any]]:
    """The estimates of a window's rows by both methods, over all rows and over each group of each part.

    Args:
        reference: The reference rows, or why there are none.
        profit: Earnings and losses of an accepted row.
        min_rows: With fewer scored rows a figure is withheld.
        moved: What says that the calibration of the newest mature labels has moved; `None` where it has not, or no
            label has matured since the reference.

    Returns:
        Rows of ESTIMATED_SCHEMA without the day. Withheld figures are null, with the reason.
    """
    scored = window.where(~np.isnan(window.score))
    ratio: DensityRatio | None = None
    withheld = reference if isinstance(reference, Reason) else _too_few(scored, min_rows)
    if withheld is None and isinstance(reference, ReferenceRows):
        ratio = density_ratio(reference.rows.matrix, scored.matrix)
        withheld = _unseen(ratio) or (Reason("calibration moved", moved) if moved else None)
    found = []
    for part, group, now, before in _parts(scored, reference):
        for method in get_args(Method):
            told = {
                "method": method, "part": part, "group": group, "rows": int(now.sum()),
                "accepted": int(scored.accepted[now].sum()), "classifier_auc": None if ratio is None else ratio.auc,
                "unseen_share": None if ratio is None else ratio.unseen_share,
            }  # fmt: skip
            why, figures = withheld, dict[str, Any]()
            if why is None and isinstance(reference, ReferenceRows) and ratio is not None:
                weight = ratio.reference[before] if method == "pape" else None
                outcome = _estimated(reference, before, weight, scored.where(now), profit, min_rows)
                why, figures = (outcome, {}) if isinstance(outcome, Reason) else (None, outcome)
            reasons = {} if why is None else {"withheld": why.kind, "reason": why.sentence}
            found.append(dict.fromkeys(ESTIMATED_SCHEMA.names) | told | figures | reasons)
    return found


def _estimated(
    reference: ReferenceRows,
    kept: NDArray[np.bool_],
    weight: Floats | None,
    window: Rows,
    profit: Profit,
    min_rows: int,
) -> dict[str, Any] | Reason:
    """The figures of a window's rows from the kept reference rows, or why there are none."""
    few = _too_few(window, min_rows)
    if few is not None:
        return few
    try:
        clusters = [one[kept] for one in reference.clusters]
        used = recalibrate(reference.rows.score[kept], reference.label[kept], weight, clusters)
    except RecalibrationError as error:
        return Reason("too few rows", f"of the reference rows {error}")
    if used.slope <= 0.0:
        return Reason("too few rows", f"the score does not rank {used.rows} reference rows: slope {used.slope:.2f}")
    before = reference.where(kept)
    told: dict[str, Any] = {**confusion_of(used.apply(window.score), window.accepted)}
    for name in _FIGURES:
        interval = _interval(name, window, before, used, profit)
        if interval is not None:
            low, high = interval.low, interval.high
            low, high = (low, high) if name == "profit" else (max(low, 0.0), min(high, 1.0))
            told |= {name: interval.value, f"{name}_low": low, f"{name}_high": high}
    return told


def _interval(
    name: str, window: Rows, reference: ReferenceRows, used: Recalibration, profit: Profit
) -> Interval | None:
    if name == "accepted_auc":
        window, reference = window.where(window.accepted), reference.where(reference.rows.accepted)
    p, before = used.apply(window.score), used.apply(reference.rows.score)
    figure, as_before = _figure(name, window, p, profit), _figure(name, reference.rows, before, profit)
    if figure is None:
        return None
    alike = 1.0 if as_before is None else alike_of(as_before, before, reference.label, reference.clusters)
    return interval_of(figure, window.score, p, used, alike)


def _figure(name: str, rows: Rows, p: Floats, profit: Profit) -> Linear | None:
    if name == "bad_rate":
        return bad_rate_of(p, rows.accepted)
    if name == "profit":
        return profit_of(p, rows.accepted, rows.stake, profit.good, profit.bad)
    return auc_of(rows.score, p)


def _parts(
    window: Rows, reference: ReferenceRows | Reason
) -> Iterator[tuple[str, str, NDArray[np.bool_], NDArray[np.bool_]]]:
    """Each part and group, with the window's rows and the reference rows in it."""
    before = reference.rows if isinstance(reference, ReferenceRows) else window.where(np.zeros(len(window.score), bool))
    yield WHOLE, WHOLE, np.ones(len(window.score), bool), np.ones(len(before.score), bool)
    for part, of_rows in window.groups.items():
        for group in sorted({str(one) for one in of_rows.tolist()}):
            yield part, group, np.asarray(of_rows == group), np.asarray(before.groups[part] == group)


def _too_few(rows: Rows, min_rows: int) -> Reason | None:
    if len(rows.score) >= max(min_rows, 2):
        return None
    return Reason("too few rows", f"{len(rows.score)} rows with a score in the window; at least {min_rows} are needed")


def _unseen(ratio: DensityRatio) -> Reason | None:
    if ratio.unseen_share <= MOST_UNSEEN:
        return None
    return Reason(
        "regions never seen",
        f"{ratio.unseen_share:.0%} of the rows lie where rows come {UNSEEN:g} times more often than among the "
        f"reference rows, above {MOST_UNSEEN:.0%}: nobody knows how such rows turn out",
    )
