"""What a kind of target means for monitoring: realised figures of amounts, and what is not asked of them.

Belongs here: the columns that take the place of AUC and Brier score, their verdict, and the sentence of those parts
that are for a binary target alone. Does not belong here: the figures of a binary target (`figures.py`), reading tables
(`tables.py`), the approved figures (`assets.evaluation.amounts`).
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assets.bundle.bundle import Bundle
from assets.metrics.amount_answers import amount_earned
from assets.metrics.amounts import mean_error
from assets.monitoring.performance.by_bundle import EVERY_ROLE
from assets.monitoring.verdicts import MonitoringAction, stale_reason
from assets.product import Amount, MonitoringPolicy, Product, Verdict
from assets.product.names import LABEL_AMOUNT

Floats = NDArray[np.float64]
BINARY_ALONE = "that is of a binary target, whose score is a probability; this product's score is an amount"
"""Why a part of monitoring says nothing of an amount."""
SIGNIFICANCE_Z = 1.645
"""One-sided 95%: a larger error within this many standard errors may be chance."""
_REPLACED = (
    "auc",
    "brier",
    *(f"corrected_{name}{end}" for name in ("auc", "bad_rate") for end in ("", "_low", "_high")),
)
_EPOCH = date(1970, 1, 1)
AMOUNT_FIELDS = tuple(
    pa.field(name, pa.float64()) for name in ("mae", "mae_error", "bias", "mean_error", "mean_actual", "mean_predicted")
)
"""The columns of realised figures of amounts, in the unit of the amount; `mae_error` is the standard error of `mae`."""


def figures_of_target(
    product: Product, figures: pa.Table, outcomes: pa.Table, version: str = "model_version"
) -> pa.Table:
    """Realised figures in the metrics of the product's kind of target; as they are where it is binary.

    Args:
        figures, outcomes, version: As for `amount_figures`.
    """
    target = product.model.target
    if not isinstance(target, Amount):
        return figures
    return amount_figures(product, target, figures, outcomes, version=version)


def amount_figures(
    product: Product, target: Amount, figures: pa.Table, outcomes: pa.Table, *, version: str
) -> pa.Table:
    """Realised figures with the columns of amounts; figures of a probability are null, the profit that of amounts.

    Args:
        figures: A table of PERFORMANCE_SCHEMA, with `version` and perhaps `digest` and `role`.
        outcomes: The rows that it is of, with `score`, `outcome`, `day` and `label_amount`.
        version: The column with the version of the model, in both tables.
    """
    rows = figures.to_pylist()
    day = np.asarray(outcomes["day"].cast(pa.int32()).to_numpy(), dtype=np.int64)
    own = {name: np.array(outcomes[name].to_pylist(), dtype=object) for name in (version, "digest", "role")
           if name in outcomes.column_names}  # fmt: skip
    for row in rows:
        last = (row["day"] - _EPOCH).days
        kept = (day <= last) & (day > last - product.monitoring.window_days)
        for name, values in own.items():
            if name in row and row[name] != EVERY_ROLE:
                kept &= values == row[name]
        row |= dict.fromkeys(_REPLACED) | _figures(product, target, outcomes.filter(pa.array(kept)))
    schema = figures.schema
    for field in AMOUNT_FIELDS:
        schema = schema.append(field)
    return pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in rows], schema=schema)


def _figures(product: Product, target: Amount, rows: pa.Table) -> dict[str, Any]:
    amount, score = _numbers(rows, LABEL_AMOUNT), _numbers(rows, "score")
    stake = product.decision.profit.stake
    accepted = np.asarray(pc.equal(rows["outcome"], product.decision.accept).to_numpy(), dtype=np.bool_)
    earned = amount_earned(amount, product.decision.profit, None if stake is None else _known(_numbers(rows, stake)))
    least, known = product.monitoring.min_rows, ~np.isnan(amount)
    told: dict[str, Any] = {"profit": float(earned[known & accepted].sum()) if known.sum() >= least else None}
    both = known & ~np.isnan(score)
    if both.sum() < max(least, 2):
        return {**dict.fromkeys(field.name for field in AMOUNT_FIELDS), **told}
    y, predicted = amount[both], score[both]
    absolute = np.abs(predicted - y)
    return {
        **told, "mae": float(absolute.mean()), "mae_error": float(absolute.std(ddof=1) / np.sqrt(len(y))),
        "bias": float((predicted - y).mean()), "mean_error": mean_error(target, y, predicted),
        "mean_actual": float(y.mean()), "mean_predicted": float(predicted.mean()),
    }  # fmt: skip


def realised_amounts(product: Product, outcomes: pa.Table, kpis: pa.Table) -> pa.Table:
    """The business figures with the losses and the profit of amounts; they have no expectation but a target.

    Args:
        outcomes: The outcomes of these days.
        kpis: A table of KPI_SCHEMA; as it is where the target is binary.
    """
    if not isinstance(product.model.target, Amount):
        return kpis
    profit, amount = product.decision.profit, _numbers(outcomes, LABEL_AMOUNT)
    stake = None if profit.stake is None else _known(_numbers(outcomes, profit.stake))
    accepted = np.asarray(pc.equal(outcomes["outcome"], product.decision.accept).to_numpy(), dtype=np.bool_)
    of_row = {"realised_loss": profit.bad * amount, "profit": amount_earned(amount, profit, stake)}
    day, kept = np.array(outcomes["day"].to_pylist(), dtype=object), accepted & ~np.isnan(amount)
    rows = kpis.to_pylist()
    for row in rows:
        if row["figure"] in of_row:
            own = kept & (day == row["day"])
            value = float(of_row[row["figure"]][own].sum()) if own.any() else None
            row |= {"value": value, "rows": int(own.sum())} | _judged(row, value)
    return pa.Table.from_pylist(rows, schema=kpis.schema)


def _judged(row: Mapping[str, Any], value: float | None) -> dict[str, Any]:
    if row["basis"] != "target":
        return dict.fromkeys(("expected", "low", "high", "basis", "outside"))
    return {"outside": None if value is None else not row["low"] <= value <= row["high"]}


def approved_mae(bundle: Bundle | None) -> float | None:
    """The mean absolute error at approval, on the test rows; `None` where it is not known."""
    if bundle is None:
        return None
    found = bundle.parts.metrics.get("metrics", {}).get("test", {}).get("mae")
    return None if found is None else float(found)


def amount_verdict(
    row: Mapping[str, Any], day: date | None, policy: MonitoringPolicy, now: datetime
) -> Verdict[MonitoringAction]:
    """Whether the model is still as near to the amounts as it was when it was approved.

    A mean absolute error that is more than `max_mae_increase` larger asks for a retraining if it is larger by more than
    `SIGNIFICANCE_Z` standard errors too; a larger increase that may be chance is unknown.

    Args:
        row: The figures of the day, with `labelled`, `mae`, `mae_error` and `approved_mae`.
    """
    old = stale_reason("realised performance figures", day, policy.window_days, now)
    if old:
        return Verdict("unknown", (old,))
    approved, mae, error = row.get("approved_mae"), row.get("mae"), row.get("mae_error")
    if approved is None:
        return Verdict("unknown", ("the mean absolute error at approval is not known",))
    if mae is None or error is None:
        return Verdict("unknown", (f"{row['labelled']} labelled rows; at least {policy.min_rows} are needed",))
    more = mae / approved - 1.0 if approved > 0.0 else 0.0
    figures = f"realised mean absolute error {mae:,.4g}, {approved:,.4g} at approval, over {row['labelled']} rows"
    if more <= policy.max_mae_increase:
        return Verdict("none", (f"{figures}: at most {policy.max_mae_increase:.0%} more",))
    if mae - approved <= SIGNIFICANCE_Z * error:
        return Verdict("unknown", (f"{figures}: an increase of {SIGNIFICANCE_Z * error:,.4g} may be chance",))
    return Verdict("retrain", (f"{figures}: more than {policy.max_mae_increase:.0%} more",))


def not_asked_rows(schema: pa.Schema, days: Sequence[date], **told: object) -> pa.Table:
    """A row for each day of a table that says of an amount only why it has no figures."""
    rows = [dict.fromkeys(schema.names) | {"day": day, **told} for day in days]
    return pa.Table.from_pylist(rows, schema=schema)


def _numbers(rows: pa.Table, name: str) -> Floats:
    return np.asarray(rows[name].cast(pa.float64()).to_numpy(), dtype=np.float64)


def _known(stake: Floats) -> Floats:
    """A decision whose request was erased has no stake: it adds nothing to the profit but its amount."""
    return np.nan_to_num(stake)
