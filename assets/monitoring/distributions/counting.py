"""The counts of a day: its rows put into the cells of a bundle, and the table that keeps them.

Belongs here: counting rows, the table `distributions`, reading it back as one row of counts a day. Does not belong
here: the cells (`cells.py`), comparing counts (`statistics.py`), reading features and decisions (`assets.py`).

Counts are of one bundle: its profile makes the cells, its model the scores. So a window is a sum over the days of one
digest. When another bundle becomes champion, the days of the window and of the quiet history are counted again for it,
once; a day that has no counts of a bundle adds nothing to that bundle's windows.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assets.bundle.answers import ACCEPT, REFER, REFUSE
from assets.bundle.bundle import Bundle, Policy
from assets.bundle.profile import ReferenceProfile, category_values, numeric_values
from assets.monitoring.distributions.cells import SCORE, VOLUME, Layout, Subject, assigned, layout_of, numeric_counts
from resources.errors import LooplineError

Population = Literal["batch", "answered"]
"""Every row of a day, scored in batch; or the decisions that the service answered with the bundle."""
POPULATIONS: tuple[Population, ...] = get_args(Population)

DISTRIBUTIONS_SCHEMA = pa.schema(
    [
        pa.field("population", pa.string(), nullable=False),
        pa.field("bundle", pa.string(), nullable=False),
        pa.field("digest", pa.string(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("part", pa.string(), nullable=False),
        pa.field("cell", pa.int32(), nullable=False),
        pa.field("values", pa.string(), nullable=False),
        pa.field("count", pa.int64(), nullable=False),
        pa.field("day", pa.date32(), nullable=False),
    ]
)
TOTAL = "total"
"""The population of the decisions that the service answered with any bundle: of them there is the number alone.

