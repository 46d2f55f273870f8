"""The rollout of a product, for commands: repairing its state, and the version that waits for an approver.

Belongs here: the keeper of an environment, `loopline repair`, reading what the deployment recorded. Does not belong
here: the steps of a repair (`assets.rollout.keeper`), people's answers (`approve.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from assets.bundle.registration import Approval
from assets.governance.audit_database import open_audit
from assets.product.names import DEPLOYMENT
from assets.rollout.keeper import Keeper
from pipelines.products import load_product
from resources.dependencies import require
from resources.environments import Environment
from resources.keys import Keys
from resources.rollout_store.store import RolloutStore
from resources.tracking import Tracking


@dataclass(frozen=True)
class Repair:
    """The result of a repair.

    Attributes:
        champion: The version that decides; `None` when none was ever deployed.
        repaired: A sentence for each thing that was repaired.
    """

    product: str
    champion: str | None
    repaired: tuple[str, ...]


def keeper_of(environment: Environment) -> Keeper:
    """The keeper of the environment's rollout states."""
    return Keeper(
        tracking=Tracking.of(environment),
        rollout=RolloutStore.open(environment.rollout, environment.home / "fetched"),
        audit=open_audit(environment.records),
        key=Keys.of(environment.home).signing,
    )


def repair(name: str, environment: Environment) -> Repair:
    """Publishes the deciding bundle again if it is damaged, and lets aliases and audit log follow the rollout state.

    Raises:
        BundleError: The bundle is whole neither in the rollout store nor in the registry.
        RolloutError: The state cannot be read.
        TrackingError: The registry does not have the version that decides.
        UnknownProduct: There is no product of that name.
        DependencyDown: MLflow, the database of the records or the store of bundles does not answer.
    """
    product = load_product(name)
    require(environment, "MLflow", "MLflow's files", "records", "bundles")
    keeper = keeper_of(environment)
    with keeper.tracking.alone(product.name):
        repaired = keeper.repair(product.name, at=datetime.now(UTC))
        state = keeper.state(product.name)
    return Repair(product.name, state.champion.version if state else None, repaired)


def waiting_version(instance: dg.DagsterInstance, name: str) -> Mapping[str, str] | None:
    """What a product's last deployment says about the version that waits for an approver; `None` if none waits."""
    event = instance.get_latest_materialization_event(dg.AssetKey([name, DEPLOYMENT]))
    if event is None or event.asset_materialization is None:
        return None
    waiting = event.asset_materialization.metadata.get("waiting")
    return None if waiting is None else waiting.value  # type: ignore[return-value]


def unanswered(name: str, environment: Environment, waiting: Mapping[str, str] | None) -> bool:
    """Whether the version that the last deployment waited for still has no answer.

    Raises:
        TrackingError: The registry does not have the version.
    """
    if waiting is None:
        return False
    version = Tracking.of(environment).version(name, waiting["version"])
    return not Approval.all_from_tags(version.tags)
