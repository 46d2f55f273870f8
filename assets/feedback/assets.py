"""Assets of feedback: `decisions`, the decision log as a table, and `outcomes`, scores joined with their mature labels.

Belongs here: reading the log and the labels, writing the tables. Does not belong here: the join (`outcomes.py`), the
form of the log (`assets.serving.decision_log`).
"""

from datetime import timedelta
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from assets.feedback.outcomes import join_outcomes
from assets.materialising import Stopwatch, asset_key, daily_asset_of, days_of, permanent, same_columns, with_constant
from assets.product import Product
from assets.product.names import DECISIONS, DEPLOYMENT, OUTCOMES, SCORES, table_name, validated_name, validated_table
from assets.serving.decision_log import read_day
from assets.serving.log_writer import DecisionLogError
from assets.training.rows import RowsError
from resources.clock import Clock
from resources.environments import Environment
from resources.lake import Lake, LakeError
from resources.lake.origins import Reading, made_from

_LATE_DAYS = 30
"""How many days after the maturity of its label a score is still looked for."""


def decisions_asset(product: Product, partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
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
        watch, days = Stopwatch(name), days_of(context)
        with permanent(DecisionLogError):
            logged = [
                with_constant(read_day(environment.decision_log, product.name, day), "day", day, pa.date32())
                for day in days
            ]
        table = pa.concat_tables(logged)
        commit = lake.replace(table_name(product.name, name), table, days=days, metadata={"run_id": context.run.run_id})
        return watch.table(rows=commit.rows, version=commit.version, days=len(days), schema=table.schema)

    return decisions


def outcomes_asset(product: Product, partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """`outcomes`: each label on the day on which it becomes final, with the champion's score of its row."""
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
        watch, days = Stopwatch(name), days_of(context)
        scores, labels = table_name(product.name, SCORES), validated_table(product.name, label.source)
        with permanent(LakeError, RowsError):
            # A label is final at its maturity, or some days later if the event that decides it arrived late. A score is
            # in the partition of the day on which its row arrived, which may be long after the decision.
            before = label.maturity.days + _LATE_DAYS
            first = days[0] - timedelta(days=before)
            pins = {table: lake.version(table) for table in (scores, labels)}
            of_scores = [day for day in lake.days(scores, pins[scores]) if first <= day <= days[-1]]
            scored = lake.read(scores, days=of_scores, version=pins[scores])
            of_labels = [day for day in lake.days(labels, pins[labels]) if first <= day]
            events = lake.read(labels, days=of_labels, version=pins[labels])
            joined = join_outcomes(scored, events, label, clock.now(), row_id=product.spine.row_id)
        of_days = joined.filter(pc.is_in(joined["day"], value_set=pa.array(days, pa.date32())))
        # Labels of later days are read too, but each belongs to the outcomes of its own day.
        readings = {table: Reading(version, before) for table, version in pins.items()}
        record = {"run_id": context.run.run_id, **made_from(readings)}
        commit = lake.replace(table_name(product.name, name), of_days, days=days, metadata=record)
        lineage = same_columns(asset_key(product, SCORES), of_days.schema.names)
        lineage["label"] = [
            (asset_key(product, validated_name(label.source)), column) for column in (label.column,) if column
        ]
        return watch.table(
            rows=commit.rows, version=commit.version, days=len(days), schema=of_days.schema, lineage=lineage
        )

    return outcomes
