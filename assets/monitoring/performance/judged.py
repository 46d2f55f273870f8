"""The decisions and outcomes by which a product is judged, as arrays.

Belongs here: from the tables of decisions or scores, and of their outcomes, to the inputs of vintages, calibration and
business figures. Does not belong here: writing a table (`assets.py`), what is computed (the modules beside this one).
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assets.bundle.bundle import Bundle
from assets.features.table.entity_events import rows_with
from assets.feedback.judged import WHOLE_NUMBER, Judged, answered, scored
from assets.monitoring.performance.kpis import DayRows, Matured
from assets.monitoring.performance.recalibration import Floats
from assets.monitoring.performance.reference import Decided
from assets.monitoring.performance.vintages import Courses
from assets.product import Amount, DecisionPolicy, Label, Product
from assets.product.names import BATCH_OUTCOMES, DECISIONS, FEATURES, OUTCOMES, SCORES, table_name
from assets.training.rows.labels import labels_so_far
from resources.lake import Lake
from resources.lake.origins import Reading
from resources.moments import DAY_US


@dataclass(frozen=True)
class JudgedTables:
    """The tables by which a product is judged.

    Attributes:
        decisions, outcomes: The names of the assets with its decisions and with their outcomes.
        judged: The columns of the decisions.
    """

    decisions: str
    outcomes: str
    judged: Judged


def judged_tables(product: Product) -> JudgedTables:
    """The answered decisions, or the scores of every row, as the policy says."""
    if product.monitoring.judged == "batch":
        return JudgedTables(SCORES, BATCH_OUTCOMES, scored(product))
    return JudgedTables(DECISIONS, OUTCOMES, answered(product))


def own_outcomes(outcomes: pa.Table, bundle: Bundle) -> pa.Table:
    """The outcomes of the scores that a bundle gave itself."""
    if "model_version" in outcomes.column_names:
        return outcomes.filter(pc.equal(outcomes["model_version"], bundle.version))
    return outcomes.filter(pc.and_(pc.equal(outcomes["digest"], bundle.digest), pc.is_null(outcomes["fallback"])))


def features_of(product: Product, lake: Lake, outcomes: pa.Table, row_id: str, day: date) -> tuple[pa.Table, Reading]:
    """The columns by which figures are told apart, of each outcome's row in the feature table, and the reading.

    Null where the row never came to the lake.

    Args:
        day: The first day that is made.

    Raises:
        LakeError: The table is damaged.
    """
    table, own = table_name(product.name, FEATURES), product.spine.row_id
    parts = dict.fromkeys([*(one.column for one in product.protected), *product.monitoring.slices])
    version, texts = lake.version(table), outcomes[row_id].cast(pa.string())
    kind, ids = lake.schema(table, version).field(own).type, pc.unique(texts)
    if pa.types.is_integer(kind):  # a row without an id of its own got a text
        ids = ids.filter(pc.match_substring_regex(ids, WHOLE_NUMBER))
    moments = outcomes["as_of"].cast(pa.date32())
    first, last = pc.min(moments).as_py() or day, pc.max(moments).as_py() or day
    days = first, last + timedelta(days=product.spine.days_after)
    found = rows_with(lake, table, [own, *parts], {own: ids.cast(kind)}, days=days, version=version)
    place = pc.index_in(texts, value_set=found[own].cast(pa.string()).combine_chunks())
    return found.select(list(parts)).combine_chunks().take(place.combine_chunks()), Reading(
        version, max(0, (day - first).days)
    )


def courses_of(
    rows: pa.Table, events: pa.Table, label: Label, decision: DecisionPolicy, row_id: str, now: datetime
) -> Courses:
    """When each of these decisions turned bad, as known at a time.

    Args:
        rows: Decisions or scores, with the label's columns.
        events: The label source's events of that time.
        now: With a time zone.

    Raises:
        RowsError: A column is missing or of a wrong type.
    """
    state, since = labels_so_far(rows, events, label, now, row_id=row_id)
    decided = np.asarray(pc.cast(pc.cast(rows["as_of"], pa.timestamp("us", tz="UTC")), pa.int64()).to_numpy()) / DAY_US
    maturity = max(1, -(-label.maturity // (label.maturity.resolution * DAY_US)))
    lived = now.timestamp() / 86_400.0 - decided
    # The absence of an event is known at the maturity alone.
    bad_since = np.where(state == 1, float(maturity) if label.kind == "absence" else since, np.nan)
    accepted = _is(rows["outcome"], decision.accept)
    # A decision of which the source still says nothing when its label is due will never have one.
    followed = (state != -1) | (accepted & (lived < maturity))
    good_since = np.where((state == 0) & (label.settled or label.kind == "absence"), since, np.nan)
    return Courses(decided, bad_since, followed, good_since, int(maturity))


def day_rows(rows: pa.Table, product: Product) -> DayRows:
    """The decisions of some days; `rows` with `day`, `score`, `outcome` and the stake."""
    decision = product.decision
    accepted = _is(rows["outcome"], decision.accept)
    score, stake = np.nan_to_num(_numbers(rows["score"])), _stake(rows, decision)
    return DayRows(
        day=_days(rows["day"]),
        accepted=accepted,
        referred=_is(rows["outcome"], decision.refer or ""),
        refused=_is(rows["outcome"], decision.refuse),
        loss=np.where(accepted, score * decision.profit.bad * _lost(product, np.nan_to_num(stake)), 0.0),
    )


def approved_rows(found: Decided, product: Product) -> DayRows:
    """The rows of the days on which the champion was evaluated, as it decides them."""
    decision = product.decision
    loss = np.nan_to_num(found.rows.score) * decision.profit.bad * _lost(product, found.rows.stake)
    return DayRows(
        day=found.day,
        accepted=found.rows.accepted,
        referred=np.asarray(found.answers == decision.refer, dtype=np.bool_),
        refused=np.asarray(found.answers == decision.refuse, dtype=np.bool_),
        loss=np.where(found.rows.accepted, loss, 0.0),
    )


def matured_rows(outcomes: pa.Table, product: Product) -> Matured:
    """The accepted rows of outcomes that have a label, and whether others have none."""
    accepted = _is(outcomes["outcome"], product.decision.accept)
    known = np.asarray(outcomes["label"].is_valid().to_numpy(), dtype=np.bool_)
    stake = _stake(outcomes, product.decision)
    kept = accepted & known & ~np.isnan(stake)
    return Matured(
        day=_days(outcomes["day"])[kept],
        score=_numbers(outcomes["score"])[kept],
        label=np.nan_to_num(_numbers(outcomes["label"]))[kept].astype(np.int8),
        stake=stake[kept],
        only_accepted=bool((~accepted).any() and not (known & ~accepted).any()),
    )


def _lost(product: Product, stake: Floats) -> Floats:
    """Of what a loss is a share: the stake; an amount is lost as it is."""
    return np.ones(len(stake)) if isinstance(product.model.target, Amount) else stake


def _stake(rows: pa.Table, decision: DecisionPolicy) -> Floats:
    stake = decision.profit.stake
    return np.ones(rows.num_rows) if stake is None else _numbers(rows[stake])


def _is(column: pa.ChunkedArray, word: str) -> NDArray[np.bool_]:
    return np.asarray(pc.fill_null(pc.equal(column.cast(pa.string()), word), False).to_numpy(), dtype=np.bool_)


def _numbers(column: pa.ChunkedArray) -> Floats:
    return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)


def _days(column: pa.ChunkedArray) -> NDArray[np.int64]:
    return np.asarray(column.cast(pa.int32()).to_numpy(), dtype=np.int64)
