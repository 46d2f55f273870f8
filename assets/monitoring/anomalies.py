"""Rows and days that look like nothing before, by isolation forests.

Belongs here: which columns count, the numbers that they become, the forests, the flags and the columns that explain
them. Does not belong here: reading the rows (`assets.py`), how many flags are too many (`checks.py`). A flag deletes
nothing.

An isolation forest (Liu, Ting and Zhou, "Isolation Forest", ICDM 2008) cuts columns at random places; what few cuts
separate from the rest is odd. The score is 2 ** -(mean cuts / expected cuts): about 0.5 for the usual, towards 1 for
the odd. It sees no difference between values beyond all that it was fitted on, so the rows to be judged are fitted
beside earlier ones, all of them in every tree; earlier rows alone give the limit. It is fitted anew for each day, with
seeds that follow from the day: the same rows give the same flags, and nothing is kept that a later version must read.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from assets.monitoring.daily_figures import day_distances
from assets.product import Product
from assets.product.agreement.features import validated_columns

Numbers = NDArray[np.float64]

ANOMALY_SCHEMA = pa.schema(
    [
        pa.field("day", pa.date32(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("row", pa.string()),
        pa.field("score", pa.float64(), nullable=False),
        pa.field("columns", pa.string(), nullable=False),
    ]
)
"""One row for each flag: `kind` is `row` or `day`, `row` the row's id as text; `columns` the ones that make it odd."""
HOUR = "hour of the day"
"""The hour (UTC) of the decision, which counts beside the columns of the source."""
MOST_JUDGED = 50_000
"""Of a day with more rows, a sample of so many is judged."""
_AT_ONCE = 2_000
"""So many rows of earlier days, and so many of the day, are fitted together."""
_LEAST = 500
_TREES = 100
_ODD_DAY = 0.65
"""The least score of an odd day, which must be above those of all earlier days too."""
_NAMED = 2


@dataclass(frozen=True)
class Flag:
    """An odd row.

    Attributes:
        columns: Those that, set to their usual value, would lower the score most; the strongest first.
    """

    row: str
    score: float
    columns: tuple[str, ...]


@dataclass(frozen=True)
class DayAnomalies:
    """What is odd about a day.

    Attributes:
        earlier: How many rows of earlier days there are; with fewer than 500 no row is judged.
        judged: How many rows were judged.
        day_score: The score of the day among the earlier days; `None` where these are too few.
        is_odd: Whether the day as a whole looks like none before.
        day_columns: What moved most, where the day is odd.
    """

    day: date
    earlier: int
    judged: int
    flags: tuple[Flag, ...]
    day_score: float | None
    is_odd: bool
    day_columns: tuple[str, ...]

    @property
    def share(self) -> float:
        """Flagged rows over judged rows; 0 without any."""
        return len(self.flags) / self.judged if self.judged else 0.0

    @property
    def columns(self) -> dict[str, int]:
        """For each column that makes rows odd, how many; the most frequent first."""
        return dict(Counter(column for flag in self.flags for column in flag.columns).most_common())


def columns_judged(product: Product) -> tuple[str, ...]:
    """The columns of the spine's source that count: neither ids, keys and times nor protected or personal ones."""
    contract = product.contract(product.spine.source)
    protected = {one.column for one in product.protected}
    left_out = {product.spine.row_id, *contract.key, *product.features.key_columns, *protected}
    left_out |= {column.name for column in contract.columns if column.personal or column.pii}
    kinds = validated_columns(contract)
    return tuple(name for name, kind in kinds.items() if name not in left_out and kind != "timestamp")


def anomalies_by_day(
    rows: pa.Table, days: Sequence[date], *, row_id: str, as_of: str, columns: Sequence[str], share: float, before: int
) -> tuple[DayAnomalies, ...]:
    """The flags of each day, from a forest over the rows of the `before` days that precede it.

    Args:
        rows: Valid rows of the days and of those before them, with `day` and the named columns.
        columns: Those of `columns_judged`.
        share: The share of the earlier rows that a forest takes for odd.
    """
    rows = rows.take(pc.sort_indices(rows, [("day", "ascending"), (row_id, "ascending")]))
    hour = pc.hour(rows[as_of]).cast(pa.float64())
    table = rows.select([row_id, "day", *columns]).append_column(HOUR, hour)
    numbers = rows["day"].cast(pa.int32()).to_numpy()
    found = []
    for day in days:
        ordinal = (day - date(1970, 1, 1)).days
        first, begin, end = np.searchsorted(numbers, [ordinal - before, ordinal, ordinal + 1])
        earlier, own = table.slice(first, begin - first), table.slice(begin, end - begin)
        flags, judged = _flagged(earlier, own, row_id, (*columns, HOUR), share, seed=ordinal)
        score, is_odd, moved = _judged_day(table.slice(first, end - first), day, columns, seed=ordinal)
        found.append(DayAnomalies(day, earlier.num_rows, judged, flags, score, is_odd, moved))
    return tuple(found)


