"""Realised figures by who decided: of each bundle over its own answered decisions, or its own batch scores.

Belongs here: which rows are counted together, and the AUC at approval that figures over such rows are compared with.
Does not belong here: a figure (`figures.py`), reading bundles (`assets.py`), the verdict (`verdicts.py`).
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.bundle.profile import ReferenceProfile
from assets.monitoring.performance.corrected import with_corrected
from assets.monitoring.performance.figures import Over, PerformanceError, expected_auc, performance_by_day
from assets.product import Profit

EVERY_ROLE = "all"
"""The role of the figures over all decisions of a bundle, whichever arm it was."""


def performance_by_bundle(
    outcomes: pa.Table, days: Sequence[date], window_days: int, *, accept: str, profit: Profit, min_rows: int
) -> pa.Table:
    """`performance_by_day` of each bundle and each arm, over the decisions that it answered as that arm.

    A score that is the scorecard's, where the model had failed, counts as none; its decision counts in the other
    figures. A decision whose request was erased has no stake: it adds nothing to the profit. A decision that a person
    reviewed counts with the person's answer.

    Args:
        outcomes: As for `performance_by_day`, and `bundle`, `digest`, `role` and `fallback` of each decision; `final`
            where decisions are reviewed.

    Returns:
        A table of PERFORMANCE_SCHEMA, then the corrected figures (`corrected.py`), `bundle`, `digest` and `role`: for
        each day and bundle with outcomes in the window, a row of each arm and one of EVERY_ROLE.

    Raises:
        PerformanceError: As for `performance_by_day`.
    """
    own_scores = pc.if_else(pc.is_null(outcomes["fallback"]), outcomes["score"], pa.scalar(None, pa.float64()))
    rows = outcomes.set_column(outcomes.column_names.index("score"), "score", own_scores)
    if "final" in rows.column_names:
        rows = rows.set_column(rows.column_names.index("outcome"), "outcome", rows["final"])
    if profit.stake and profit.stake in rows.column_names:
        known = pc.fill_null(rows[profit.stake], pa.scalar(0, rows.schema.field(profit.stake).type))
        rows = rows.set_column(rows.column_names.index(profit.stake), profit.stake, known)
    deciders = rows.group_by(["bundle", "digest"]).aggregate([])
    none = performance_by_day(rows.slice(0, 0), [], window_days, accept=accept, profit=profit, min_rows=0)
    tables = [_named(with_corrected(none, rows, window_days, accept=accept, over_all=frozenset()))]
    for decider in deciders.to_pylist():
        own = rows.filter(
            pc.and_(pc.equal(rows["bundle"], decider["bundle"]), pc.equal(rows["digest"], decider["digest"]))
        )
        for role in (*sorted(own["role"].unique().to_pylist()), EVERY_ROLE):
            of_role = own if role == EVERY_ROLE else own.filter(pc.equal(own["role"], role))
            figures = performance_by_day(of_role, days, window_days, accept=accept, profit=profit, min_rows=min_rows)
            figures = with_corrected(
                figures.filter(pc.greater(figures["rows"], 0)), of_role, window_days,
                accept=accept, over_all=_over_all(figures),
            )  # fmt: skip
            tables.append(_named(figures, role=role, **decider))
    return pa.concat_tables(tables).sort_by([(name, "ascending") for name in ("day", "bundle", "digest", "role")])


def performance_by_model(
    outcomes: pa.Table,
    days: Sequence[date],
    window_days: int,
    *,
    champion: str,
    accept: str,
    profit: Profit,
    min_rows: int,
) -> pa.Table:
    """`performance_by_day` of each model, each over the outcomes of the batch scores that it gave itself.

    A new champion has no figures until labels of its own rows are mature; until then those of its predecessors go on.

    Args:
        outcomes: As for `performance_by_day`, and `model_version` (string): the model that scored the row.
        champion: The version that decides now.

    Returns:
        A table of PERFORMANCE_SCHEMA and `model_version`: for every day a row of the champion, and one of each other
        version that has outcomes in the window.

    Raises:
        PerformanceError: As for `performance_by_day`.
    """
    if "model_version" not in outcomes.column_names:
        raise PerformanceError("there is no column 'model_version': batch scores say which model gave them")
    scored_by = outcomes["model_version"].cast(pa.string())
    tables = []
    for version in sorted({champion, *scored_by.drop_null().unique().to_pylist()}):
        own = outcomes.filter(pc.equal(scored_by, version))
        figures = performance_by_day(own, days, window_days, accept=accept, profit=profit, min_rows=min_rows)
        if version != champion:
            figures = figures.filter(pc.greater(figures["rows"], 0))
        tables.append(figures.append_column("model_version", pa.repeat(pa.scalar(version), figures.num_rows)))
    return pa.concat_tables(tables)


def approved_auc(profile: ReferenceProfile, threshold: float, over: Over) -> float | None:
    """The AUC at approval over such rows as the realised one is over; `None` if it cannot be told.

    Among accepted rows alone, which are more alike, no model ranks as well as among all. How much less a calibrated
    model ranks there follows from the scores at approval.

    Args:
        threshold: That of the bundle: rows below it are accepted.
    """
    if over == "all":
        return profile.auc
    scores = np.asarray(profile.score.sample, dtype=np.float64)
    among_all, among_accepted = expected_auc(scores), expected_auc(scores[scores < threshold])
    return None if among_all is None or among_accepted is None else profile.auc - (among_all - among_accepted)


def _over_all(figures: pa.Table) -> frozenset[date]:
    """The days whose figures are over refused rows too: nothing is to be corrected."""
    every = zip(figures["day"].to_pylist(), figures["over"].to_pylist(), strict=True)
    return frozenset(day for day, over in every if over == "all")


def _named(figures: pa.Table, *, bundle: str = "", digest: str = "", role: str = "") -> pa.Table:
    for name, value in (("bundle", bundle), ("digest", digest), ("role", role)):
        figures = figures.append_column(name, pa.repeat(pa.scalar(value, pa.string()), figures.num_rows))
    return figures
