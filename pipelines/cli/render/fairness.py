"""Fairness as a terminal shows it.

Belongs here: groups with intervals, limits, proxies, the frontier. Does not belong here: the figures
(`pipelines.operations.models.fairness`).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipelines.cli import console

if TYPE_CHECKING:  # these imports take seconds
    from rich.console import Console

    from assets.training.mitigation.frontier import Frontier
    from pipelines.operations.models.fairness import FairnessView

_SHOWN_PROXIES = 3


def show_fairness(found: "FairnessView", to: "Console") -> None:
    """The assessment by the product's policy, or without one the figures of the groups."""
    console.heading(f"Fairness of {found.product}, version {found.version}", to)
    if found.policy is None:
        _plain(found, to)
    else:
        _assessed(found.policy, to)
    if found.frontier is not None:
        _frontier(found.frontier, to)


def _plain(found: "FairnessView", to: "Console") -> None:
    rows = [
        [report["attribute"], group["group"], f"{group['rows']:,}", f"{group['accepted_share']:.1%}",
         _percent(group["true_positive_rate"]), _percent(group["false_positive_rate"])]
        for report in found.reports
        for group in report["groups"]
    ]  # fmt: skip
    heads = ["attribute", "group", "rows", "accepted", "true positive rate", "false positive rate"]
    console.table(heads, rows, to, right=heads[2:])
    console.say("the product declares no policy of fairness (fairness=FairnessPolicy(...)), so no limit is judged", to)


def _assessed(policy: Mapping[str, Any], to: "Console") -> None:
    rows = [
        [standing["attribute"], group["group"], f"{group['rows']:,}", _share(group["accepted"]),
         _share(group["true_positive_rate"]), _share(group["false_positive_rate"]), _share(group["observed"]),
         f"{group['predicted']:.1%}"]
        for standing in policy["attributes"]
        for group in standing["groups"]
    ]  # fmt: skip
    heads = ["attribute", "group", "rows", "accepted", "true positive", "false positive", "observed", "predicted"]
    console.table(heads, rows, to, right=heads[2:])
    console.say(
        f"  intervals of {policy['confidence']:.0%}; true and false positive: not accepted bad and good rows", to
    )
    told = [
        [report["attribute"], group["group"], f"{group['together']:.3f}",
         ", ".join(f"{one['feature']} {one['auc']:.3f}" for one in group["features"][:_SHOWN_PROXIES]),
         f"{group['gap']:+z.1%}", f"{group['through_proxies']:+z.1%}"]
        for report in policy["proxies"]
        for group in report["groups"]
    ]  # fmt: skip
    console.heading("What tells a group (AUC), and the gap in accepted share", to)
    console.table(["attribute", "group", "together", "best alone", "gap", "through proxies"], told, to)
    console.heading("Limits", to)
    for place in policy["jurisdictions"]:
        limits = ", ".join(place["limits"]) or "reports only"
        console.say(f"  {place['name']}: {place['legal_basis']}: {limits}", to)
    for gate in policy["gates"]:
        console.say(gate["reason"], to, mark="done" if gate["passed"] else "failed")


def _frontier(frontier: "Frontier", to: "Console") -> None:
    console.heading(f"Profit against {frontier.measure.replace('_', ' ')} by {frontier.attribute}", to)
    rows = [
        [point.method, f"{point.strength:.3g}", f"{point.profit:,.0f}", f"{point.disparity:.1%}",
         "yes" if point.on_frontier else "", "chosen" if point.chosen else ""]
        for point in frontier.points
    ]  # fmt: skip
    console.table(
        ["method", "strength", "profit", "disparity", "frontier", ""],
        rows,
        to,
        right=["strength", "profit", "disparity"],
    )
    console.say(f"  {frontier.words}", to)


def _share(share: Mapping[str, Any] | None) -> str:
    return "" if share is None else f"{share['value']:.1%} ({share['low']:.1%} to {share['high']:.1%})"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
