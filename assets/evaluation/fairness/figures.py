"""How decisions treat groups of people.

Belongs here: the figures of the groups of a protected attribute (Fairlearn), and the spread between them. Does not
belong here: the groups (`assets.metrics.groups`), intervals and pools (`standing.py`), the allowed spread (`gates.py`),
anything that lets a model see the attribute.
"""

from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from assets.metrics.groups import group_members
from assets.metrics.ranking import EvaluationError, Ranking
from assets.product import Protected

# A rate over fewer rows of a class than this is mostly chance (its standard error is above 0.1).
LEAST_OF_CLASS = 20


@dataclass(frozen=True)
class GroupFigures:
    """The figures of one group. A rate is `None` where the group has fewer than 20 rows of the rate's class.

    Attributes:
        group: Its name.
        rows, positives: Counts; a positive row had the bad outcome.
        judged: Whether it has enough rows to count in the spread between groups.
        accepted_share: Accepted rows over all its rows; a referred row is not accepted.
        true_positive_rate: Share of its bad rows that were not accepted.
        false_positive_rate: Share of its good rows that were not accepted.
        auc: How well the score ranks within the group.
    """

    group: str
    rows: int
    positives: int
    judged: bool
    accepted_share: float
    true_positive_rate: float | None
    false_positive_rate: float | None
    auc: float | None


@dataclass(frozen=True)
class FairnessReport:
    """The figures of one protected attribute.

    Attributes:
        attribute: Its column.
        groups: In the order of their bands or names.
        selection_ratio: Lowest accepted share over the highest, among judged groups (demographic parity ratio).
        odds_gap: The larger spread of the two rates among judged groups (equalised odds difference).
        lowest_auc: The lowest AUC among judged groups.

    The last three are `None` where fewer than two judged groups (`lowest_auc`: none) have the figure.
    """

    attribute: str
    groups: tuple[GroupFigures, ...]
    selection_ratio: float | None
    odds_gap: float | None
    lowest_auc: float | None

    def to_dict(self) -> dict[str, object]:
        """Ready for JSON."""
        return {**asdict(self), "groups": [asdict(group) for group in self.groups]}


def assess(
    protected: Protected,
    values: NDArray[np.generic],
    *,
    y: NDArray[np.int8],
    scores: NDArray[np.float64],
    threshold: float,
    min_group_rows: int,
    ruled: NDArray[np.bool_] | None = None,
) -> FairnessReport:
    """The figures of each group, and the spread between the judged groups.

    Args:
        protected: The attribute and its bands.
        values: The attribute's values [n]; missing values (null, NaN) are the group "missing".
        y: int8 [n], 1 is the bad outcome.
        scores: float64 [n].
        threshold: A score at or above it is not accepted, but refused or referred.
        min_group_rows: Smaller groups are reported, not judged.
        ruled: bool [n], the rows that a rule refuses or refers whatever their score; `None` without rules.

    Raises:
        EvaluationError: The arrays differ in length or are empty, or there are bands for values that are not numbers.
    """
    # Fairlearn brings pandas: processes that need the groups alone are spared both.
    from fairlearn.metrics import MetricFrame, count, false_positive_rate, selection_rate, true_positive_rate

    if not len(values) == len(y) == len(scores) or len(y) == 0:
        raise EvaluationError(
            f"protected '{protected.column}': {len(values)} values, {len(y)} labels, {len(scores)} scores"
        )
    names, member = group_members(protected, values)
    refused = ((scores >= threshold) | (False if ruled is None else ruled)).astype(np.int8)
    frame = MetricFrame(
        metrics={
            "rows": count,
            "refused": partial(selection_rate, pos_label=1),
            "true": partial(true_positive_rate, pos_label=1),
            "false": partial(false_positive_rate, pos_label=1),
        },
        y_true=y,
        y_pred=refused,
        sensitive_features=member,
    ).by_group
    groups = tuple(
        _figures(name, frame.loc[position], y[member == position], scores[member == position], min_group_rows)
        for position, name in enumerate(names)
    )
    judged = [group for group in groups if group.judged]
    accepted = [group.accepted_share for group in judged]
    aucs = [group.auc for group in judged if group.auc is not None]
    return FairnessReport(
        attribute=protected.column,
        groups=groups,
        selection_ratio=_ratio(accepted) if len(accepted) > 1 else None,
        odds_gap=_odds_gap(judged),
        lowest_auc=min(aucs) if aucs else None,
    )


def _figures(
    name: str, rates: "object", y: NDArray[np.int8], scores: NDArray[np.float64], min_group_rows: int
) -> GroupFigures:
    figures = {key: float(rates[key]) for key in ("refused", "true", "false")}  # type: ignore[index]
    positives = int(y.sum())
    enough_bad = positives >= LEAST_OF_CLASS
    enough_good = len(y) - positives >= LEAST_OF_CLASS
    return GroupFigures(
        group=name,
        rows=len(y),
        positives=positives,
        judged=len(y) >= min_group_rows,
        accepted_share=1.0 - figures["refused"],
        true_positive_rate=figures["true"] if enough_bad else None,
        false_positive_rate=figures["false"] if enough_good else None,
        auc=Ranking.of(y, scores).auc if enough_bad and enough_good else None,
    )


def _ratio(shares: list[float]) -> float:
    """Lowest over highest share; 1 if no group has an accepted row, because all groups are then treated alike."""
    return min(shares) / max(shares) if max(shares) > 0 else 1.0


def _odds_gap(judged: list[GroupFigures]) -> float | None:
    spreads = []
    for rates in ([g.true_positive_rate for g in judged], [g.false_positive_rate for g in judged]):
        known = [rate for rate in rates if rate is not None]
        if len(known) < 2:
            return None
        spreads.append(max(known) - min(known))
    return max(spreads)
