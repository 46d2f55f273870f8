"""The rows of a stretch of the past: what was decided of them, what would have been, and how they turned out.

Belongs here: reading features, decisions or scores, and labels; both answers of each row. Does not belong here: the
alternative (`alternative.py`), figures (`comparison.py`).

The features of a row are those of its decision time: the feature table has no event that was not known then. Labels are
those that are known now: they judge, and decide nothing.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assets.bundle.answers import ACCEPT, REFER, REFUSE
from assets.bundle.bundle import Bundle
from assets.monitoring.backtest.alternative import Alternative, BadAlternative
from assets.monitoring.backtest.comparison import Judged
from assets.monitoring.performance.reference import groups_of, test_days
from assets.product import DecisionPolicy, Product
from assets.product.names import DECISIONS, FEATURES, SCORES, table_name, validated_table
from assets.serving.engine import Engine
from assets.training.rows.labels import mature_labels
from resources.lake import Lake

DecidedBy = Literal["answered decisions", "batch scores", "the champion, computed now"]


@dataclass(frozen=True)
class Past:
    """The rows of a stretch of the past with both answers.

    Attributes:
        judged: The rows.
        decided_by: Where the first column comes from.
        first, last: The days that are compared.
        in_training: Rows of the given days that are left out, because the alternative's model learned from them or from
            later ones.
        undecided: Rows of the given days that are left out, because nobody decided them, or because only a champion
            that learned from them could.
        before_made: Rows that are older than the alternative's model, which did not exist when they were decided.
        versions: The version of each table that was read.
    """

    judged: Judged
    decided_by: DecidedBy
    first: date
    last: date
    in_training: int
    undecided: int
    before_made: int
    versions: dict[str, int]


def past_rows(
    product: Product, lake: Lake, champion: Bundle, other: Alternative, days: tuple[date, date], now: datetime
) -> Past:
    """The rows of these days with both answers.

    Args:
        champion: Who decides now; computes the first column where neither decisions nor scores are recorded.
        days: The first and the last day.
        now: With a time zone; labels known later judge nothing.

    Raises:
        BadAlternative: No row of these days can be compared.
        LakeError: A table is missing or damaged.
        ModelError, FeatureError: The alternative cannot score the rows.
    """
    table = table_name(product.name, FEATURES)
    versions = {table: lake.version(table)}
    within = [day for day in lake.days(table, versions[table]) if days[0] <= day <= days[1]]
    features = lake.read(table, days=within, version=versions[table]) if within else None
    if features is None or not features.num_rows:
        raise BadAlternative(f"{product.name} has no rows from {days[0]} to {days[1]}; loopline tables {product.name}")
    fair = _after_training(features, other.bundle)
    kept = features.filter(pa.array(fair))
    if not kept.num_rows:
        raise BadAlternative(
            f"{other.bundle.full_name} learned from the {features.num_rows} rows from {days[0]} to {days[1]}, or from "
            f"later ones; compare days from {_first_tested(other.bundle)} on"
        )
    answers, decided_by, read = _decided(product, lake, champion, kept)
    versions |= read
    known = answers >= 0
    if not known.any():
        raise BadAlternative(
            f"of the {kept.num_rows} rows from {days[0]} to {days[1]} none was decided, or {champion.full_name} "
            "learned from all of them; give later days"
        )
    kept, answers = kept.filter(pa.array(known)), answers[known]
    made = np.datetime64(other.bundle.parts.created_at.replace(tzinfo=None), "us")
    return Past(
        judged=_judged(product, lake, other, kept, answers, now, versions),
        decided_by=decided_by,
        first=min(within),
        last=max(within),
        in_training=int((~fair).sum()),
        undecided=int((~known).sum()),
        before_made=int((_moments(kept) < made).sum()),
        versions=versions,
    )


def _judged(
    product: Product, lake: Lake, other: Alternative, rows: pa.Table, decided: NDArray[np.int8], now: datetime,
    versions: dict[str, int],
) -> Judged:  # fmt: skip
    decision, spine = other.decision, product.spine
    result = Engine(other.bundle, None).score_table(rows)
    source = validated_table(product.name, product.label.source)
    versions[source] = lake.version(source)
    # A label cannot be known before its row is decided.
    first = pc.min(rows["as_of"]).as_py().date()
    days_read = [day for day in lake.days(source, versions[source]) if day >= first]
    events = lake.read(source, days=days_read, version=versions[source])
    labels = mature_labels(rows, events, product.label, now, row_id=spine.row_id)
    label = np.asarray(pc.fill_null(labels["label"].cast(pa.int8()), -1).to_numpy(), dtype=np.int8)
    stake = _stake(rows, decision)
    profit = decision.profit
    of_label = np.where(label == 1, -profit.bad, profit.good) * stake
    keys = [_codes(rows[name]) for name in product.features.key_columns if name in rows.column_names]
    days = np.asarray(pc.cast(pc.cast(rows["as_of"], pa.date32()), pa.int32()).to_numpy(), dtype=np.int64)
    return Judged(
        decided=decided,
        other=result.answers.codes,
        label=label,
        earned=np.where(label < 0, np.nan, of_label),
        expected=(profit.good - (profit.good + profit.bad) * result.scores) * stake,
        cluster=keys[0] if keys else days,
        groups=groups_of(product, rows),
    )


def _decided(
    product: Product, lake: Lake, champion: Bundle, rows: pa.Table
) -> tuple[NDArray[np.int8], DecidedBy, dict[str, int]]:
    """What was decided of each row, -1 where nobody decided it; by whom; and the versions of what was read.

    Answered decisions count first, and the scores of the days where there are none of these rows; of a product that is
    judged by batch scores it is the other way round. Without either the champion decides now.
    """
    ids = rows[product.spine.row_id].cast(pa.string())
    days = sorted(set(pc.cast(rows["as_of"], pa.date32()).to_pylist()))
    tables: list[tuple[str, str, DecidedBy]] = [
        (DECISIONS, "row_id", "answered decisions"), (SCORES, product.spine.row_id, "batch scores")
    ]  # fmt: skip
    for name, column, by in tables if product.monitoring.judged == "answered" else tables[::-1]:
        table = table_name(product.name, name)
        if not lake.exists(table):
            continue
        version = lake.version(table)
        last = [day for day in lake.days(table, version) if days[0] <= day <= _later(days[-1], product)]
        found = lake.read(table, days=last, version=version, columns=[column, "outcome"]) if last else None
        answers = None if found is None else _codes_of(ids, found[column], found["outcome"], product.decision)
        if answers is not None and (answers >= 0).any():
            return answers, by, {table: version}
    computed = Engine(champion, None).score_table(rows).answers.codes
    answers = np.where(_after_training(rows, champion), computed, np.int8(-1))
    return answers, "the champion, computed now", {}


def _codes_of(
    ids: pa.ChunkedArray, decided: pa.ChunkedArray, outcomes: pa.ChunkedArray, decision: DecisionPolicy
) -> NDArray[np.int8]:
    """The answer of each row by its last decision; -1 where it has none. A fallback's own word accepts nobody."""
    words = {decision.accept: ACCEPT, **({decision.refer: REFER} if decision.refer else {})}
    codes = [words.get(word, REFUSE) for word in outcomes.to_pylist()]
    by_id = dict(zip(decided.cast(pa.string()).to_pylist(), codes, strict=True))
    return np.array([by_id.get(one, -1) for one in ids.to_pylist()], dtype=np.int8)


