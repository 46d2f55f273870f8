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
from assets.serving.reasons import Wording, first_of

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
    """

    score_of: Callable[[NDArray[np.float32]], NDArray[np.float64]]
    matrix: NDArray[np.float32]
    score: float
    usual: UsualValues
    encoder: Encoder

    def proved(self, wording: Wording, *, accepted: bool) -> tuple[Reason, ...]:
        """The reasons to name, no sentence twice, each with the score that proves it.

        The features that counted most against the row are tried first, in one call of the model. If none of them lowers
        the score alone, a row that is not accepted must be told a reason all the same: all other features are tried; if
        none does, the largest together, as few of them as lower it. If these do not either, the largest are named by
        their descriptions, which claim no direction, and without a proof.

        Args:
            wording: The row's features, in words.
            accepted: Whether the score accepts the row; it is then told of nothing but what is proved at first.
        """
        most = wording.policy.reasons_shown
        candidates = wording.against[: _CANDIDATES * most]
        named = self._alone(candidates, wording)
        if named or accepted or most == 0:
            return first_of(named, most)
        named = self._alone([name for name in wording.ordered if name not in candidates], wording)
        largest = wording.ordered[:most]
        return first_of(named, most) or self._together(largest, wording) or tuple(map(wording.unjudged, largest))

    def _alone(self, names: Sequence[str], wording: Wording) -> list[Reason]:
        """Those of the features that lower the score one by one."""
        scores = self._scores([(name,) for name in names])
        return [
            replace(wording.reason(name), score_if_usual=score)
            for name, score in zip(names, scores, strict=True)
            if score < self.score
        ]

    def _together(self, names: Sequence[str], wording: Wording) -> tuple[Reason, ...]:
        """The fewest of the first features that lower the score at once; none if not even all do."""
        sizes = range(2, len(names) + 1)
        for size, score in zip(sizes, self._scores([names[:size] for size in sizes]), strict=True):
            if score < self.score:
                return tuple(
                    replace(wording.reason(name), score_if_usual=score, together=True) for name in names[:size]
                )
        return ()

    def _scores(self, groups: Sequence[Collection[str]]) -> list[float]:
        """The row's score with each group of features at their usual values."""
        if not groups:
            return []
        scores: list[float] = self.score_of(self.usual.replaced(self.matrix, groups, self.encoder.places)).tolist()
        return scores
