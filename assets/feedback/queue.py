"""Which cases people are asked about: the review queue of a day, chosen from what was known at its end.

Belongs here: the choice of the cases, their order, the reasons in words. Does not belong here: reading tables and logs
(`queue_inputs.py`), writing and publishing the queue (`assets.py`), the agreement between reviewers
(`assets.monitoring.reviews`).

A case leaves the queue by itself: with a word, for a disputed case with one that came after the dispute, or once it is
older than the policy's days.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain, islice, zip_longest
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assets.product import DecisionPolicy, ReviewPolicy
from assets.serving.queued import CaseKind

QUEUE_SCHEMA = pa.schema(
    [
        pa.field("day", pa.date32(), nullable=False),
        pa.field("place", pa.int32(), nullable=False),
        pa.field("decision_id", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("reasons", pa.string(), nullable=False),
        pa.field("decided_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("bundle", pa.string(), nullable=False),
        pa.field("outcome", pa.string(), nullable=False),
        pa.field("score", pa.float64()),
        pa.field("words", pa.int32(), nullable=False),
    ]
)
_KEPT = ("decision_id", "decided_at", "bundle", "outcome", "score")
_LEAST = 1e-9


@dataclass(frozen=True)
class Known:
    """What is known at the end of a day.

    Attributes:
        decisions: The answered decisions of the policy's days: `decision_id`, `decided_at`, `bundle`, `outcome`,
            `score`, `threshold`, `refer_threshold`, `fallback`, `erased`.
        words: People's words: `decision_id`, `outcome`, `by`, `known_at`; all words on a decision.
        labelled: Decisions with words or with a revised label, of any age: the columns of `decisions`, `label` (null
            where unobserved), `matured_at`, and `revision`, above 0 where the label was revised after it was due.
        shadows: The shadows of the day: `shadow_of`, `score`, `outcome`.
    """

    decisions: pa.Table
    words: pa.Table
    labelled: pa.Table
    shadows: pa.Table


@dataclass(frozen=True)
class _Word:
    by: str
    outcome: str
    known_at: datetime


@dataclass(frozen=True)
class _Found:
    """A case before it has its place; `since` orders cases of a kind."""

    kind: CaseKind
    row: Mapping[str, Any]
    reasons: tuple[str, ...]
    since: datetime


def review_queue(
    known: Known, day: date, *, decision: DecisionPolicy, review: ReviewPolicy
) -> tuple[pa.Table, Mapping[CaseKind, int]]:
    """The queue of a day, and how many cases of each kind it had no place for.

    Referred cases come first, the oldest of them first; then disputed ones, the oldest dispute first; then the most
    informative decisions of the day.

    Args:
        day: Its end is the moment of the queue.

    Returns:
        A table of QUEUE_SCHEMA in the order of the queue, whose `reasons` are a JSON list of texts; and the numbers.
    """
    said = _said(known.words)
    referred = sorted(_referred(known, decision, said), key=_order)
    taken = {case.row["decision_id"] for case in referred}
    first = datetime.combine(day - timedelta(days=review.days - 1), time(), UTC)
    disputes = (case for row in known.labelled.to_pylist() if (case := _dispute(row, decision, said)) is not None)
    disputed = [case for case in disputes if case.since >= first and case.row["decision_id"] not in taken]
    taken |= said.keys() | {case.row["decision_id"] for case in disputed}
    informative = islice(_informative(known, day, taken), review.informative)
    found = [*referred, *sorted(disputed, key=_order), *informative]
    places = len(found) if decision.review_capacity is None else max(1, int(decision.review_capacity))
    rows = [
        {name: case.row[name] for name in _KEPT}
        | {"day": day, "place": place, "kind": case.kind, "reasons": json.dumps(case.reasons)}
        | {"words": len(said.get(case.row["decision_id"], ()))}
        for place, case in enumerate(found[:places], start=1)
    ]
    left = Counter(case.kind for case in found[places:])
    return pa.Table.from_pylist(rows, schema=QUEUE_SCHEMA), {kind: left[kind] for kind in get_args(CaseKind)}


def _order(case: _Found) -> tuple[datetime, str]:
    return case.since, case.row["decision_id"]


def _said(words: pa.Table) -> dict[str, list[_Word]]:
    """The words on each decision, the oldest first."""
    said: dict[str, list[_Word]] = {}
    for row in words.sort_by([("known_at", "ascending"), ("by", "ascending")]).to_pylist():
        said.setdefault(row["decision_id"], []).append(_Word(row["by"], row["outcome"], row["known_at"]))
    return said


def _referred(known: Known, decision: DecisionPolicy, said: Collection[str]) -> Iterator[_Found]:
    """Decisions that neither accepted nor refused, without a word."""
    rows, final = known.decisions, pa.array([decision.accept, decision.refuse], pa.string())
    open_ = pc.and_(pc.invert(pc.is_in(rows["outcome"], value_set=final)), pc.invert(rows["erased"]))
    spoken = pc.is_in(rows["decision_id"], value_set=pa.array(list(said), pa.string()))
    for row in rows.filter(pc.and_(open_, pc.invert(spoken))).to_pylist():
        reason = f"it was answered '{row['outcome']}', and nobody has given a word"
        yield _Found("referred", row, (reason,), row["decided_at"])


def _dispute(row: Mapping[str, Any], decision: DecisionPolicy, said: Mapping[str, list[_Word]]) -> _Found | None:
    """The dispute about a decision, unless there is none or a word has settled it."""
    words, label, since = said.get(row["decision_id"], []), row["label"], row["matured_at"]
    reasons: list[str] = []
    times: list[datetime] = []
    settled = row["erased"] or label is None or bool(words and words[-1].known_at > since)
    turned_out = "badly" if label else "well"
    if not settled and row["revision"]:
        reasons.append(f"its label was revised: since {since:%Y-%m-%d} it turned out {turned_out}")
        times.append(since)
    if not settled and words and words[-1].outcome == (decision.accept if label else decision.refuse):
        reasons.append(f"the last word was '{words[-1].outcome}', and it turned out {turned_out}")
        times.append(since)
    votes = Counter({word.by: word.outcome for word in words}.values())
    if not row["erased"] and len(votes) > 1 and len(set(votes.values())) == 1:
        reasons.append("reviewers disagree: " + ", ".join(f"{count} for '{one}'" for one, count in votes.items()))
        times.append(words[-1].known_at)
    return _Found("disputed", row, tuple(reasons), min(times)) if reasons else None


def _informative(known: Known, day: date, taken: Collection[str]) -> Iterator[_Found]:
    """Scored decisions of the day: that next to a threshold and that on which the shadow differs most, in turn."""
    rows = known.decisions
    of_day = pc.equal(rows["decided_at"].cast(pa.date32()), pa.scalar(day, pa.date32()))
    scored = pc.and_(pc.and_(pc.is_valid(rows["score"]), pc.is_null(rows["fallback"])), pc.invert(rows["erased"]))
    other = pc.invert(pc.is_in(rows["decision_id"], value_set=pa.array(list(taken), pa.string())))
    rows = rows.filter(pc.and_(pc.and_(of_day, scored), other)).sort_by("decision_id")
    score = _log_odds(rows["score"])
    bounds = np.stack([_log_odds(rows[name]) for name in ("threshold", "refer_threshold")])
    near = np.nan_to_num(np.abs(bounds - score), nan=np.inf).min(axis=0, initial=np.inf)
    place = pc.index_in(rows["decision_id"], value_set=known.shadows["shadow_of"].combine_chunks()).combine_chunks()
    apart = np.nan_to_num(np.abs(_log_odds(known.shadows["score"].combine_chunks().take(place)) - score), nan=0.0)
    by_distance = [int(at) for at in np.argsort(near, kind="stable") if np.isfinite(near[at])]
    by_shadow = [int(at) for at in np.argsort(-apart, kind="stable") if apart[at] > 0.0]
    seen: set[int] = set()
    for number, at in enumerate(chain.from_iterable(zip_longest(by_distance, by_shadow, fillvalue=-1))):
        if at < 0 or at in seen:
            continue
        seen.add(at)
        row = rows.slice(at, 1).to_pylist()[0]
        if number % 2:
            theirs = known.shadows["score"][place[at].as_py()].as_py()
            reason = f"its score is {row['score']:.3g}, that of the shadow {theirs:.3g}"
        else:
            reason = f"its score {row['score']:.3g} is next to a threshold"
        yield _Found("informative", row, (reason,), row["decided_at"])


def _log_odds(values: pa.ChunkedArray) -> NDArray[np.float64]:
    """Probabilities on the scale on which a model adds up; NaN for none."""
    known = np.asarray(pc.fill_null(values.cast(pa.float64()), np.nan).to_numpy(zero_copy_only=False), dtype=np.float64)
    within = np.clip(known, _LEAST, 1.0 - _LEAST)
    return np.log(within) - np.log1p(-within)
