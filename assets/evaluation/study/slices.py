"""The slices of rows in which a model is worst, found over several features.

Belongs here: the search on one half of the entities and the confirmation on the other. Does not belong here: groups of
protected attributes (`assets.evaluation.fairness`), the conditions (`conditions.py`).

The search goes through single conditions, pairs and, from the best pairs, triples, as SliceLine does (Sagadeeva and
Boehm, 2021). SliceLine looks for a high loss, which is high wherever outcomes are uncertain, however good the model. So
two things are looked for whose mean is 0 in every slice of a model that is right there:

- rate: label less probability, in either direction: the model expects too few or too many bad rows in the slice;
- ranking: by how much the log loss exceeds what the probabilities themselves expect: within the slice they say more
  than is so.

Probabilities are first recalibrated on the half at hand, by slope and intercept: an error of all rows is no slice's.
What is found on one half is chance until the other half shows it too, by an interval corrected for the number of slices
that were taken there (Bonferroni).
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression

from assets.bundle.calibration import log_odds, sigmoid
from assets.evaluation.study.conditions import Conditions, conditions_of
from assets.evaluation.study.parts import Floats, Studied
from assets.metrics.ranking import Ranking

Weakness = Literal["too few bad rows expected", "too many bad rows expected", "ranks worse than it says"]
_FEW: Weakness = "too few bad rows expected"
_MANY: Weakness = "too many bad rows expected"
_RANKING: Weakness = "ranks worse than it says"
_MOST_ROWS = 40_000
_LEAST_SHARE, _LEAST_ROWS, _LEAST_VARIANCE = 0.01, 40, 4.0
_TAKEN = 5
"""Slices of each kind that the first half hands to the second."""
_BEAM = 40
_ALIKE = 0.6
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Slice:
    """A slice, with its figures on the half on which it was not found.

    Attributes:
        conditions: Its conditions in words.
        weakness: What is wrong there.
        rows, bad: Counts.
        observed, expected: The share of bad rows, and what the recalibrated probabilities expect.
        auc: How well the score ranks within the slice; `None` with fewer than ten rows of a class.
        error, low, high: The mean error for each row, observed less expected for a rate and the log loss in excess for
            a ranking, with the corrected interval.
        confirmed: Whether that interval is on the side of the error that was found.
    """

    conditions: tuple[str, ...]
    weakness: Weakness
    rows: int
    bad: int
    observed: float
    expected: float
    auc: float | None
    error: float
    low: float
    high: float
    confirmed: bool

    def to_dict(self) -> dict[str, object]:
        """Ready for JSON."""
        return {**asdict(self), "conditions": list(self.conditions)}


@dataclass(frozen=True, eq=False)
class _Half:
    """The rows of one half.

    Attributes:
        met: float32 [rows, conditions].
        errors, variances: Of each kind, float64 [rows]: the error, and its variance if the model is right.
    """

    rows: NDArray[np.int64]
    met: NDArray[np.float32]
    probability: Floats
    errors: dict[bool, Floats]
    variances: dict[bool, Floats]


@dataclass(frozen=True)
class _Found:
    """Conditions by their numbers, what is wrong there, and its score: standard errors from 0."""

    places: tuple[int, ...]
    weakness: Weakness
    score: float

    @property
    def ranking(self) -> bool:
        """Whether the error is one of ranking."""
        return self.weakness == _RANKING


def worst_slices(studied: Studied) -> tuple[Slice, ...]:
    """The slices that the first half found, those that the second confirmed first, the gravest first.

    Of more than 40,000 test rows, those are looked at that are spread evenly over time. Where a half has rows of one
    class only, nothing can be found.
    """
    rows = np.arange(len(studied.test))
    if len(rows) > _MOST_ROWS:
        rows = np.linspace(0, len(rows) - 1, _MOST_ROWS).astype(np.int64)
    conditions = conditions_of(studied.train, studied.test)
    entities = int(studied.entity.max()) + 1
    first = np.random.default_rng(studied.seed).permutation(entities) < entities // 2
    halves = [_half(studied, conditions, rows[first[studied.entity[rows]] == side]) for side in (True, False)]
    if halves[0] is None or halves[1] is None:
        return ()
    taken = [one for weakness in (_FEW, _MANY, _RANKING) for one in _taken(halves[0], conditions, weakness)]
    found = [_confirmed(one, studied, conditions, halves[1], len(taken)) for one in taken]
    kept = [one for one in found if one is not None]
    return tuple(sorted(kept, key=lambda one: (not one.confirmed, -abs(one.error) * one.rows)))


def _half(studied: Studied, conditions: Conditions, rows: NDArray[np.int64]) -> _Half | None:
    y = studied.test.y[rows].astype(np.float64)
    if not 0.0 < y.sum() < len(y):
        return None
    odds = log_odds(studied.scores[rows])
    fit = LogisticRegression(C=1e6, max_iter=200).fit(odds[:, None], y)
    odds = odds * float(fit.coef_[0, 0]) + float(fit.intercept_[0])
    probability = sigmoid(odds)
    variance = probability * (1.0 - probability)
    away = float(log_odds(np.array([y.mean()]))[0]) - odds
    return _Half(
        rows=rows,
        met=conditions.met[rows].astype(np.float32),
        probability=probability,
        errors={False: y - probability, True: (y - probability) * away},
        variances={False: variance, True: variance * away**2},
    )


def _taken(half: _Half, conditions: Conditions, weakness: Weakness) -> list[_Found]:
    """The worst slices of one kind that are not much alike."""
    found = sorted(_searched(half, conditions, weakness), key=lambda one: -one.score)
    kept: list[_Found] = []
    masks: list[NDArray[np.bool_]] = []
    for one in found:
        mask = np.asarray(half.met[:, list(one.places)].all(axis=1), dtype=np.bool_)
        if all((mask & other).sum() < _ALIKE * (mask | other).sum() for other in masks):
            kept.append(one)
            masks.append(mask)
        if len(kept) == _TAKEN:
            break
    return kept


def _searched(half: _Half, conditions: Conditions, weakness: Weakness) -> list[_Found]:
    """The best slices of one, two and three conditions."""
    ranking, sign = weakness == _RANKING, np.float32(-1.0 if weakness == _MANY else 1.0)
    error, variance = sign * half.errors[ranking].astype(np.float32), half.variances[ranking].astype(np.float32)
    least = max(_LEAST_ROWS, int(_LEAST_SHARE * len(half.rows)))

    def scores(masks: NDArray[np.float32]) -> Floats:
        """The score of each mask with each condition, float64 [masks, conditions]; -inf where it cannot be judged."""
        weights = (np.ones_like(error), error, variance)
        count, sums, spread = (masks.T @ (half.met * weight[:, None]) for weight in weights)
        judged = (count >= least) & (spread >= _LEAST_VARIANCE * float(variance.mean()))
        size = sums / np.sqrt(np.maximum(spread, 1e-12))
        return np.where(judged, size, -np.inf).astype(np.float64)

    single = scores(np.ones((len(error), 1), dtype=np.float32))[0]
    found = [_Found((place,), weakness, float(single[place])) for place in _best(single)]
    pairs = scores(half.met)
    names = np.array(conditions.features)
    pairs[np.tril_indices(len(pairs))] = -np.inf
    pairs[names[:, None] == names[None, :]] = -np.inf
    beam = [divmod(place, len(pairs)) for place in _best(pairs.ravel())]
    found += [_Found(places, weakness, float(pairs[places])) for places in beam]
    if beam:
        masks = np.stack([half.met[:, a] * half.met[:, b] for a, b in beam], axis=1)
        triples = scores(masks)
        for number, (a, b) in enumerate(beam):
            triples[number, (names == names[a]) | (names == names[b])] = -np.inf
        for place in _best(triples.ravel()):
            number, third = divmod(place, triples.shape[1])
            found.append(_Found((*beam[number], third), weakness, float(triples[number, third])))
    # A condition more has to make a slice worse than those that it narrows.
    by_places = {frozenset(one.places): one.score for one in found}
    return [one for one in _narrowed(found, by_places) if one.score > 0.0]


def _narrowed(found: Iterable[_Found], known: dict[frozenset[int], float]) -> list[_Found]:
    """Those that are worse than every wider slice that is known."""
    return [
        one
        for one in found
        if all(
            known.get(frozenset(fewer), -np.inf) < one.score
            for size in range(1, len(one.places))
            for fewer in combinations(one.places, size)
        )
    ]


def _best(scores: Floats) -> list[int]:
    """The places of the best scores that can be judged."""
    order = np.argsort(-scores, kind="stable")[:_BEAM]
    return [int(place) for place in order if np.isfinite(scores[place])]


def _confirmed(one: _Found, studied: Studied, conditions: Conditions, half: _Half, taken: int) -> Slice | None:
    """The slice on the other half; `None` where it has hardly any rows there."""
    within = half.met[:, list(one.places)].all(axis=1)
    rows = half.rows[within]
    if len(rows) < 2:
        return None
    error = half.errors[one.ranking][within]
    _, member = np.unique(studied.entity[rows], return_inverse=True)
    sums = np.bincount(member.reshape(-1), weights=error - error.mean())
    clusters = len(sums)
    # Where hardly any row is bad, the rows seem to say more than they do: the model's own variance is the least.
    spread = max(
        float((sums**2).sum() * clusters / max(clusters - 1, 1)), float(half.variances[one.ranking][within].sum())
    )
    deviation = float(np.sqrt(spread)) / len(rows)
    reach = float(norm.ppf(1.0 - (1.0 - _CONFIDENCE) / (2.0 * taken))) * deviation
    mean, y = float(error.mean()), studied.test.y[rows]
    bad = int(y.sum())
    return Slice(
        conditions=tuple(conditions.words[place] for place in one.places),
        weakness=one.weakness,
        rows=len(rows),
        bad=bad,
        observed=bad / len(rows),
        expected=float(half.probability[within].mean()),
        auc=Ranking.of(y, studied.scores[rows]).auc if min(bad, len(rows) - bad) >= 10 else None,
        error=mean,
        low=mean - reach,
        high=mean + reach,
        confirmed=mean + reach < 0.0 if one.weakness == _MANY else mean - reach > 0.0,
    )
