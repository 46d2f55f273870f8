"""Whether a product's model is that of the present tables: after a killed run, or after days were made again.

Belongs here: the signals, which are versions and records, and the pure verdict on them. Does not belong here: training
and deploying (`product_jobs.py`), whether a version may be promoted (`assets.rollout.promotion`).

No data are read. MLflow is asked only if the champion is not the model of the present tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import dagster as dg

from assets.bundle.bundle import Bundle
from assets.bundle.registration import Registration
from assets.governance.audit_database import audit_of
from assets.materialising import asset_key
from assets.product import Product, Verdict
from assets.product.names import REGISTERED_MODEL, TRAINING_SET
from assets.rollout.answers import standing_rejection
from assets.rollout.permits import answers_on
from pipelines.runs.failures import refusals
from resources.environments import Environment
from resources.lake import Lake
from resources.lake.origins import changed_days
from resources.tracking import Tracking

ModelAction = Literal["train", "deploy", "none"]


@dataclass(frozen=True)
class Candidate:
    """The last registered version.

    Attributes:
        current: Whether the tables from which it was trained still have the same content.
        rejected: Whether a person's rejection stands.
        compared_with: The champion with which it was compared; empty for none.
    """

    version: str
    current: bool
    rejected: bool
    compared_with: str


@dataclass(frozen=True)
class ModelSignals:
    """What is recorded about a product's models.

    Attributes:
        champion: The version that decides; `None` for none.
        champion_current: Whether the tables from which the champion was trained still have the same content.
        candidate: The last registered version; `None` for none, and if the champion is current.
        waiting: The version that waits for an approver; `None` if none waits.
        refused: Why the present content gave no version: what its checks said; empty if they were not asked.
    """

    champion: str | None
    champion_current: bool
    candidate: Candidate | None
    waiting: str | None
    refused: tuple[str, ...] = ()


def model_verdict(signals: ModelSignals) -> Verdict[ModelAction]:
    """Train, deploy what a killed run registered, or leave everything as it is.

    A training that came to a result is not repeated: a version that waits, one that a person rejected, and a candidate
    that the checks refused while a champion decides.
    """
    if signals.champion_current:
        return Verdict("none", (f"version {signals.champion} was trained from the present tables",))
    candidate = signals.candidate
    if candidate is not None and candidate.current:
        name = f"version {candidate.version}, which was trained from the present tables,"
        if candidate.version == signals.waiting:
            return Verdict("none", (f"{name} waits for an approver",))
        if candidate.rejected and signals.champion is not None:
            return Verdict("none", (f"{name} was rejected",))
        if not candidate.rejected and candidate.compared_with == (signals.champion or ""):
            return Verdict("deploy", (f"{name} was registered and not deployed",))
    if signals.refused and signals.champion is not None:
        return Verdict("none", (f"the model of the present tables was refused: {'; '.join(signals.refused)}",))
    if signals.champion is None:
        return Verdict("train", ("no version decides",))
    return Verdict("train", (f"version {signals.champion} was trained from older content of the tables",))


def model_signals(
    product: Product,
    environment: Environment,
    instance: dg.DagsterInstance,
    champion: Bundle | None,
    waiting: str | None,
) -> ModelSignals:
    """The signals of a product.

    Args:
        champion: The bundle that decides.
        waiting: The version that waits for an approver and has no answer yet.

    Raises:
        TrackingError: The registry does not have the version that was registered last.
    """
    lake = Lake(environment.lake)
    if champion is not None and _is_current(lake, champion.parts.pins["pins"]):
        return ModelSignals(champion.version, True, None, waiting)
    return ModelSignals(
        champion=champion.version if champion else None,
        champion_current=False,
        candidate=_candidate(product, environment, instance, lake),
        waiting=waiting,
        refused=_refused(product, instance, lake),
    )


def _candidate(
    product: Product, environment: Environment, instance: dg.DagsterInstance, lake: Lake
) -> Candidate | None:
    recorded = _recorded(instance, asset_key(product, REGISTERED_MODEL))
    if recorded is None:
        return None
    version = str(recorded[1]["version"].value)
    tags = Tracking.of(environment).version(product.name, version).tags
    record = Registration.from_tags(tags)
    # The training set is a copy of these tables' rows, and has no days.
    pins = {table: pin for table, pin in record.pins.items() if table != TRAINING_SET}
    answers = answers_on(audit_of(environment), product.name, version, tags)
    rejection = standing_rejection(answers, record.author)
    return Candidate(version, _is_current(lake, pins), rejection is not None, record.compared_with)


def _refused(product: Product, instance: dg.DagsterInstance, lake: Lake) -> tuple[str, ...]:
    """What the checks said against the last training, if its tables still have the same content."""
    recorded = _recorded(instance, asset_key(product, TRAINING_SET))
    if recorded is None:
        return ()
    run_id, metadata = recorded
    return tuple(refusals(instance, run_id)) if _is_current(lake, metadata["pins"].value) else ()


def _recorded(instance: dg.DagsterInstance, key: dg.AssetKey) -> tuple[str, Mapping[str, Any]] | None:
    """The run and the metadata of an asset's last materialisation."""
    event = instance.get_latest_materialization_event(key)
    if event is None or event.asset_materialization is None:
        return None
    return event.run_id, event.asset_materialization.metadata


def _is_current(lake: Lake, pins: Mapping[str, int]) -> bool:
    return not any(changed_days(lake, table, version) for table, version in pins.items())
