"""What three answers earn, beside rules, and the two thresholds that earn the most.

Belongs here: the choice of the thresholds from which rows are referred and refused, and its profit on some rows. Does
not belong here: profit over one threshold (`profit.py`), whether a profit suffices (`assets.evaluation.gates`).

Exploration is left out of every profit: it pays for what is learned from it.
"""

from collections import deque
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from assets.metrics.profit import ThresholdChoice, at_threshold, choose_threshold, curve_of, earned_of
from assets.metrics.ranking import EvaluationError
from assets.product import DecisionPolicy

OPEN, REFERRED, REFUSED = 0, 1, 2
"""What rules make of a row: nothing, a referral, a refusal; as the answers of `assets.bundle.answers`."""


def choose_answers(
    scores: NDArray[np.float64],
    y: NDArray[np.int8],
    decision: DecisionPolicy,
    stake: NDArray[np.float64] | None,
    *,
    ruled: NDArray[np.int8] | None = None,
    days: float,
) -> ThresholdChoice:
    """The thresholds that earn the most on the rows that no rule takes, with their profit on all of these rows.

    At most `max_refused` of those rows are refused by their score. The rows that are referred, by their score and by
    rules together, are at most `review_capacity` a day. Where no review is worth its cost, both thresholds are the same
    and nobody is referred by the score. Of choices that earn the same, the one that accepts the most rows.

    Args:
        scores, y, stake: As for `profit_curve`.
        decision: The policy.
        ruled: int8 [n], OPEN, REFERRED or REFUSED by rules; `None` where the product has none.
        days: The time over which these rows came, in days. They have to be all rows of that time: where rows without
            a label are left out, there are more reviews a day than the capacity.

    Raises:
        EvaluationError: As for `profit_curve`; `max_refused` is not within 0 and 1; rules take every row.
    """
    if decision.refer is None and ruled is None:
        return choose_threshold(scores, y, decision.profit, stake, decision.max_refused)
    is_open = np.ones(len(y), dtype=np.bool_) if ruled is None else ruled == OPEN
    if not is_open.any():
        raise EvaluationError(f"rules refuse or refer every one of the {len(y)} rows; the model would decide none")
    rows = scores[is_open], y[is_open], None if stake is None else stake[is_open]
    if decision.refer is None:
        chosen = choose_threshold(rows[0], rows[1], decision.profit, rows[2], decision.max_refused)
    else:
        room = len(y) if decision.review_capacity is None else int(decision.review_capacity * days)
        by_rules = 0 if ruled is None else int((ruled == REFERRED).sum())
        chosen = _band(*rows, decision, max(room - by_rules, 0))
    return at_answers(chosen, scores, y, decision, stake, ruled=ruled)


def at_answers(
    chosen: ThresholdChoice,
    scores: NDArray[np.float64],
    y: NDArray[np.int8],
    decision: DecisionPolicy,
    stake: NDArray[np.float64] | None,
    *,
    ruled: NDArray[np.int8] | None = None,
) -> ThresholdChoice:
    """The profit on these rows, with their rules, of thresholds that were chosen on other rows; arguments as above."""
    if decision.refer is None and ruled is None:
        return at_threshold(chosen.threshold, scores, y, decision.profit, stake)
    earned = earned_of(y, decision.profit, stake)
    answers = (scores >= chosen.refer_from).astype(np.int8) + (scores >= chosen.threshold).astype(np.int8)
    answers = answers if ruled is None else np.maximum(answers, ruled)
    profit = earned[answers == OPEN].sum() + _reviewed(earned, y, decision)[answers == REFERRED].sum()
    return replace(
        chosen,
        profit=float(profit),
        profit_accept_all=float(earned.sum()),
        refused_share=float((answers == REFUSED).mean()),
        referred_share=float((answers == REFERRED).mean()),
    )


def _reviewed(earned: NDArray[np.float64], y: NDArray[np.int8], decision: DecisionPolicy) -> NDArray[np.float64]:
    """What a review of each row is expected to earn: a good row is accepted if decided rightly, a bad one if not."""
    right = decision.review_accuracy
    return earned * np.where(y == 0, right, 1.0 - right) - decision.review_cost


def _band(
    scores: NDArray[np.float64],
    y: NDArray[np.int8],
    stake: NDArray[np.float64] | None,
    decision: DecisionPolicy,
    room: int,
) -> ThresholdChoice:
    """Both thresholds; at most `room` rows lie between them.

    Refusing the `i` rows with the highest scores and referring those from there to `j` earns what accepting the rest
    does, and the reviews up to `j` without those up to `i`: for each `j` the best `i` is the one whose own reviews earn
    least, among those that `room` allows. Both are moved over the rows once.
    """
    if not 0.0 <= decision.max_refused <= 1.0:
        raise EvaluationError(f"max_refused {decision.max_refused} must be a share between 0 and 1")
    earned = earned_of(y, decision.profit, stake)
    accepting = curve_of(scores, earned)
    reviews = curve_of(scores, _reviewed(earned, y, decision))
    counts = np.rint(accepting.refused_share * len(y)).astype(np.int64)
    # What reviews of the rows above each threshold earn.
    above = reviews.profit[0] - reviews.profit
    most = int(np.searchsorted(accepting.refused_share, decision.max_refused, side="right")) - 1
    best, found = -np.inf, (0, 0)
    waiting: deque[int] = deque()
    for j in range(len(counts)):
        if j <= most:
            while waiting and above[waiting[-1]] >= above[j]:
                waiting.pop()
            waiting.append(j)
        while waiting and counts[j] - counts[waiting[0]] > room:
            waiting.popleft()
        if not waiting:
            break
        i = waiting[0]
        profit = accepting.profit[j] + (above[j] - above[i])
        if profit > best:
            best, found = profit, (i, j)
    refuse, refer = (float(accepting.thresholds[place]) for place in found)
    return ThresholdChoice(refuse, float(best), float(accepting.profit[0]), 0.0, refer_threshold=refer)
