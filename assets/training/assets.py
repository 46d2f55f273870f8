"""Assets of training: `training_set`, pinned to table versions, and `model`, the candidate of a run.

Belongs here: reading pinned versions, calling the pure code, recording the run. Does not belong here: labels
(`rows/labels.py`), the leakage audit (`leakage`), the split (`rows/split.py`), models (`candidates.py`), the parts of a
candidate (`candidate.py`).

Libraries that take seconds to load are imported by the asset that needs them: most processes run others.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from assets.bundle.files import write_bundle
from assets.materialising import Stopwatch, asset_key, asset_of, author_of, permanent, same_columns
from assets.product import Product
from assets.product.names import (
    FEATURES,
    LABEL_AMOUNT,
    MODEL,
    TRAINING_SET,
    table_name,
    validated_name,
    validated_table,
)
from assets.training.amounts.told import with_amounts
from assets.training.checks import leakage_checks, leakage_results
from assets.training.recipe import recipe_of
from assets.training.rows.labels import mature_labels
from assets.training.rows.learning import LABEL
from assets.training.rows.provenance import KNOWN_AT, provenance_counts, traced_rows
from assets.training.rows.split import SplitError
from assets.training.rows.tables import RowsError
from resources.clock import Clock
from resources.environments import Environment
from resources.errors import listed
from resources.keys import Keys
from resources.lake import Lake, LakeError
from resources.lake.partitioning import slot_columns
from resources.slots import day_of, end_of
from resources.spark.sessions import SparkSessions
from resources.tracking import Tracking
from resources.tracking.tracking import AUTHOR_TAG, DAGSTER_TAG


def training_set_asset(product: Product) -> dg.AssetsDefinition:
    """`training_set`: rows whose label is final, with the versions of the tables that they were read from."""
    name = TRAINING_SET
    key = asset_key(product, name)
    read = dict.fromkeys((product.spine.source, *product.features.sources, product.label.source))

    @asset_of(
        product,
        name,
        deps=[asset_key(product, FEATURES), *(asset_key(product, validated_name(source)) for source in read)],
        group_name="training",
        description=f"Rows with a final label, audited for leaks: {product.label.meaning}.",
        kinds={"deltalake"},
        check_specs=leakage_checks(key),
    )
    def training_set(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], clock: dg.ResourceParam[Clock]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        from assets.metrics.ranking import EvaluationError
        from assets.training.leakage.audit import audit_summary, gather_evidence, strongest

        watch, now = Stopwatch(name), clock.now()
        features, labels = table_name(product.name, FEATURES), validated_table(product.name, product.label.source)
        with permanent(LakeError, RowsError, EvaluationError):
            pins = {features: lake.version(features), labels: lake.version(labels)}
            # A row that arrives late has an older as-of time, but lies in the slot of its arrival.
            over = [slot for slot in lake.slots(features, pins[features]) if end_of(slot) <= now]
            wanted = [slot for slot in over if day_of(slot) >= _first_day(product, now)]
            spine = lake.read(features, days=wanted, version=pins[features])
            events = lake.read(labels, version=pins[labels])
            mature = mature_labels(spine, events, product.label, now, row_id=product.spine.row_id)
            told = with_amounts(product, spine, events, now, row_id=product.spine.row_id)
            labelled = traced_rows(product, lake, told, mature, now, version=pins[features])
            rows = labelled.drop_columns([*slot_columns(labelled)])
            evidence = gather_evidence(product, lake, rows, events, now)
        record = {"run_id": context.run.run_id, "pins": pins, "as_known_at": now.isoformat()}
        commit = lake.replace(table_name(product.name, name), rows, days=None, metadata=record)
        value = {
            "version": commit.version, "pins": pins, "as_known_at": now.isoformat(), "rows": commit.rows,
            "audit": audit_summary(evidence, product.gates), "provenance": provenance_counts(rows),
        }  # fmt: skip
        yield watch.table(
            rows=commit.rows, value=value, checks=leakage_results(evidence, product.gates), version=commit.version,
            pins=pins, schema=rows.schema, lineage=_lineage(product, rows.schema),
            positive_share=pc.mean(rows[LABEL]).as_py() or 0.0, evidence=strongest(evidence),
            provenance=value["provenance"],
        )  # fmt: skip

    return training_set


def model_asset(product: Product) -> dg.AssetsDefinition:
    """`model`: the candidate of this run, recorded in MLflow with its data, settings and files."""
    name = MODEL

    @asset_of(
        product,
        name,
        ins={"training_set": dg.AssetIn(key=asset_key(product, TRAINING_SET))},
        group_name="training",
        description="The best candidate and the scorecard, calibrated, with the threshold that earns the most.",
        kinds={"xgboost", "scikitlearn", "mlflow"},
    )
    def model(
        context: dg.AssetExecutionContext,
        training_set: dict[str, Any],
        lake: dg.ResourceParam[Lake],
        tracking: dg.ResourceParam[Tracking],
        keys: dg.ResourceParam[Keys],
        clock: dg.ResourceParam[Clock],
        environment: dg.ResourceParam[Environment],
        spark: dg.ResourceParam[SparkSessions],
    ) -> dg.MaterializeResult[Any]:
        from assets.metrics.ranking import EvaluationError
        from assets.training.candidate import CANDIDATE, candidate_parts, labelled_rows, parameters
        from assets.training.large.checkpoints import remove_checkpoints
        from assets.training.large.fits import LargeFits
        from assets.training.mitigation.mitigate import mitigated
        from assets.training.record import record_training
        from assets.training.rows.folds import TrainingError
        from assets.training.search.journal import journal_of, remove_journal
        from assets.training.targets import train_model

        watch, source = Stopwatch(name), table_name(product.name, TRAINING_SET)
        if training_set["audit"]["action"] != "train":
            raise dg.Failure(description=_refusal(product, training_set["audit"]), allow_retries=False)
        with permanent(LakeError, RowsError, SplitError, TrainingError, EvaluationError):
            rows, split, encoder = labelled_rows(product, lake.read(source, version=training_set["version"]))
            large = LargeFits(spark.session, environment.home / "fits" / product.name)
            journal = journal_of(environment.home / "searches", product.name, rows, split, product.model)
            candidates = train_model(rows, split, product.model, journal=journal, large=large)
            fair = mitigated(product, rows, split, candidates.boosted)
            candidates = replace(candidates, boosted=fair.model)
        tracking.end_left_open(product.name, lambda run_id: _is_over(context.instance, run_id))
        with tracking.run(
            product.name,
            f"{product.name} {clock.now():%Y-%m-%d}",
            tags={DAGSTER_TAG: context.run.run_id, AUTHOR_TAG: author_of(context.run.tags, environment)},
        ) as run:
            run.params(parameters(product, candidates))
            run.dataset(source, training_set["version"], context="training", uri=lake.folder(source), rows=len(rows))
            for table, version in training_set["pins"].items():
                run.dataset(table, version, context="pinned", uri=lake.folder(table))
            run.plots(fair.pictures)
            run.documents(fair.record)
            pins = {**training_set, "mlflow_run": run.run_id, "dagster_run": context.run.run_id, **fair.record}
            pins |= {"recipe": recipe_of(product).to_dict(), "table": lake.identity(source)}
            with TemporaryDirectory(prefix="loopline-") as folder:
                bundle = candidate_parts(product, rows, split, candidates, encoder, pins=pins, created_at=clock.now())
                write_bundle(bundle, Path(folder) / CANDIDATE, keys.signing)
                run.folder(CANDIDATE, Path(folder) / CANDIDATE)
            record = record_training(run, candidates)
        remove_journal(journal)
        remove_checkpoints(large.checkpoints)
        return watch.result(
            rows=len(split.train) + len(split.calibrate),
            value={"mlflow_run": run.run_id, "training_set": training_set},
            mlflow_run=dg.MetadataValue.url(tracking.page(run.run_id)),
            split=split.to_dict(), settings=dict(candidates.boosted.settings),
            rounds=candidates.boosted.rounds, chosen=candidates.choice.chosen, why_chosen=candidates.choice.reason,
            training=record, trained_at=clock.now().isoformat(), **fair.shown,
        )  # fmt: skip

    return model


def _is_over(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether a run has ended; one that this instance does not know may be under way in another."""
    run = instance.get_run_by_id(run_id)
    return run is not None and run.is_finished


def _lineage(product: Product, schema: pa.Schema) -> dict[str, list[tuple[dg.AssetKey, str]]]:
    """The columns of the feature table, and the label with the time at which it was known."""
    labels = asset_key(product, validated_name(product.label.source))
    return same_columns(asset_key(product, FEATURES), schema.names) | {
        LABEL: [(labels, column) for column in (product.label.column,) if column],
        KNOWN_AT: [(labels, "known_at")],
        **({LABEL_AMOUNT: [(labels, product.label.column)]} if LABEL_AMOUNT in schema.names else {}),
    }


def _refusal(product: Product, audit: dict[str, Any]) -> str:
    return f"{product.name}: no model is trained on this training set: {listed(audit['reasons'], separator='; ')}"


def _first_day(product: Product, now: datetime) -> date:
    """The first day whose rows the split can use: training window, purge gap, test window and maturity follow it."""
    spec, maturity = product.model, product.label.maturity
    if spec.train_days is None:
        return product.start
    return (now - timedelta(days=spec.train_days + spec.test_days + 1) - 2 * maturity).date()