While a rollout is under way a bundle answers a share of the requests; its own decisions tell nothing of their number.
"""
READ = ("population", "digest", "name", "cell", "count", "day")
"""The columns of which counts are made again."""


class CountsError(LooplineError):
    """Counts do not fit their bundle; the message names the subject."""


@dataclass(frozen=True)
class Rows:
    """Rows to be counted.

    Attributes:
        features: With the columns of the profile.
        scores: float64 [n], NaN for none.
        answers: ACCEPT, REFER or REFUSE, int [n]; another number for none.
    """

    features: pa.Table
    scores: NDArray[np.float64]
    answers: NDArray[np.int64]


def layout_in(bundle: Bundle) -> Layout:
    """The cells of a bundle."""
    profile, features = ReferenceProfile.from_dict(bundle.parts.reference), bundle.parts.kernel.features
    return layout_of(profile, bundle.policy, features.of_the_date)


def counted(layout: Layout, rows: Rows) -> NDArray[np.int64]:
    """The rows in each cell, int64 [cells].

    Raises:
        ProfileError: A column is absent or of another type.
    """
    return np.concatenate([_counted(subject, rows) for subject in layout.subjects])


def answered_rows(bundle: Bundle, decisions: pa.Table) -> Rows:
    """The decisions that the bundle answered, as rows to be counted; its scorecard's scores count as none.

    Args:
        decisions: Rows of the table `decisions`; erased ones have no features any more, and are left out.
    """
    own = decisions.filter(pc.and_(pc.equal(decisions["digest"], bundle.digest), pc.invert(decisions["erased"])))
    schema = _feature_schema(ReferenceProfile.from_dict(bundle.parts.reference))
    texts = own["features"].to_pylist()
    features = pa.Table.from_pylist([_taken(json.loads(text), schema.names) for text in texts], schema=schema)
    scores = pc.if_else(pc.is_null(own["fallback"]), own["score"], pa.scalar(None, pa.float64()))
    words = _words(bundle.policy)
    answers = [words.get(word, len(words)) for word in own["outcome"].to_pylist()]
    return Rows(
        features, np.asarray(scores.cast(pa.float64()).to_numpy(), dtype=np.float64), np.array(answers, dtype=np.int64)
    )


def counts_table(
    layout: Layout, bundle: Bundle, population: Population, days: Sequence[date], counts: NDArray[np.int64]
) -> pa.Table:
    """Counts [days, cells] as rows of DISTRIBUTIONS_SCHEMA: those that are not zero."""
    day, at = np.nonzero(counts)
    place = np.searchsorted(layout.starts, at, side="right") - 1
    subjects = layout.subjects
    return pa.table(
        {
            "population": pa.repeat(pa.scalar(population), len(at)),
            "bundle": pa.repeat(pa.scalar(bundle.version), len(at)),
            "digest": pa.repeat(pa.scalar(bundle.digest), len(at)),
            "name": _of_each([subject.name for subject in subjects], place),
            "kind": _of_each([subject.kind for subject in subjects], place),
            "part": _of_each([part for subject in subjects for part in subject.parts], at),
            "cell": pa.array(at - layout.starts[place], pa.int32()),
            "values": _of_each([label for subject in subjects for label in subject.labels], at),
            "count": pa.array(counts[day, at], pa.int64()),
            "day": pa.array(list(days), pa.date32()).take(pa.array(day)),
        },
        schema=DISTRIBUTIONS_SCHEMA,
    )


def counts_of(
    layout: Layout, digest: str, population: Population, days: Sequence[date], table: pa.Table
) -> NDArray[np.int64]:
    """The counts of some days, int64 [days, cells]; a day without any is all zero.

    Args:
        days: Consecutive.
        table: With the columns READ.

    Raises:
        CountsError: A row's subject or cell is not in the layout.
    """
    counts = np.zeros((len(days), layout.cells), dtype=np.int64)
    own = table.filter(pc.and_(pc.equal(table["digest"], digest), pc.equal(table["population"], population)))
    if not own.num_rows or not days:
        return counts
    names = [subject.name for subject in layout.subjects]
    place = pc.index_in(own["name"], value_set=pa.array(names))
    if place.null_count:
        unknown = own["name"].filter(pc.is_null(place))[0]
        raise CountsError(f"the distributions have counts of '{unknown}', of which the bundle's profile knows nothing")
    at, cell = place.to_numpy().astype(np.int64), own["cell"].to_numpy().astype(np.int64)
    beyond = cell >= np.array([subject.cells for subject in layout.subjects])[at]
    if beyond.any():
        raise CountsError(f"the distributions count '{names[at[beyond][0]]}' in a cell that the bundle's profile lacks")
    day = own["day"].cast(pa.int32()).to_numpy().astype(np.int64) - (days[0] - date(1970, 1, 1)).days
    inside = (day >= 0) & (day < len(days))
    np.add.at(counts, (day[inside], (layout.starts[at] + cell)[inside]), own["count"].to_numpy()[inside])
    return counts


def total_table(bundle: Bundle, day: date, rows: int) -> pa.Table:
    """The number of decisions of a day, as a row of DISTRIBUTIONS_SCHEMA; no row for none."""
    one = {
        "population": TOTAL, "bundle": bundle.version, "digest": bundle.digest, "name": VOLUME, "kind": VOLUME,
        "part": "within", "cell": 0, "values": "", "count": rows, "day": day,
    }  # fmt: skip
    return pa.Table.from_pylist([one] if rows else [], schema=DISTRIBUTIONS_SCHEMA)


def totals_of(digest: str, days: Sequence[date], table: pa.Table) -> NDArray[np.int64]:
    """The numbers of decisions of some days, int64 [days]; 0 where none is known.

    Args:
        table: With the columns READ.
    """
    own = table.filter(pc.and_(pc.equal(table["digest"], digest), pc.equal(table["population"], TOTAL)))
    found = dict(zip(own["day"].to_pylist(), own["count"].to_pylist(), strict=True))
    return np.array([found.get(day, 0) for day in days], dtype=np.int64)


def _counted(subject: Subject, rows: Rows) -> NDArray[np.int64]:
    if subject.kind in ("numeric", "score"):
        values = rows.scores if subject.kind == "score" else numeric_values(rows.features, subject.name)
        return numeric_counts(subject.points[1::2], values)
    if subject.kind == "category":
        cells = assigned(subject, category_values(rows.features, subject.name))
    else:
        is_known = (rows.answers >= ACCEPT) & (rows.answers <= REFUSE)
        cells = np.where(is_known, rows.answers, subject.cells - 1)
    return np.bincount(cells, minlength=subject.cells).astype(np.int64)


def _of_each(texts: Sequence[str], places: NDArray[np.int64]) -> pa.Array:
    return pa.array(texts, pa.string()).take(pa.array(places))


def _words(policy: Policy) -> dict[str, int]:
    found = {policy.accept: ACCEPT, policy.refuse: REFUSE}
    return found if policy.refer is None else {**found, policy.refer: REFER}


def _feature_schema(profile: ReferenceProfile) -> pa.Schema:
    return pa.schema(
        [*((name, pa.float64()) for name in profile.numeric), *((name, pa.string()) for name in profile.categories)]
    )


def _taken(features: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The features of a decision; one that a knock-out or a fallback took has none."""
    return {name: features.get(name) for name in names}


def score_rows(layout: Layout, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows of each day or window, int64 [...]: every row has a score, or has none."""
    place = layout.place(SCORE)
    start = int(layout.starts[place])
    return np.asarray(counts[..., start : start + layout.subjects[place].cells].sum(axis=-1), dtype=np.int64)
