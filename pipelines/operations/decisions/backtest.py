"""A model, a threshold, a policy or rules over a stretch of the past: `loopline backtest`.

Belongs here: finding the bundles and the tables, the report. Does not belong here: what is tried and the figures
(`assets.monitoring.backtest`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from assets.bundle.bundle import Bundle
from assets.bundle.released import champion_bundle
from assets.monitoring.backtest.alternative import (
    Alternative,
    BadAlternative,
    other_policy,
    other_rules,
    other_threshold,
)
from assets.monitoring.backtest.comparison import Difference, difference, differences_by_group
from assets.monitoring.backtest.rows import Past, past_rows
from assets.product import Product
from assets.product.target import of_binary_alone
from pipelines.connections import clock_of
from pipelines.operations.models.versions import bundle_of_version
from pipelines.products import load_product
from resources.dependencies import require
from resources.environments import Environment
from resources.keys import Keys
from resources.lake import Lake
from resources.rollout_store.store import RolloutStore


@dataclass(frozen=True)
class Tried:
    """What is tried; at most one of them. With none it is the present champion as it is."""

    threshold: float | None = None
    version: str | None = None
    rules: Path | None = None
    policy: Path | None = None

    def __post_init__(self) -> None:
        given = [name for name, value in vars(self).items() if value is not None]
        if len(given) > 1:
            raise BadAlternative(f"--{' and --'.join(given)}: give one of them")


@dataclass(frozen=True)
class BacktestReport:
    """The comparison.

    Attributes:
        words: What would have decided.
        past: The rows.
        total: Both columns over all rows.
        groups: The same of each group of each protected attribute and slice.
    """

    product: str
    words: str
    past: Past
    total: Difference
    groups: Mapping[str, Mapping[str, Difference]]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; no rows."""
        past = self.past
        return {
            "product": self.product, "alternative": self.words, "decided_by": past.decided_by,
            "from": past.first.isoformat(), "to": past.last.isoformat(), "left_out": {
                "in_training": past.in_training, "undecided": past.undecided,
            },
            "before_the_model_was_made": past.before_made, **self.total.to_dict(),
            "groups": {
                part: {group: one.to_dict() for group, one in of_part.items()} for part, of_part in self.groups.items()
            },
            "lake": past.versions,
        }  # fmt: skip


def backtest(name: str, environment: Environment, days: tuple[date, date], tried: Tried) -> BacktestReport:
    """Decides the rows of these days again by what is tried, and compares; nothing is written.

    Args:
        days: The first and the last UTC day.

    Raises:
        BadAlternative: What is tried cannot decide, or no row of these days can be compared.
        UnknownProduct: There is no product of that name.
        RolloutError, BundleError: A bundle is not published, or was altered.
        TrackingError: The registry has no such version.
        LakeError: A table is missing or damaged.
    """
    product = load_product(name)
    refused = of_binary_alone(
        product.model.target, f"{name}: a backtest", "its realised figures have the errors of each version"
    )
    if refused is not None:
        raise BadAlternative(refused)
    require(environment, "bundles", "lake")
    lake, rollout = Lake(environment.lake), RolloutStore.open(environment.rollout, environment.home / "fetched")
    key = Keys.of(environment.home).signing
    champion = champion_bundle(name, rollout, key)
    if champion is None:
        raise BadAlternative(f"{name} has no champion yet: loopline run {name}")
    other = _alternative(product, environment, lake, champion, tried)
    past = past_rows(product, lake, champion, other, days, clock_of(product, environment).now())
    total = difference(past.judged, other.decision)
    return BacktestReport(name, other.words, past, total, differences_by_group(past.judged, other.decision))


def _alternative(product: Product, environment: Environment, lake: Lake, champion: Bundle, tried: Tried) -> Alternative:
    if tried.threshold is not None:
        return other_threshold(product, champion, tried.threshold)
    if tried.rules is not None:
        return other_rules(product, champion, tried.rules)
    if tried.policy is not None:
        return other_policy(product, champion, lake, tried.policy)
    bundle = champion if tried.version is None else bundle_of_version(product.name, environment, tried.version)
    return Alternative(f"version {bundle.version} with its own threshold and rules", bundle, product.decision)
