"""The decisions in which two versions differ, and why.

Belongs here: counting them by answer before and after, and the cause of each: thresholds, rules, or the features whose
contributions changed. Does not belong here: figures of ranking (`comparison.py`), reasons for a person
(`assets.serving.reasons`).
"""

from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from assets.bundle.answers import ACCEPT, REFER, REFUSE
from assets.evaluation.versions.rows import Compared, Said
from assets.metrics.profit import earned_of
from assets.product import DecisionPolicy

Floats = NDArray[np.float64]
Cause = Literal["score", "threshold", "score and threshold", "rules"]
CAUSES: tuple[Cause, ...] = ("score", "threshold", "score and threshold", "rules")
_NAMES = {ACCEPT: "accepted", REFER: "referred", REFUSE: "refused"}
_SHOWN = 6
_EXAMPLES = 3


@dataclass(frozen=True)
class Moved:
    """A feature behind changed scores.

    Attributes:
        log_odds: The mean change of its contribution over the rows that flip, toward the answer that they got.
        leads: In which share of these rows no feature moved the score further in that direction.
    """

    feature: str
    log_odds: float
    leads: float


@dataclass(frozen=True)
class Flip:
    """Rows with one answer of one version and another of the other.

    Attributes:
        before, after: `accepted`, `referred` or `refused`.
        rows, bad: Counts.
        gain: What the change earns on these rows.
        causes: Rows by cause; the other version's thresholds, its scores, both together, or rules.
        features: Those that moved the scores, the most first; empty where no score did.
        examples: Some row ids.
    """

    before: str
    after: str
    rows: int
    bad: int
    gain: float
    causes: dict[str, int]
    features: tuple[Moved, ...]
    examples: tuple[str, ...]

    def to_dict(self) -> dict[str, object]:
        """Ready for JSON."""
        return asdict(self)


def flips(rows: Compared, decision: DecisionPolicy) -> tuple[Flip, ...]:
    """Every kind of flip that occurs, the most frequent first."""
    causes, change = _causes(rows), values(rows, rows.other, decision) - values(rows, rows.one, decision)
    found = []
    for before, of_before in _NAMES.items():
        for after, of_after in _NAMES.items():
            at = np.flatnonzero((rows.one.codes == before) & (rows.other.codes == after))
            if before == after or not len(at):
                continue
            by_score = at[np.isin(causes[at], [CAUSES.index("score"), CAUSES.index("score and threshold")])]
            found.append(
                Flip(
                    before=of_before,
                    after=of_after,
                    rows=len(at),
                    bad=int(rows.y[at].sum()),
                    gain=float(change[at].sum()),
                    causes={name: int((causes[at] == number).sum()) for number, name in enumerate(CAUSES)},
                    features=_moved(rows, by_score, 1.0 if after > before else -1.0),
                    examples=tuple(rows.ids[at[:_EXAMPLES]].tolist()),
                )
            )
    return tuple(sorted(found, key=lambda flip: -flip.rows))


def values(rows: Compared, said: Said, decision: DecisionPolicy) -> Floats:
    """What each row earns by a version's answer, float64 [n]."""
    earned = earned_of(rows.y, decision.profit, rows.stake)
    right = decision.review_accuracy
    reviewed = earned * np.where(rows.y == 0, right, 1.0 - right) - decision.review_cost
    return np.where(said.codes == ACCEPT, earned, np.where(said.codes == REFER, reviewed, 0.0))


def _causes(rows: Compared) -> NDArray[np.int64]:
    """The place in CAUSES of the cause of each row; of rows that do not flip it says nothing.

    What would the first version's scores have got by the second one's thresholds? Its own answer: the scores are the
    cause. The second one's: the thresholds are. Another one: both. Where the scores alone give the same answer by both
    versions, rules made the difference.
    """
    before, after = (_by_score(said.scores, said.thresholds) for said in (rows.one, rows.other))
    crossed = _by_score(rows.one.scores, rows.other.thresholds)
    cause = np.where(crossed == before, 0, np.where(crossed == after, 1, 2))
    return np.where(before == after, 3, cause).astype(np.int64)


def _by_score(scores: Floats, thresholds: tuple[float, float]) -> NDArray[np.int64]:
    return np.searchsorted(thresholds, scores, side="right").astype(np.int64)


def _moved(rows: Compared, at: NDArray[np.int64], sign: float) -> tuple[Moved, ...]:
    if not len(at):
        return ()
    names = tuple(dict.fromkeys((*rows.one.contributions, *rows.other.contributions)))
    none = np.zeros(len(rows.y))
    change = np.stack(
        [rows.other.contributions.get(name, none)[at] - rows.one.contributions.get(name, none)[at] for name in names],
        axis=1,
    )
    change = sign * change
    mean, lead = change.mean(axis=0), np.bincount(change.argmax(axis=1), minlength=len(names)) / len(at)
    order = np.argsort(-mean, kind="stable")[:_SHOWN]
    return tuple(Moved(names[place], float(mean[place]), float(lead[place])) for place in order if mean[place] > 0.0)
