"""How far people who judge the same cases agree, beyond what chance would give.

Belongs here: Cohen's kappa of two reviewers and Krippendorff's alpha of any number, for unordered answers, with
intervals. Does not belong here: which words count (`assets.monitoring.reviews`), a verdict on the figure.

Both are 1 where all agree and 0 where they agree no more than by chance. They have no value where every word is the
same: chance alone would then agree too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

AgreementStatistic = Literal["cohen_kappa", "krippendorff_alpha"]
NOT_SAID = -1
"""Stands for the word of a reviewer who said nothing on a case."""
_CONFIDENCE = 0.95
_TWO = 2

_Words = NDArray[np.int64]


@dataclass(frozen=True)
class Agreement:
    """The agreement of some reviewers.

    Attributes:
        cases: Cases with the words of at least two reviewers.
        observed: The share of pairs of words on a case that are the same; `None` without a case.
        value: The statistic; `None` where it has no value.
        low, high: Its 95% interval by the jackknife over cases; `None` with fewer than three cases, or where leaving
            out a case leaves no value. Where all agree it has no width, however few cases there are.
    """

    statistic: AgreementStatistic
    cases: int
    observed: float | None
    value: float | None
    low: float | None
    high: float | None


def agreement_of(words: _Words) -> Agreement:
    """Cohen's kappa where two reviewers have said something, Krippendorff's alpha where more have.

    Args:
        words: int64 [cases, reviewers], each answer as a number from 0 on, or NOT_SAID.
    """
    words = words[:, (words != NOT_SAID).any(axis=0)]
    words = words[(words != NOT_SAID).sum(axis=1) >= _TWO]
    two = words.shape[1] <= _TWO
    statistic: AgreementStatistic = "cohen_kappa" if two else "krippendorff_alpha"
    figure = cohen_kappa if two else krippendorff_alpha
    value = figure(words) if len(words) else None
    low, high = (None, None) if value is None else _jackknife(figure, words, value)
    return Agreement(statistic, len(words), _observed(words), value, low, high)


def cohen_kappa(words: _Words) -> float | None:
    """Cohen's kappa (1960) of two reviewers who both judged every case, as scikit-learn's `cohen_kappa_score`.

    Args:
        words: int64 [cases, 2].
    """
    answers = int(words.max(initial=0)) + 1
    table = np.bincount(words[:, 0] * answers + words[:, 1], minlength=answers**2).reshape(answers, answers)
    total = table.sum()
    by_chance = float(table.sum(axis=1) @ table.sum(axis=0)) / total**2 if total else 1.0
    return None if by_chance == 1.0 else float((np.trace(table) / total - by_chance) / (1.0 - by_chance))


def krippendorff_alpha(words: _Words) -> float | None:
    """Krippendorff's alpha (2011) for nominal answers: any number of reviewers, each on any of the cases.

    Args:
        words: int64 [cases, reviewers], or NOT_SAID; cases with one word count for nothing.
    """
    counts = _counts(words)
    counts = counts[counts.sum(axis=1) >= _TWO]
    of_case, of_answer = counts.sum(axis=1), counts.sum(axis=0)
    total = int(of_case.sum())
    expected = total**2 - int((of_answer**2).sum())
    if expected == 0:
        return None
    differing = ((of_case**2 - (counts**2).sum(axis=1)) / np.maximum(of_case - 1, 1)).sum()
    return float(1.0 - (total - 1) * differing / expected)


def _counts(words: _Words) -> NDArray[np.int64]:
    """How often each answer was given on each case, int64 [cases, answers]."""
    answers = int(words.max(initial=0)) + 1
    return np.stack([(words == answer).sum(axis=1) for answer in range(answers)], axis=1).astype(np.int64)


def _observed(words: _Words) -> float | None:
    counts = _counts(words)
    of_case = counts.sum(axis=1)
    pairs = int((of_case * (of_case - 1)).sum())
    return None if pairs == 0 else float((counts * (counts - 1)).sum() / pairs)


def _jackknife(figure: Callable[[_Words], float | None], words: _Words, value: float) -> tuple[float | None, ...]:
    """The interval of a figure from its values without one case each, by Student's distribution."""
    cases = len(words)
    # Cases with the same words give the same value: each kind of case is left out once.
    kinds = np.sort(words, axis=1) if figure is krippendorff_alpha else words
    _, first, many = np.unique(kinds, axis=0, return_index=True, return_counts=True)
    without = [figure(np.delete(words, at, axis=0)) for at in first]
    if cases <= _TWO or any(one is None for one in without):
        return None, None
    pseudo = cases * value - (cases - 1) * np.array(without, dtype=np.float64)
    mean = float(np.average(pseudo, weights=many))
    error = float(np.sqrt(np.average((pseudo - mean) ** 2, weights=many) / (cases - 1)))
    reach = float(t.ppf(0.5 + _CONFIDENCE / 2.0, cases - 1)) * error
    return max(-1.0, value - reach), min(1.0, value + reach)
