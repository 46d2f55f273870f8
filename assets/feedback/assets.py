"""Assets of feedback: `decisions`, the decision log as a table, and the outcomes of decisions and of batch scores.

Belongs here: reading the log, writing the tables. Does not belong here: which rows and labels are read (`judged.py`,
`inputs.py`), the join (`outcomes.py`), the form of the log (`assets.serving.log.decision_log`).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from assets.feedback.decisions import answered_of
from assets.feedback.exposed import keep_exposed
from assets.feedback.inputs import moved_days, outcome_inputs
from assets.feedback.judged import Judged, answered, scored
from assets.feedback.outcomes import join_outcomes
from assets.feedback.queue_days import made_queue, publish_queue
from assets.feedback.reviews import reviews_of, with_reviews
from assets.materialising import (
    Stopwatch,
    asset_key,
    asset_of,
    begun,
    daily_asset_of,
    permanent,
    same_columns,
    wait_for_champion,
)
from assets.product import Partitions, Product
from assets.product.names import (
    BATCH_OUTCOMES,
    DECISIONS,
    DEPLOYMENT,
    EXPOSED,
    LABEL_AMOUNT,
    OUTCOMES,
    REVIEW_QUEUE,
    ROLLOUT,
    SCORES,
    table_name,
    validated_name,
)
from assets.serving.log.writer import DecisionLogError
from assets.training.amounts.told import with_amounts
from assets.training.rows.tables import RowsError
from resources.clock import Clock
from resources.environments import Environment
from resources.lake import Commit, Lake, LakeError
from resources.lake.origins import Reading, made_from
from resources.rollout_store.manifest import RolloutError
from resources.rollout_store.store import RolloutStore
from resources.slots import days_of


def decisions_asset(product: Product, partitions: Partitions) -> dg.AssetsDefinition:
    """`decisions`: the answers of the decision service on each day, each with who decided and why it was they."""
    name = DECISIONS

    @daily_asset_of(
        product,
        name,
        partitions,
        deps=[asset_key(product, DEPLOYMENT)],
        group_name="feedback",
        description="The answers of the decision service: bundle, rollout, arm and share, and all that a replay needs.",
        kinds={"bentoml", "deltalake"},
    )
    def decisions(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        environment: dg.ResourceParam[Environment],
    ) -> dg.MaterializeResult[Any]:
        watch, slots = begun(context, name, partitions)
        days = days_of(slots)
        with permanent(DecisionLogError, LakeError):
            table = pa.concat_tables([answered_of(product, lake, environment.decision_log, day) for day in days])
        commit = lake.replace(table_name(product.name, name), table, days=days, metadata={"run_id": context.run.run_id})
        return watch.table(rows=commit.rows, version=commit.version, days=len(days), schema=table.schema)

    return decisions


def outcomes_asset(product: Product, partitions: Partitions) -> dg.AssetsDefinition:
    """`outcomes`: each label on the day since which it is what it is, with the answered decision that it judges."""
    description = "Answered decisions whose label has become final on the day, by the bundle and the arm that decided"
    return _outcomes(product, OUTCOMES, answered(product), DECISIONS, partitions, description)


def batch_outcomes_asset(product: Product, partitions: Partitions) -> dg.AssetsDefinition | None:
    """`batch_outcomes`: labels with the batch score of their row; `None` where the product is not judged by scores."""
    if product.monitoring.judged != "batch":
        return None
    description = "Batch scores whose row's label has become final on the day, by the model of the last scoring"
    return _outcomes(product, BATCH_OUTCOMES, scored(product), SCORES, partitions, description)


def _outcomes(
    product: Product,
    name: str,
    judged: Judged,
    source: str,
    partitions: Partitions,
    description: str,
) -> dg.AssetsDefinition:
    """Outcomes of the rows of a table.

    A label that a late event or a correction changes moves to the day on which that became known: the day on which it
    stood is made again in the same run.

    Args:
        source: The asset of the rows.
    """
    label, spine = product.label, validated_name(product.spine.source)
    beside = [*([spine] if judged.of_spine else []), *([validated_name(judged.reviews)] if judged.reviews else [])]
    read = dict.fromkeys([source, validated_name(label.source), *beside])

    @daily_asset_of(
        product,
        name,
        partitions,
        deps=[asset_key(product, asset) for asset in read],
        group_name="feedback",
        description=f"{description}: {label.meaning}.",
        kinds={"deltalake"},
        output_required=False,
    )
    def outcomes(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        clock: dg.ResourceParam[Clock],
    ) -> Iterator[dg.MaterializeResult[Any]]:
        (watch, slots), now = begun(context, name, partitions), clock.now()
        days = days_of(slots)
        if not lake.exists(judged.table):
            wait_for_champion(context, product, slots)
            return
        with permanent(LakeError, RowsError):
            joined, readings = _joined(product, lake, judged, days, now)
            moved = moved_days(product, lake, judged, joined, days)
            commit = _replace(lake, judged, context.run.run_id, joined, readings, days)
            again, of_moved = _joined(product, lake, judged, moved, now) if moved else (joined, readings)
            for day in moved:
                _replace(lake, judged, context.run.run_id, again, of_moved, [day])
        lineage = same_columns(asset_key(product, source), joined.schema.names)
        lineage["label"] = [
            (asset_key(product, validated_name(label.source)), column) for column in (label.column,) if column
        ]
        if LABEL_AMOUNT in joined.column_names:
            lineage[LABEL_AMOUNT] = lineage["label"]
        yield watch.table(
            rows=commit.rows, version=commit.version, days=len(days), schema=joined.schema, lineage=lineage,
            moved_from=[day.isoformat() for day in moved],
        )  # fmt: skip

    return outcomes


def _joined(
    product: Product, lake: Lake, judged: Judged, days: Sequence[date], now: datetime
) -> tuple[pa.Table, Mapping[str, Reading]]:
    """The rows that concern these days with their labels, and what was read for it."""
    inputs = outcome_inputs(product, lake, judged, days)
    joined = join_outcomes(inputs.rows, inputs.events, product.label, now, row_id=judged.row_id)
    joined = with_amounts(product, joined, inputs.events, now, row_id=judged.row_id)
    if judged.reviews:
        decided = (product.decision.accept, product.decision.refuse)
        joined = with_reviews(joined, reviews_of(product, lake, judged), now, decided=decided)
    return joined, inputs.readings


def _replace(
    lake: Lake,
    judged: Judged,
    run_id: str,
    joined: pa.Table,
    readings: Mapping[str, Reading],
    days: Sequence[date],
) -> Commit:
    """Makes the rows whose outcome is on one of these days the whole content of the days."""
    of_days = joined.filter(pc.is_in(joined["day"], value_set=pa.array(days, pa.date32())))
    return lake.replace(judged.outcomes, of_days, days=days, metadata={"run_id": run_id, **made_from(readings)})


def review_queue_asset(product: Product, partitions: Partitions) -> dg.AssetsDefinition | None:
    """`review_queue`: the cases that people are asked about; `None` where the product takes no reviews."""
    if not product.reviews:
        return None
    name, read = REVIEW_QUEUE, dict.fromkeys([product.label.source, product.reviews])

    @daily_asset_of(
        product,
        name,
        partitions,
        deps=[asset_key(product, DECISIONS), *(asset_key(product, validated_name(source)) for source in read)],
        group_name="feedback",
        description="The cases that people are asked about: referred, disputed, and the most informative of the day.",
        kinds={"deltalake"},
    )
    def review_queue(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        environment: dg.ResourceParam[Environment],
        rollout: dg.ResourceParam[RolloutStore],
    ) -> dg.MaterializeResult[Any]:
        watch, slots = begun(context, name, partitions)
        days = days_of(slots)
        with permanent(DecisionLogError, LakeError, RowsError, RolloutError):
            made = [made_queue(product, lake, environment.decision_log, day) for day in days]
            rows, newest = pa.concat_tables([queue.rows for queue in made]), made[-1]
            record = {"run_id": context.run.run_id, **made_from(newest.readings)}
            commit = lake.replace(table_name(product.name, name), rows, days=days, metadata=record)
            published = publish_queue(rollout, product.name, days[-1], newest.rows)
        return watch.table(
            rows=commit.rows, version=commit.version, days=len(days), schema=rows.schema, waiting=newest.rows.num_rows,
            left_out=newest.left_out, published=published,
        )  # fmt: skip

    return review_queue


def exposed_asset(product: Product) -> dg.AssetsDefinition:
    """`exposed`: whom a version that was rolled back had decided for."""
    name = EXPOSED

    @asset_of(
        product,
        name,
        deps=[asset_key(product, ROLLOUT)],
        group_name="rollout",
        description="The decisions of versions that were rolled back, for those who look after these people.",
        kinds={"deltalake"},
    )
    def exposed(
        lake: dg.ResourceParam[Lake],
        rollout: dg.ResourceParam[RolloutStore],
        environment: dg.ResourceParam[Environment],
    ) -> dg.MaterializeResult[Any]:
        watch = Stopwatch(name)
        with permanent(DecisionLogError, LakeError, RolloutError):
            state = rollout.read_manifest(product.name)
            added = 0 if state is None else keep_exposed(lake, environment.decision_log, state)
        return watch.result(rows=added)

    return exposed
