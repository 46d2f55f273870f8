"""Whom a version that was rolled back has decided for: the table `exposed`.

Belongs here: finding the decisions of a rolled-back version in the decision log, and keeping them. Does not belong
here: what is done for these people (a risk officer's work), the rollback itself (`moves.py`).
"""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from assets.product.names import EXPOSED, table_name
from assets.serving.log.decision_log import days as logged_days
from assets.serving.log.decision_log import read_day
from resources.lake import Lake
from resources.rollout_store.manifest import Move, RolloutManifest

_COLUMNS = ("decision_id", "row_id", "bundle", "role", "decided_at", "outcome", "score")
_SLACK = timedelta(days=1)


def keep_exposed(lake: Lake, log: Path, state: RolloutManifest) -> int:
    """Adds the decisions of rollouts that were rolled back and are not in the table yet; returns how many were added.

    Raises:
        DecisionLogError: A line of the log is no decision.
        LakeError: The table is damaged.
    """
    name = table_name(state.product, EXPOSED)
    known = lake.read(name) if lake.exists(name) else None
    recorded = set() if known is None else set(known["generation"].to_pylist())
    added = [
        exposed(log, state.product, move, state.moves)
        for move in state.moves
        if move.action == "roll_back" and move.generation not in recorded
    ]
    rows = pa.concat_tables(added) if added else None
    if rows is None or not rows.num_rows:
        return 0
    lake.replace(name, rows if known is None else pa.concat_tables([known, rows]), days=None)
    return rows.num_rows


def exposed(log: Path, product: str, move: Move, moves: Sequence[Move]) -> pa.Table:
    """The decisions of the versions that a rollback took out, since they first decided.

    Returns:
        Columns of the decision log, `rollout` and `generation` of the rollback; in the order of the log.
    """
    versions, rollout = set(move.version.split(", ")), move.details.get("rollout", "")
    # A change of a rollout with several challengers names them all.
    own = [one for one in moves if one.generation < move.generation and versions & set(one.version.split(", "))]
    # Only the latest changes are remembered: without the beginning, any day may have such decisions.
    is_whole = any(one.action in ("start", "promote") for one in own)
    first, last = (min(one.at for one in own) - _SLACK).date() if is_whole else date.min, (move.at + _SLACK).date()
    days = [day for day in logged_days(log, product) if first <= day <= last]
    rows = pa.concat_tables([read_day(log, product, day) for day in days or [last]])
    of_version = pc.is_in(rows["bundle"], value_set=pa.array(sorted(versions), pa.string()))
    # Nobody looks after a person who was erased; the person is not entered again either.
    kept = rows.filter(pc.and_(of_version, pc.invert(rows["erased"])))
    if rollout:
        kept = kept.filter(pc.equal(kept["rollout"], rollout))
    count = kept.num_rows
    return (
        kept.select(list(_COLUMNS))
        .append_column("rollout", pa.repeat(pa.scalar(rollout), count))
        .append_column("generation", pa.repeat(pa.scalar(move.generation), count))
    )
