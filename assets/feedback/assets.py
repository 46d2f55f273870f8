"""Assets of feedback: `decisions`, the decision log as a table, and `outcomes`, scores joined with their mature labels.

Belongs here: reading the log, writing the tables. Does not belong here: which scores and labels are read
(`inputs.py`), the join (`outcomes.py`), the form of the log (`assets.serving.decision_log`).
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from assets.feedback.inputs import moved_days, outcome_inputs
from assets.feedback.outcomes import join_outcomes
from assets.materialising import asset_key, begun, daily_asset_of, permanent, same_columns, with_constant
from assets.product import Partitions, Product
from assets.product.names import DECISIONS, DEPLOYMENT, OUTCOMES, SCORES, table_name, validated_name
from assets.serving.decision_log import read_day
from assets.serving.log_writer import DecisionLogError
from assets.training.tables import RowsError
from resources.clock import Clock
from resources.environments import Environment
from resources.lake import Commit, Lake, LakeError
from resources.lake.origins import Reading, made_from


def decisions_asset(product: Product, partitions: Partitions) -> dg.AssetsDefinition:
    """`decisions`: the answers of the decision service on each day."""
    name = DECISIONS

    @daily_asset_of(
        product,
        name,
        partitions,
        deps=[asset_key(product, DEPLOYMENT)],
        group_name="feedback",
        description="The answers of the decision service, with all that a replay needs.",
        kinds={"bentoml", "deltalake"},
    )
    def decisions(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        environment: dg.ResourceParam[Environment],
    ) -> dg.MaterializeResult[Any]:
        watch, days = begun(context, name, partitions)
        with permanent(DecisionLogError):
            logged = [
                with_constant(read_day(environment.decision_log, product.name, day), "day", day, pa.date32())
                for day in days
            ]
        table = pa.concat_tables(logged)
        commit = lake.replace(table_name(product.name, name), table, days=days, metadata={"run_id": context.run.run_id})
        return watch.table(rows=commit.rows, version=commit.version, days=len(days), schema=table.schema)

    return decisions


def outcomes_asset(product: Product, partitions: Partitions) -> dg.AssetsDefinition:
    """`outcomes`: each label on the day since which it is what it is, with the champion's score of its row.

    A label that a late event or a correction changes moves to the day on which that became known: the day on which it
    stood is made again in the same run.
    """
    name, label = OUTCOMES, product.label

    @daily_asset_of(
        product,
        name,
        partitions,
        deps=[asset_key(product, SCORES), asset_key(product, validated_name(label.source))],
        group_name="feedback",
        description=f"Rows whose label has become final on the day, with their score: {label.meaning}.",
        kinds={"deltalake"},
    )
    def outcomes(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], clock: dg.ResourceParam[Clock]
    ) -> dg.MaterializeResult[Any]:
        (watch, days), now = begun(context, name, partitions), clock.now()
        with permanent(LakeError, RowsError):
            joined, readings = _joined(product, lake, days, now)
            moved = moved_days(product, lake, joined, days)
            commit = _replace(product, lake, context.run.run_id, joined, readings, days)
            again, of_moved = _joined(product, lake, moved, now) if moved else (joined, readings)
            for day in moved:
                _replace(product, lake, context.run.run_id, again, of_moved, [day])
        lineage = same_columns(asset_key(product, SCORES), joined.schema.names)
        lineage["label"] = [
            (asset_key(product, validated_name(label.source)), column) for column in (label.column,) if column
        ]
        return watch.table(
            rows=commit.rows, version=commit.version, days=len(days), schema=joined.schema, lineage=lineage,
            moved_from=[day.isoformat() for day in moved],
        )  # fmt: skip

    return outcomes


def _joined(
    product: Product, lake: Lake, days: Sequence[date], now: datetime
) -> tuple[pa.Table, Mapping[str, Reading]]:
    """The scores that concern these days with their labels, and what was read for it."""
    inputs = outcome_inputs(product, lake, days)
    joined = join_outcomes(inputs.scores, inputs.events, product.label, now, row_id=product.spine.row_id)
    return joined, inputs.readings


def _replace(
    product: Product,
    lake: Lake,
    run_id: str,
    joined: pa.Table,
    readings: Mapping[str, Reading],
    days: Sequence[date],
) -> Commit:
    """Makes the rows whose outcome is on one of these days the whole content of the days."""
    of_days = joined.filter(pc.is_in(joined["day"], value_set=pa.array(days, pa.date32())))
    record = {"run_id": run_id, **made_from(readings)}
    return lake.replace(table_name(product.name, OUTCOMES), of_days, days=days, metadata=record)
