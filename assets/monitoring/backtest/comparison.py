"""Two columns of answers on the same rows: who changes, and what that earns.

Belongs here: pure figures over answers, labels and earnings, with the interval of the difference. Does not belong here:
reading rows and labels (`rows.py`), making the second column (`alternative.py`).

Profit is over rows with a label alone. Where refused rows have none, a row that would have been accepted instead is
counted, and what its score expects of it is given beside: nobody knows how it would have turned out.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from assets.bundle.answers import ACCEPT, REFER, REFUSE
from assets.product import DecisionPolicy

Floats = NDArray[np.float64]
Over = Literal["all", "accepted"]
_REACH = 1.959964
"""The normal quantile of a 95% interval."""
_NAMES = {ACCEPT: "accepted", REFER: "referred", REFUSE: "refused"}


@dataclass(frozen=True, eq=False)
class Judged:
    """Rows with two answers each.

    Attributes:
        decided, other: The answers (ACCEPT, REFER, REFUSE), as decided and as it would have been, int8 [n].
        label: 1 for bad, 0 for good, -1 where it is not known, int8 [n].
        earned: What each row earns where it is accepted; NaN without a label or stake, float64 [n].
        expected: What the score of the alternative expects of each row where it is accepted; NaN without a score.
        cluster: What turns out alike: the row's entity, or its day, int64 [n].
        groups: For each part the group of each row, object [n].
    """

    decided: NDArray[np.int8]
    other: NDArray[np.int8]
    label: NDArray[np.int8]
    earned: Floats
    expected: Floats
    cluster: NDArray[np.int64]
    groups: Mapping[str, NDArray[np.object_]] = field(default_factory=dict)

    def where(self, keep: NDArray[np.bool_]) -> "Judged":
        """These rows alone, without groups."""
        return Judged(
            self.decided[keep], self.other[keep], self.label[keep], self.earned[keep], self.expected[keep],
            self.cluster[keep],
        )  # fmt: skip


@dataclass(frozen=True)
class Column:
    """One way to answer the rows.

    Attributes:
        accepted, referred, refused: Rows.
        labelled: Rows with a label among those that are not refused: of them are the figures that follow.
        bad_rate: Bad rows among the accepted ones with a label; `None` without any.
        profit: What the rows with a label earn, in the product's currency; a referred row what a review is expected to.
    """

    accepted: int
    referred: int
    refused: int
    labelled: int
    bad_rate: float | None
    profit: float


@dataclass(frozen=True)
class Flip:
    """Rows whose answer changes in one way.

    Attributes:
        before, after: `accepted`, `referred` or `refused`.
        labelled, bad: Rows with a label, and bad ones among them.
        gain: What the change earns on rows with a label.
        expected: What the scores expect it to earn on rows without one; they were not accepted, so nobody knows.
    """

    before: str
    after: str
    rows: int
    labelled: int
    bad: int
    gain: float
    expected: float


@dataclass(frozen=True)
class Difference:
    """Both columns of some rows.

    Attributes:
        over: Whether rows that were not accepted have labels too.
        gain: Profit of the alternative less that of what was decided, on rows with a label.
        low, high: Its 95% interval; `None` with fewer than two clusters of rows that change.
    """

    rows: int
    labelled: int
    over: Over
    decided: Column
    other: Column
    flips: tuple[Flip, ...]
    gain: float
    low: float | None
    high: float | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def difference(rows: Judged, decision: DecisionPolicy) -> Difference:
    """Both columns of the rows, by the profit of the policy."""
    known = ~np.isnan(rows.earned)
    before, after = _values(rows.decided, rows, decision), _values(rows.other, rows, decision)
    change = np.where(known, after - before, 0.0)
    interval = _interval(change[known], rows.cluster[known])
    not_accepted = rows.decided != ACCEPT
    only_accepted = bool(not_accepted.any() and not (known & not_accepted).any())
    return Difference(
        rows=len(rows.decided),
        labelled=int(known.sum()),
        over="accepted" if only_accepted else "all",
        decided=_column(rows.decided, before, rows),
        other=_column(rows.other, after, rows),
        flips=tuple(_flips(rows, change)),
        gain=float(change.sum()),
        low=None if interval is None else interval[0],
        high=None if interval is None else interval[1],
    )


def differences_by_group(rows: Judged, decision: DecisionPolicy) -> Mapping[str, Mapping[str, Difference]]:
    """The columns of each group of each part."""
    return {
        part: {
            group: difference(rows.where(np.asarray(of_rows == group, dtype=np.bool_)), decision)
            for group in sorted({str(one) for one in of_rows.tolist()})
        }
        for part, of_rows in rows.groups.items()
    }


def _values(answers: NDArray[np.int8], rows: Judged, decision: DecisionPolicy) -> Floats:
    """What each row earns with its answer; NaN where that needs a label that is not known."""
    right = decision.review_accuracy
    reviewed = rows.earned * np.where(rows.label == 0, right, 1.0 - right) - decision.review_cost
    return np.where(answers == ACCEPT, rows.earned, np.where(answers == REFER, reviewed, 0.0))


def _column(answers: NDArray[np.int8], values: Floats, rows: Judged) -> Column:
    known = ~np.isnan(rows.earned)
    accepted = (answers == ACCEPT) & known
    counts = {name: int((answers == code).sum()) for code, name in _NAMES.items()}
    return Column(
        accepted=counts["accepted"], referred=counts["referred"], refused=counts["refused"],
        labelled=int((known & (answers != REFUSE)).sum()),
        bad_rate=float((rows.label[accepted] == 1).mean()) if accepted.any() else None,
        profit=float(values[known].sum()),
    )  # fmt: skip


def _flips(rows: Judged, change: Floats) -> list[Flip]:
    known, found = ~np.isnan(rows.earned), []
    for before, of_before in _NAMES.items():
        for after, of_after in _NAMES.items():
            moved = (rows.decided == before) & (rows.other == after)
            if before == after or not moved.any():
                continue
            unknown = moved & ~known
            hoped = np.where(rows.other == ACCEPT, rows.expected, 0.0) - np.where(
                rows.decided == ACCEPT, rows.expected, 0.0
            )
            found.append(
                Flip(
                    of_before, of_after, int(moved.sum()), int((moved & known).sum()),
                    int((rows.label[moved] == 1).sum()), float(change[moved].sum()),
                    float(np.nan_to_num(hoped[unknown]).sum()),
                )
            )  # fmt: skip
    return found


def _interval(change: Floats, cluster: NDArray[np.int64]) -> tuple[float, float] | None:
    """The normal 95% interval of a sum over clusters that are drawn independently, as many again as there were."""
    _, member = np.unique(cluster, return_inverse=True)
    sums = np.bincount(member, change) if len(change) else np.zeros(0)
    if len(sums) < 2 or np.count_nonzero(sums) < 2:
        return None
    error = float(np.sqrt(((sums - sums.mean()) ** 2).sum() * len(sums) / (len(sums) - 1)))
    total = float(sums.sum())
    return total - _REACH * error, total + _REACH * error