def anomaly_table(found: Sequence[DayAnomalies]) -> pa.Table:
    """The flags as rows of ANOMALY_SCHEMA."""
    rows = []
    for one in found:
        if one.is_odd:
            columns = ", ".join(one.day_columns)
            rows.append({"day": one.day, "kind": "day", "row": None, "score": one.day_score, "columns": columns})
        rows += [
            {"day": one.day, "kind": "row", "row": flag.row, "score": flag.score, "columns": ", ".join(flag.columns)}
            for flag in one.flags
        ]
    return pa.Table.from_pylist(rows, schema=ANOMALY_SCHEMA)


def _flagged(
    earlier: pa.Table, own: pa.Table, row_id: str, columns: Sequence[str], share: float, seed: int
) -> tuple[tuple[Flag, ...], int]:
    """The odd rows of a day, the oddest first, and how many were judged."""
    if earlier.num_rows < _LEAST or not own.num_rows:
        return (), 0
    random = np.random.default_rng(seed)
    fitted, judged = _sampled(earlier, _AT_ONCE, random), _sampled(own, MOST_JUDGED, random)
    usual, flags = _numbers(earlier, fitted, columns), []
    for begin in range(0, judged.num_rows, _AT_ONCE):
        rows = judged.slice(begin, _AT_ONCE)
        found = _numbers(earlier, rows, columns)
        together = np.concatenate([usual, found])
        forest = IsolationForest(n_estimators=_TREES, max_samples=len(together), random_state=seed).fit(together)
        limit = float(np.quantile(-forest.score_samples(usual), 1 - share))
        scores = -forest.score_samples(found)
        odd = np.flatnonzero(scores > limit)
        reasons = _reasons(forest, found[odd], np.median(usual, axis=0), columns)
        ids = rows[row_id].take(pa.array(odd)).to_pylist()
        flags += [Flag(str(name), float(scores[at]), why) for name, at, why in zip(ids, odd, reasons, strict=True)]
    return tuple(sorted(flags, key=lambda flag: -flag.score)), judged.num_rows


def _sampled(rows: pa.Table, most: int, random: np.random.Generator) -> pa.Table:
    if rows.num_rows <= most:
        return rows
    return rows.take(pa.array(np.sort(random.choice(rows.num_rows, most, replace=False))))


def _numbers(usual: pa.Table, rows: pa.Table, columns: Sequence[str]) -> Numbers:
    """The columns as numbers [rows, columns]: values as they are, texts as their share among the usual rows.

    A missing value is a number far below all usual ones; a text that never came before has the share 0.
    """
    found = [
        _shares(usual[name], rows[name]) if pa.types.is_string(rows[name].type) else _values(usual[name], rows[name])
        for name in columns
    ]
    return np.column_stack(found)


def _values(usual: pa.ChunkedArray, values: pa.ChunkedArray) -> Numbers:
    bounds = pc.min_max(usual.cast(pa.float64())).as_py()
    low, high = bounds["min"] or 0.0, bounds["max"] or 0.0
    return np.asarray(pc.fill_null(values.cast(pa.float64()), low - (high - low) - 1).to_numpy(), dtype=np.float64)


def _shares(usual: pa.ChunkedArray, values: pa.ChunkedArray) -> Numbers:
    counts = pc.value_counts(usual.combine_chunks())
    share = pc.divide(counts.field("counts").cast(pa.float64()), max(len(usual), 1))
    return np.asarray(
        pc.fill_null(share.take(pc.index_in(values, value_set=counts.field("values")).combine_chunks()), 0.0),
        dtype=np.float64,
    )


def _reasons(forest: IsolationForest, rows: Numbers, usual: Numbers, columns: Sequence[str]) -> list[tuple[str, ...]]:
    """For each row the columns whose usual value would lower its score, the strongest first."""
    if not len(rows):
        return []
    count, width = rows.shape
    changed = np.repeat(rows[None], width, axis=0)
    changed[np.arange(width), :, np.arange(width)] = usual[:, None]
    scores = -forest.score_samples(np.concatenate([rows, changed.reshape(width * count, width)]))
    lowered = scores[:count] - scores[count:].reshape(width, count)
    order = np.argsort(-lowered, axis=0, kind="stable")[:_NAMED]
    return [tuple(columns[at] for at in order[:, row] if lowered[at, row] > 0) for row in range(count)]


def _judged_day(
    rows: pa.Table, day: date, columns: Sequence[str], seed: int
) -> tuple[float | None, bool, tuple[str, ...]]:
    """The score of the last day among all days of the rows, whether it is odd, and what moved most."""
    distances = day_distances(rows, day, columns)
    if distances is None:
        return None, False, ()
    vectors = distances.vectors
    forest = IsolationForest(n_estimators=_TREES, max_samples=len(vectors), random_state=seed).fit(vectors)
    scores = -forest.score_samples(vectors)
    is_odd = bool(scores[-1] >= _ODD_DAY and scores[-1] > scores[:-1].max())
    return float(scores[-1]), is_odd, distances.moved[:_NAMED] if is_odd else ()


def earlier_days(window_days: int) -> timedelta:
    """How long before a day its earlier rows begin: the window of monitoring, and four weeks at least."""
    return timedelta(days=max(window_days, 28))
