"""How the champion's decisions treat groups of people: `loopline fairness`.

Belongs here: finding the bundle with its recorded assessment, and the frontier where training recorded none. Does not
belong here: the assessment (`assets.evaluation.fairness`), the mitigation (`assets.training.mitigation`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assets.bundle.bundle import Bundle
from assets.bundle.released import champion_bundle
from assets.product import Product
from assets.product.names import TRAINING_SET, table_name
from assets.product.target import of_binary_alone
from assets.training.candidate import boosted_model, labelled_rows
from assets.training.mitigation.frontier import Frontier
from assets.training.mitigation.mitigate import tried_frontier
from resources.dependencies import require
from resources.environments import Environment
from resources.errors import LooplineError
from resources.keys import Keys
from resources.lake import Lake
from resources.rollout_store.store import RolloutStore

WANTED_GAP = 0.05
"""The bound of a frontier for a product that declares no mitigation."""


class NoFairness(LooplineError):
    """There is nothing to show; the message names the product and the remedy."""


@dataclass(frozen=True)
class FairnessView:
    """What is known of the champion's fairness.

    Attributes:
        version: The champion.
        reports: The figures of each protected attribute, as recorded.
        policy: The assessment by the product's policy, as recorded; `None` without one.
        frontier: As recorded when the model was trained, or else computed now; `None` where it was not asked for.
    """

    product: str
    version: str
    reports: tuple[Mapping[str, Any], ...]
    policy: Mapping[str, Any] | None
    frontier: Frontier | None

    @property
    def refused(self) -> bool:
        """Whether a limit refuses the champion."""
        return self.policy is not None and any(gate["passed"] is False for gate in self.policy["gates"])

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "product": self.product, "version": self.version, "attributes": list(self.reports),
            "policy": self.policy, "frontier": None if self.frontier is None else self.frontier.to_dict(),
        }  # fmt: skip


def fairness_of(product: Product, environment: Environment, *, frontier: bool = False) -> FairnessView:
    """The fairness of the champion; nothing is written.

    Args:
        frontier: Whether to show profit against disparity. Where training recorded none, models are trained now on the
            champion's training set, by every method and with the default settings, for the first protected attribute.

    Raises:
        NoFairness: The product has no protected attribute, no champion, or no binary target.
        RolloutError, BundleError: The bundle is not published, or was altered.
        LakeError: The pinned training set cannot be read.
        EvaluationError: There is no disparity to reduce.
    """
    if not product.protected:
        raise NoFairness(f"{product.name} declares no protected attribute: name them as protected= in its product.py")
    refused = of_binary_alone(
        product.model.target, f"{product.name}: fairness by accepted shares",
        "the errors of each group are in the model card and in the model's report",
    )  # fmt: skip
    if refused is not None:
        raise NoFairness(refused)
    require(environment, "bundles", "lake")
    rollout = RolloutStore.open(environment.rollout, environment.home / "fetched")
    bundle = champion_bundle(product.name, rollout, Keys.of(environment.home).signing)
    if bundle is None:
        raise NoFairness(f"{product.name} has no champion yet: loopline run {product.name}")
    metrics = bundle.parts.metrics
    return FairnessView(
        product=product.name,
        version=bundle.version,
        reports=tuple(metrics["fairness"]),
        policy=metrics.get("fairness_policy"),
        frontier=_frontier(product, bundle, Lake(environment.lake)) if frontier else None,
    )


def _frontier(product: Product, bundle: Bundle, lake: Lake) -> Frontier:
    recorded = bundle.parts.pins.get("mitigation")
    if recorded is not None:
        return Frontier.from_dict(recorded)
    table = lake.read(table_name(product.name, TRAINING_SET), version=int(bundle.parts.pins["version"]))
    rows, split, _ = labelled_rows(product, table, bundle.parts.encoder)
    return tried_frontier(product, product.protected[0], rows, split, boosted_model(bundle.parts), WANTED_GAP)
