"""The figures by which a version is named, of either kind of target, from what its evaluation recorded.

Belongs here: which recorded figures they are. Does not belong here: computing or judging one (`assets.evaluation`).
"""

from collections.abc import Mapping
from typing import Any

from assets.product.target import TargetKind

NAMES: Mapping[TargetKind, tuple[str, ...]] = {
    "binary": ("auc", "brier", "calibration_error"), "amount": ("skill", "mae", "rmse", "mean_error"),
}  # fmt: skip
"""The first is the one by which people know a model."""


def kind_of(metrics: Mapping[str, Any]) -> TargetKind:
    """The kind of target of an evaluated bundle; those of before there were kinds are binary."""
    return "amount" if metrics.get("target", {}).get("kind") == "amount" else "binary"


def named_figures(metrics: Mapping[str, Any]) -> dict[str, float | None]:
    """The figures on the test rows, the first one first.

    Raises:
        KeyError: The bundle was not evaluated.
    """
    test = metrics["metrics"]["test"]
    return {name: test[name] for name in NAMES[kind_of(metrics)]}
