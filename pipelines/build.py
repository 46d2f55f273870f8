"""The composition of a product's pipeline.

Belongs here: assembling assets, checks, jobs, schedules, sensors and connections into a code location. Does not belong
here: their definitions (`jobs.py`, `schedules.py`, `sensors.py`, `connections.py`, each stage's `assets.py`).
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from assets.delivery.assets import delivered_scores_asset
from assets.evaluation.assets import evaluation_asset
from assets.features.assets import features_asset, online_store_asset
from assets.feedback.assets import (
    batch_outcomes_asset,
    decisions_asset,
    exposed_asset,
    outcomes_asset,
    review_queue_asset,
)
from assets.ingestion.assets import raw_asset, source_spec
from assets.monitoring.assets import anomalies_asset, scores_asset
from assets.monitoring.consistency.assets import consistency_asset
from assets.monitoring.distributions.assets import (
    attributions_asset,
    distributions_asset,
    drift_asset,
    separation_asset,
)
from assets.monitoring.faults.assets import data_faults_asset, fingerprints_asset
from assets.monitoring.page.assets import monitoring_page_asset
from assets.monitoring.performance.assets import (
    batch_performance_asset,
    calibration_asset,
    estimated_performance_asset,
    group_performance_asset,
    kpis_asset,
    performance_asset,
    vintages_asset,
)
from assets.monitoring.retraining.assets import retraining_asset
from assets.monitoring.reviews.assets import review_agreement_asset
from assets.product import Product
from assets.registry.assets import model_documents_asset, registered_model_asset
from assets.registry.checks import shared_features_check, unused_features_check
from assets.rollout.assets import deployment_asset, rollout_asset
from assets.training.assets import model_asset, training_set_asset
from assets.validation.assets import validated_asset
from pipelines.alerting.monitors import heard
from pipelines.alerting.sensor import alerts_sensor
from pipelines.automation import online_store_sensor
from pipelines.connections import connections
from pipelines.jobs import daily_job, load_job, retrain_job, rollback_job, rollout_job
from pipelines.partitions import partitions_of
from pipelines.products import loaded_products
from pipelines.registry_sensor import registry_sensor
from pipelines.rollout_sensor import rollout_sensor
from pipelines.schedules import daily_schedule, retrain_schedule
from pipelines.sensors import (
    approval_alert,
    dead_runs_sensor,
    failure_alert,
    landing_sensor,
    retrain_sensor,
)
from resources.dagster.executor import patient_executor
from resources.environments import Environment


def build_pipeline(
    product: Product, *, environment: Environment, resources: Mapping[str, Any] | None = None
) -> dg.Definitions:
    """The code location of a product, from sources to deployment and feedback.

    Args:
        resources: Connections that replace those of the environment, by name.

    Raises:
        FeatureError, ProductError, ContractError: The product contradicts its contracts.
    """
    landing, partitions = landing_sensor(product, environment), partitions_of(product, environment)
    return dg.Definitions(
        assets=assets_of(product, environment),
        asset_checks=[check for check in (unused_features_check(product), shared_features_check(product)) if check],
        jobs=[daily_job(product), load_job(product), retrain_job(product), rollout_job(product), rollback_job(product)],
        schedules=[daily_schedule(product, partitions, environment), retrain_schedule(product, environment)],
        sensors=[
            retrain_sensor(product, environment),
            *([landing] if landing else []),
            failure_alert(product, environment),
            approval_alert(product),
            alerts_sensor(product, partitions),
            dead_runs_sensor(product),
            rollout_sensor(product, environment),
            registry_sensor(product),
            online_store_sensor(product, partitions, environment),
        ],
        resources={**connections(product, environment), **(resources or {})},
        # One process per run: the stages share one Spark session, and a step starts in a hundredth of a second.
        executor=patient_executor,
    )


def assets_of(product: Product, environment: Environment) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """Every asset of a product, in the order of the loop."""
    partitions = partitions_of(product, environment)
    asked = (
        batch_outcomes_asset(product, partitions),
        batch_performance_asset(product, partitions),
        anomalies_asset(product, partitions),
        group_performance_asset(product, partitions),
        review_queue_asset(product, partitions),
        review_agreement_asset(product, partitions),
        delivered_scores_asset(product, partitions),
    )
    return [
        *(source_spec(product, source) for source in product.sources),
        *(raw_asset(product, source, partitions) for source in product.sources),
        *(validated_asset(product, source, partitions) for source in product.sources),
        features_asset(product, partitions),
        online_store_asset(product, partitions),
        training_set_asset(product),
        model_asset(product),
        evaluation_asset(product),
        registered_model_asset(product),
        deployment_asset(product),
        rollout_asset(product),
        exposed_asset(product),
        model_documents_asset(product, loaded_products),
        scores_asset(product, partitions),
        decisions_asset(product, partitions),
        outcomes_asset(product, partitions),
        distributions_asset(product, partitions),
        attributions_asset(product, partitions),
        separation_asset(product, partitions),
        drift_asset(product, partitions),
        performance_asset(product, partitions),
        fingerprints_asset(product, partitions),
        data_faults_asset(product, partitions),
        consistency_asset(product, partitions),
        vintages_asset(product, partitions),
        calibration_asset(product, partitions),
        estimated_performance_asset(product, partitions),
        kpis_asset(product, partitions),
        retraining_asset(product, partitions),
        *(asset for asset in asked if asset is not None),
        monitoring_page_asset(product, heard),
    ]