def _after_training(rows: pa.Table, bundle: Bundle) -> NDArray[np.bool_]:
    """Whether each row is from the model's test window on: earlier ones are what it learned from."""
    first = _first_tested(bundle)
    if first is None:
        return np.ones(rows.num_rows, dtype=np.bool_)
    return np.asarray(_moments(rows) >= np.datetime64(first, "us"), dtype=np.bool_)


def _first_tested(bundle: Bundle) -> date | None:
    windows = bundle.parts.metrics.get("windows")
    return None if windows is None else test_days(windows)[0]


def _later(day: date, product: Product) -> date:
    """The last day on which a row of the day can be decided."""
    return date.fromordinal(day.toordinal() + product.spine.days_after + 1)


def _moments(rows: pa.Table) -> NDArray[np.datetime64]:
    return np.asarray(pc.cast(rows["as_of"], pa.timestamp("us")).to_numpy(), dtype="datetime64[us]")


def _stake(rows: pa.Table, decision: DecisionPolicy) -> NDArray[np.float64]:
    stake = decision.profit.stake
    return np.ones(rows.num_rows) if stake is None else np.asarray(rows[stake].to_numpy(), dtype=np.float64)


def _codes(column: pa.ChunkedArray) -> NDArray[np.int64]:
    encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    return np.asarray(encoded.indices.to_numpy(), dtype=np.int64)
