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

from assets.metrics.density_ratio import UNSEEN, DensityRatio, density_ratio
from assets.monitoring.performance.expected import (
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
Withheld = Literal["no reference", "too few rows", "regions never seen", "calibration moved", "amount"]

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


@dataclass(frozen=True, eq=False)
class _Fit:
    """What the reference rows of a group say of rows like them.

    Attributes:
        used: The recalibration of their scores.
        alike: For each figure by name, `alike_of`; none where it is not defined.
    """

    used: Recalibration
    alike: Mapping[str, float]


class Estimator:
    """Estimates of windows beside the same reference rows.

    What the reference rows say without weights is the same for every window, and is computed once.
    """

    def __init__(self, reference: ReferenceRows | Reason, profit: Profit, *, min_rows: int) -> None:
        """
        Args:
            reference: The reference rows, or why there are none.
            profit: Earnings and losses of an accepted row.
            min_rows: With fewer scored rows a figure is withheld.
        """
        self._reference, self._profit, self._min_rows = reference, profit, min_rows
        self._unweighted: dict[tuple[str, str], _Fit | Reason] = {}

    def of_window(self, window: Rows, *, moved: str | None) -> list[dict[str, Any]]:
        """The estimates of a window's rows by both methods, over all rows and over each group of each part.

        Args:
            moved: What says that the calibration of the newest mature labels has moved; `None` where it has not, or no
                label has matured since the reference.

        Returns:
            Rows of ESTIMATED_SCHEMA without the day. Withheld figures are null, with the reason.
        """
        scored = window.where(~np.isnan(window.score))
        ratio, withheld = self._ratio(scored, moved)
        found = []
        for part, group, now in _parts(scored):
            of_group, figures = scored.where(now), dict[Method, dict[str, Any] | Reason]()
            for method in get_args(Method):
                told = {
                    "method": method, "part": part, "group": group, "rows": len(of_group.score),
                    "accepted": int(of_group.accepted.sum()), "classifier_auc": None if ratio is None else ratio.auc,
                    "unseen_share": None if ratio is None else ratio.unseen_share,
                }  # fmt: skip
                outcome: dict[str, Any] | Reason | None = withheld
                if outcome is None and ratio is not None:
                    # Where nothing tells the window from the reference, each row weighs 1: both methods are one.
                    same = method == "pape" and not ratio.shifted
                    weight = ratio.reference if method == "pape" else None
                    outcome = figures["cbpe"] if same else self._estimated(part, group, weight, of_group)
                    figures[method] = outcome
                if isinstance(outcome, Reason):
                    outcome = {"withheld": outcome.kind, "reason": outcome.sentence}
                found.append(dict.fromkeys(ESTIMATED_SCHEMA.names) | told | (outcome or {}))
        return found

    def _ratio(self, scored: Rows, moved: str | None) -> tuple[DensityRatio | None, Reason | None]:
        """How the window's rows differ from the reference rows, and why all estimates of them are withheld."""
        few = _too_few(scored, self._min_rows)
        if isinstance(self._reference, Reason) or few is not None:
            return None, self._reference if isinstance(self._reference, Reason) else few
        ratio = density_ratio(self._reference.rows.matrix, scored.matrix)
        return ratio, _unseen(ratio) or (Reason("calibration moved", moved) if moved else None)

    def _estimated(self, part: str, group: str, weight: Floats | None, window: Rows) -> dict[str, Any] | Reason:
        """The figures of a group's rows of a window, or why there are none."""
        few = _too_few(window, self._min_rows)
        fit = few or self._fit(part, group, weight)
        if isinstance(fit, Reason):
            return fit
        told: dict[str, Any] = {**confusion_of(fit.used.apply(window.score), window.accepted)}
        for name in _FIGURES:
            rows = _counted(name, window)
            p = fit.used.apply(rows.score)
            figure = _figure(name, rows, p, self._profit)
            if figure is not None:
                interval = interval_of(figure, rows.score, p, fit.used, fit.alike.get(name, 1.0))
                low, high = interval.low, interval.high
                low, high = (low, high) if name == "profit" else (max(low, 0.0), min(high, 1.0))
                told |= {name: interval.value, f"{name}_low": low, f"{name}_high": high}
        return told

    def _fit(self, part: str, group: str, weight: Floats | None) -> _Fit | Reason:
        """What the reference rows of a group say, each with its weight."""
        assert isinstance(self._reference, ReferenceRows)
        known = self._unweighted.get((part, group)) if weight is None else None
        if known is not None:
            return known
        every = np.ones(len(self._reference.label), dtype=bool)
        kept = every if part == WHOLE else np.asarray(self._reference.rows.groups[part] == group)
        fit = _fitted(self._reference.where(kept), None if weight is None else weight[kept], self._profit)
        if weight is None:
            self._unweighted[part, group] = fit
        return fit


def _fitted(reference: ReferenceRows, weight: Floats | None, profit: Profit) -> _Fit | Reason:
    try:
        used = recalibrate(reference.rows.score, reference.label, weight, reference.clusters)
    except RecalibrationError as error:
        return Reason("too few rows", f"of the reference rows {error}")
    if used.slope <= 0.0:
        return Reason("too few rows", f"the score does not rank {used.rows} reference rows: slope {used.slope:.2f}")
    alike = {}
    for name in _FIGURES:
        before = reference.where(reference.rows.accepted) if name == "accepted_auc" else reference
        p = used.apply(before.rows.score)
        figure = _figure(name, before.rows, p, profit)
        if figure is not None:
            alike[name] = alike_of(figure, p, before.label, before.clusters)
    return _Fit(used, alike)


def _counted(name: str, rows: Rows) -> Rows:
    """The rows that a figure is over."""
    return rows.where(rows.accepted) if name == "accepted_auc" else rows


def _figure(name: str, rows: Rows, p: Floats, profit: Profit) -> Linear | None:
    if name == "bad_rate":
        return bad_rate_of(p, rows.accepted)
    if name == "profit":
        return profit_of(p, rows.accepted, rows.stake, profit.good, profit.bad)
    return auc_of(rows.score, p)


def _parts(window: Rows) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    """Each part and group, with the window's rows in it."""
    yield WHOLE, WHOLE, np.ones(len(window.score), bool)
    for part, of_rows in window.groups.items():
        for group in sorted({str(one) for one in of_rows.tolist()}):
            yield part, group, np.asarray(of_rows == group)


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
