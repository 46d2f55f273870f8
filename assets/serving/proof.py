"""The proof of reasons: a reason is named if its feature at the usual value of accepted rows lowers this row's score.

Belongs here: which of the worded reasons are proved, alone or together. Does not belong here: the words (`reasons.py`),
contributions and scores (`assets.bundle.scorer`), the usual values (`assets.bundle.usual`).

A refusal names reasons that are specific and were the principal ones (12 CFR 1002.9(b)(2)). Contributions alone do not
show that: a feature may have counted against a person whose score would have been no lower with another value of it.

The words of a number compare its value with the same usual value: "higher than usual" with a score that falls when the
number falls to it. So a proved reason moves the score of this row, in the direction of its words.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from assets.bundle.encoder import Encoder
from assets.bundle.usual import UsualValues
from assets.serving.decision import Reason
from assets.serving.reasons import first_of
from assets.vocabulary import FeatureSet

_CANDIDATES = 2
"""For each reason that is shown, so many candidates are proved in the first call of the model."""


@dataclass(frozen=True)
class Proof:
    """What a row's reasons are proved with.

    Attributes:
        score_of: The scores of a matrix, by the model that scored the row.
        matrix: The row, float32 [1, m].
        score: Its score.
        usual: The usual values of the bundle.
        encoder: The layout of the matrix.
        features: The features, whose descriptions name what cannot be proved.
    """

    score_of: Callable[[NDArray[np.float32]], NDArray[np.float64]]
    matrix: NDArray[np.float32]
    score: float
    usual: UsualValues
    encoder: Encoder
    features: FeatureSet

    def proved(self, reasons: Sequence[Reason], most: int, *, accepted: bool) -> tuple[Reason, ...]:
        """The reasons to name, at most `most`, no sentence twice, each with the score that proves it.

        The features that counted most against the row are tried first, in one call of the model. If none of them lowers
        the score alone, a row that is not accepted must be told a reason all the same: all other features are tried; if
        none does, the largest together, as few of them as lower it. If these do not either, the largest are named by
        their descriptions, which claim no direction, and without a proof.

        Args:
            reasons: Every feature, the largest contribution first.
            accepted: Whether the score accepts the row; it is then told of nothing but what is proved at first.
        """
        against = [reason for reason in reasons if reason.contribution is not None and reason.contribution > 0]
        candidates = against[: _CANDIDATES * most]
        named = self._alone(candidates)
        if not named and not accepted and most > 0:
            named = self._alone([reason for reason in reasons if reason not in candidates])
            first = first_of(reasons, most)
            return first_of(named, most) or self._together(first) or self._unproved(first)
        return first_of(named, most)

    def _alone(self, reasons: Sequence[Reason]) -> list[Reason]:
        """Those of the reasons whose features lower the score one by one."""
        scores = self._scores([(str(reason.feature),) for reason in reasons])
        return [
            replace(reason, score_if_usual=score)
            for reason, score in zip(reasons, scores, strict=True)
            if score < self.score
        ]

    def _together(self, reasons: Sequence[Reason]) -> tuple[Reason, ...]:
        """The fewest of the first reasons whose features lower the score at once; none if not even all do."""
        features = [str(reason.feature) for reason in reasons]
        sizes = range(2, len(reasons) + 1)
        for size, score in zip(sizes, self._scores([features[:size] for size in sizes]), strict=True):
            if score < self.score:
                return tuple(replace(reason, score_if_usual=score, together=True) for reason in reasons[:size])
        return ()

    def _unproved(self, reasons: Sequence[Reason]) -> tuple[Reason, ...]:
        return tuple(replace(reason, text=self.features.describe(str(reason.feature))) for reason in reasons)

    def _scores(self, groups: Sequence[Collection[str]]) -> list[float]:
        """The row's score with each group of features at their usual values."""
        if not groups:
            return []
        scores: list[float] = self.score_of(self.usual.replaced(self.matrix, groups, self.encoder.places)).tolist()
        return scores
