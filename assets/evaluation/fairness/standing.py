"""Where the groups of an attribute stand, with intervals; small groups are pooled.

Belongs here: for each measure the share of every group, the groups that are compared, and those that are too small to
be judged even together. Does not belong here: the comparison with a limit (`limits.py`), proxies (`proxies.py`), the
intervals themselves (`assets.metrics.intervals`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, fisher_exact

from assets.evaluation.fairness.figures import LEAST_OF_CLASS
from assets.metrics.calibration import calibration_error
from assets.metrics.groups import Groups, crossed_members, group_members
from assets.metrics.intervals import Share, share_of
from assets.metrics.ranking import EvaluationError
from assets.product import Protected
from assets.product.policies.fairness import FairnessMeasure


@dataclass(frozen=True, eq=False)
class Answered:
    """Test rows with their answers; every array has an entry per row.

    Attributes:
        y: int8 [n], 1 is the bad outcome.
        scores: float64 [n], probabilities.
        accepted: bool [n]; a referred row is not accepted.
        entities: Whose row each is [n]; `None` where each row is of another.
    """

    y: NDArray[np.int8]
    scores: NDArray[np.float64]
    accepted: NDArray[np.bool_]
    entities: NDArray[np.generic] | None = None

    def counted(self, measure: FairnessMeasure) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """The rows that a measure counts, and of all rows those that are its hits: bool [n] each."""
        everyone = np.ones(len(self.y), dtype=np.bool_)
        if measure == "selection_ratio":
            return everyone, self.accepted
        if measure == "calibration_gap":
            return everyone, self.y == 1
        return self.y == (1 if measure == "true_positive_gap" else 0), ~self.accepted


@dataclass(frozen=True)
class JudgedGroup:
    """A group, or a pool of small ones, that a measure compares.

    Attributes:
        group: Its name; the names of a pool's groups are joined by "or".
        share: The accepted share, the true or false positive rate, or the observed rate of the bad outcome.
        predicted: The mean of its scores.
        p_value: Of a pool: of the exact test against all other rows.
    """

    group: str
    share: Share
    predicted: float
    p_value: float | None = None


@dataclass(frozen=True)
class UnjudgedGroups:
    """Groups that are too small for a measure even together.

    Attributes:
        groups: Their names.
        missing: What they lack by the policy, in words.
        p_value: Of the exact test of these rows against all others, or for calibration against their scores; `None`
            where no row can be compared.
    """

    groups: tuple[str, ...]
    missing: str
    p_value: float | None


@dataclass(frozen=True)
class MeasureStanding:
    """The groups of one attribute by one measure."""

    measure: FairnessMeasure
    judged: tuple[JudgedGroup, ...]
    unjudged: UnjudgedGroups | None


@dataclass(frozen=True)
class GroupRecord:
    """What is known of one group, however small; a share is `None` where the group has no row of its kind.

    Attributes:
        accepted: The accepted share.
        true_positive_rate, false_positive_rate: Shares of its bad, and good, rows that were not accepted.
        observed: The rate of the bad outcome.
        predicted: The mean of its scores.
        calibration_error: The expected calibration error within the group.
    """

    group: str
    rows: int
    positives: int
    accepted: Share
    true_positive_rate: Share | None
    false_positive_rate: Share | None
    observed: Share
    predicted: float
    calibration_error: float


@dataclass(frozen=True)
class AttributeStanding:
    """The groups of one attribute, or of several that are crossed.

    Attributes:
        attribute: Its column; those of crossed attributes are joined by "and".
        crossed: Whether it is of several attributes.
        groups: Every group.
        measures: What each measure compares.
    """

    attribute: str
    crossed: bool
    groups: tuple[GroupRecord, ...]
    measures: Mapping[FairnessMeasure, MeasureStanding]

    def to_dict(self) -> dict[str, object]:
        """Ready for JSON."""
        measures = {name: asdict(one) for name, one in self.measures.items()}
        for one in measures.values():
            del one["measure"]
        return {
            "attribute": self.attribute,
            "crossed": self.crossed,
            "groups": [asdict(group) for group in self.groups],
            "measures": measures,
        }


def standings(
    protected: Sequence[Protected],
    values: Mapping[str, NDArray[np.generic]],
    answered: Answered,
    *,
    crossed: int,
    min_group_rows: int,
    confidence: float,
) -> tuple[AttributeStanding, ...]:
    """The standing of each attribute, and of each crossing of at most `crossed` attributes.

    Args:
        protected: The attributes.
        values: The values [n] of each.
        answered: The test rows.
        crossed: How many attributes are crossed at most.
        min_group_rows: A group with fewer rows is pooled; so is one with fewer than 20 rows of the class of a rate.
        confidence: Of each interval.

    Raises:
        EvaluationError: An attribute has bands and values that are not numbers, or not as many values as rows.
    """
    for attribute in protected:
        if len(values[attribute.column]) != len(answered.y):
            raise EvaluationError(
                f"protected '{attribute.column}': {len(values[attribute.column])} values for {len(answered.y)} rows"
            )
    members = {one.column: group_members(one, values[one.column]) for one in protected}
    return tuple(
        _standing(names, crossed_members([members[name] for name in names]), answered, min_group_rows, confidence)
        for count in range(1, crossed + 1)
        for names in combinations(members, count)
    )


def _standing(
    attributes: tuple[str, ...], groups: Groups, answered: Answered, least: int, confidence: float
) -> AttributeStanding:
    names, member = groups
    return AttributeStanding(
        attribute=" and ".join(attributes),
        crossed=len(attributes) > 1,
        groups=tuple(_record(name, member == place, answered, confidence) for place, name in enumerate(names)),
        measures={
            measure: _measured(measure, groups, answered, least, confidence) for measure in get_args(FairnessMeasure)
        },
    )


def _record(name: str, own: NDArray[np.bool_], answered: Answered, confidence: float) -> GroupRecord:
    def share(measure: FairnessMeasure) -> Share:
        counted, hits = answered.counted(measure)
        return _share(counted & own, hits, answered, confidence)

    positives = int(answered.y[own].sum())
    return GroupRecord(
        group=name,
        rows=int(own.sum()),
        positives=positives,
        accepted=share("selection_ratio"),
        true_positive_rate=share("true_positive_gap") if positives else None,
        false_positive_rate=share("false_positive_gap") if positives < own.sum() else None,
        observed=share("calibration_gap"),
        predicted=float(answered.scores[own].mean()),
        calibration_error=calibration_error(answered.y[own], answered.scores[own]),
    )


def _share(rows: NDArray[np.bool_], hits: NDArray[np.bool_], answered: Answered, confidence: float) -> Share:
    return share_of(hits[rows], confidence, None if answered.entities is None else answered.entities[rows])


def _measured(
    measure: FairnessMeasure, groups: Groups, answered: Answered, least: int, confidence: float
) -> MeasureStanding:
    names, member = groups
    counted, hits = answered.counted(measure)
    small = [place for place in range(len(names)) if _missing(measure, member == place, counted, least)]
    judged = [
        _judged(measure, name, member == place, answered, confidence)
        for place, name in enumerate(names)
        if place not in small
    ]
    if not small:
        return MeasureStanding(measure, tuple(judged), None)
    pool, pooled = np.isin(member, small), tuple(names[place] for place in small)
    p_value = _exact(measure, pool & counted, ~pool & counted, hits, answered)
    missing = _missing(measure, pool, counted, least)
    if missing:
        return MeasureStanding(measure, tuple(judged), UnjudgedGroups(pooled, missing, p_value))
    judged.append(_judged(measure, " or ".join(pooled), pool, answered, confidence, p_value))
    return MeasureStanding(measure, tuple(judged), None)


def _judged(
    measure: FairnessMeasure,
    name: str,
    own: NDArray[np.bool_],
    answered: Answered,
    confidence: float,
    p_value: float | None = None,
) -> JudgedGroup:
    counted, hits = answered.counted(measure)
    share = _share(own & counted, hits, answered, confidence)
    return JudgedGroup(name, share, float(answered.scores[own].mean()), p_value)


def _missing(measure: FairnessMeasure, own: NDArray[np.bool_], counted: NDArray[np.bool_], least: int) -> str:
    """What a group lacks to be judged; empty if nothing."""
    rows, of_class = int(own.sum()), int((own & counted).sum())
    lacks = [f"{rows} of {least} rows"] if rows < least else []
    if measure in ("true_positive_gap", "false_positive_gap") and of_class < LEAST_OF_CLASS:
        lacks.append(f"{of_class} of {LEAST_OF_CLASS} {'bad' if measure == 'true_positive_gap' else 'good'} rows")
    return " and ".join(lacks)


def _exact(
    measure: FairnessMeasure,
    own: NDArray[np.bool_],
    others: NDArray[np.bool_],
    hits: NDArray[np.bool_],
    answered: Answered,
) -> float | None:
    """The p-value of Fisher's test of these rows against all others; of calibration, of the binomial test."""
    if not own.any():
        return None
    if measure == "calibration_gap":
        # A sum of unequal chances varies less than the binomial with their mean: the test errs to the safe side.
        return float(binomtest(int(hits[own].sum()), int(own.sum()), float(answered.scores[own].mean())).pvalue)
    if not others.any():
        return None
    counts = [[int(hits[rows].sum()), int((~hits[rows]).sum())] for rows in (own, others)]
    return float(fisher_exact(counts)[1])
