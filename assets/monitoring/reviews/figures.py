"""The agreement between reviewers on each day, over the cases on which people spoke within the window.

Belongs here: which words count, and the table. Does not belong here: the statistics (`assets.metrics.agreement`),
reading reviews (`assets.feedback.reviews`), the picture (`plots.py`), which cases people are asked about
(`assets.feedback.queue`).
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assets.metrics.agreement import NOT_SAID, agreement_of

AGREEMENT_SCHEMA = pa.schema(
    [
        pa.field("day", pa.date32(), nullable=False),
        pa.field("statistic", pa.string(), nullable=False),
        pa.field("reviewers", pa.int32(), nullable=False),
        pa.field("reviewed", pa.int64(), nullable=False),
        pa.field("cases", pa.int64(), nullable=False),
        pa.field("observed", pa.float64()),
        pa.field("value", pa.float64()),
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
    ]
)
_TIME = pa.timestamp("us", tz="UTC")


def agreement_by_day(words: pa.Table, days: Sequence[date], window_days: int) -> pa.Table:
    """The agreement as of the end of each day.

    Of several words of a reviewer on a case the last one counts. A case is of a day if its newest word, as of that day,
    lies within the window.

    Args:
        words: Columns `decision_id`, `outcome`, `by` and `known_at`.
        days: UTC days, in order.

    Returns:
        A table of AGREEMENT_SCHEMA, a row for each day: `reviewers` and `reviewed`, all people and cases; `cases`,
        those with the words of at least two people; their agreement as `Agreement` has it.
    """
    return pa.Table.from_pylist(list(_rows(words, days, window_days)), schema=AGREEMENT_SCHEMA)


def _rows(words: pa.Table, days: Sequence[date], window_days: int) -> Iterator[dict[str, Any]]:
    for day in days:
        end = datetime.combine(day + timedelta(days=1), time(), UTC)
        known = words.filter(pc.less(words["known_at"], pa.scalar(end, _TIME)))
        newest = known.group_by("decision_id").aggregate([("known_at", "max")])
        since = pa.scalar(end - timedelta(days=window_days), _TIME)
        recent = newest.filter(pc.greater_equal(newest["known_at_max"], since))["decision_id"].combine_chunks()
        said = _matrix(known.filter(pc.is_in(known["decision_id"], value_set=recent)))
        found = agreement_of(said)
        yield {
            "day": day, "statistic": found.statistic, "reviewers": said.shape[1], "reviewed": len(said),
            "cases": found.cases, "observed": found.observed, "value": found.value, "low": found.low,
            "high": found.high,
        }  # fmt: skip


def _matrix(words: pa.Table) -> NDArray[np.int64]:
    """The last word of each reviewer on each case as a number, int64 [cases, reviewers]."""
    ordered = words.sort_by([("known_at", "ascending"), ("outcome", "ascending")])
    case, reviewer, answer = (
        np.asarray(ordered[name].combine_chunks().dictionary_encode().indices.to_numpy(), dtype=np.int64)
        for name in ("decision_id", "by", "outcome")
    )
    said = np.full((case.max(initial=-1) + 1, reviewer.max(initial=-1) + 1), NOT_SAID, dtype=np.int64)
    for row, column, word in zip(case, reviewer, answer, strict=True):
        said[row, column] = word
    return said
