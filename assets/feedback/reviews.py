"""People's words on decisions, joined with the outcomes of these.

Belongs here: which review of a decision counts, the final answer. Does not belong here: taking a review
(`assets.serving.postings`), the join of decisions and labels (`outcomes.py`).

Of a decision that neither accepted nor refused, the review's answer is what was done; who gave it decided. A word on
another decision is a second opinion, and changes nothing of what was done.
"""

from collections.abc import Sequence
from datetime import date, datetime

import pyarrow as pa
import pyarrow.compute as pc

from assets.feedback.judged import Judged
from assets.product import Product
from assets.product.names import validated_table
from resources.lake import Lake

_COLUMNS = ("decision_id", "outcome", "by", "known_at")
_TIME = pa.timestamp("us", tz="UTC")


def reviews_of(product: Product, lake: Lake, judged: Judged, days: Sequence[date] | None = None) -> pa.Table:
    """The reviews that arrived on some days, or at any time: `decision_id`, `outcome`, `by` and `known_at`.

    Empty where the product takes none, or none was ever posted.

    Raises:
        LakeError: The table is damaged.
    """
    table = validated_table(product.name, judged.reviews) if judged.reviews else ""
    if not table or not lake.exists(table):
        return pa.table({name: pa.nulls(0, _TIME if name == "known_at" else pa.string()) for name in _COLUMNS})
    return lake.read(table, days=days, columns=list(_COLUMNS))


def with_reviews(outcomes: pa.Table, reviews: pa.Table, now: datetime, *, decided: tuple[str, str]) -> pa.Table:
    """The outcomes with `final`, the answer that counted in the end, and `reviewed_by`, who gave it; null without one.

    Of several reviews of a decision the last one counts.

    Args:
        outcomes: With `decision_id` and `outcome`.
        now: With a time zone; no review known later is used.
        decided: The answers that accept and refuse: a decision with one of them was not referred.
    """
    known = reviews.filter(pc.less_equal(reviews["known_at"], pa.scalar(now, _TIME))).sort_by("known_at")
    # `index_in` finds the first of equal values: the newest comes first.
    newest = known.take(pa.array(range(known.num_rows - 1, -1, -1), pa.int64()))
    place = pc.index_in(outcomes["decision_id"], value_set=newest["decision_id"].combine_chunks())
    is_decided = pc.is_in(outcomes["outcome"], value_set=pa.array(decided, pa.string()))
    place = pc.if_else(is_decided, pa.scalar(None, pa.int32()), place)
    given, by = (newest[name].combine_chunks().take(place.combine_chunks()) for name in ("outcome", "by"))
    final = pc.coalesce(given, outcomes["outcome"].combine_chunks())
    return outcomes.append_column("final", final).append_column("reviewed_by", by.cast(pa.string()))
