"""The gates of fairness: do the groups keep within the limits of the product's jurisdictions?

Belongs here: comparing groups pair by pair, with intervals that hold together, and the verdict of each limit with its
reason. Does not belong here: the shares of groups (`standing.py`), the other gates (`assets.evaluation.gates`).

A group that is too small to be judged refuses the model unless the policy accepts that by name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from assets.evaluation.fairness.gate_names import PROXIES, gate_name
from assets.evaluation.fairness.proxies import ProxyReport
from assets.evaluation.fairness.standing import AttributeStanding, JudgedGroup, MeasureStanding
from assets.evaluation.gates import GateResult
from assets.metrics.intervals import difference_interval, ratio_interval
from assets.product.policies.fairness import FairnessMeasure, FairnessPolicy, Jurisdiction, Limit
from resources.errors import listed

_WORDS: dict[FairnessMeasure, str] = {
    "selection_ratio": "accepted share of '{}' over that of '{}'",
    "true_positive_gap": "gap in the true positive rate of '{}' and '{}'",
    "false_positive_gap": "gap in the false positive rate of '{}' and '{}'",
    "calibration_gap": "gap of observed and predicted rate of '{}'",
}


@dataclass(frozen=True)
class Contrast:
    """Two groups by one measure, or for calibration one group against its scores.

    Attributes:
        attribute: The attribute, or the crossed ones.
        group, against: Their names; for a ratio the group that is accepted less comes first.
        value: The ratio, or the gap; not negative.
        low, high: Its interval, which holds for all contrasts of the gate together.
    """

    attribute: str
    group: str
    against: str
    value: float
    low: float
    high: float


def contrasts(standings: Sequence[AttributeStanding], limit: Limit, confidence: float) -> tuple[Contrast, ...]:
    """Every pair of groups that a limit compares; the intervals hold together (Bonferroni)."""
    pairs = [
        (standing.attribute, pair)
        for standing in standings
        if limit.crossed or not standing.crossed
        for pair in _pairs(standing.measures[limit.measure])
    ]
    level = 1.0 - (1.0 - confidence) / max(len(pairs), 1)
    return tuple(_contrast(attribute, pair, limit.measure, level) for attribute, pair in pairs)


def fairness_gates(
    policy: FairnessPolicy | None,
    standings: Sequence[AttributeStanding] = (),
    proxies: Sequence[ProxyReport] = (),
) -> tuple[GateResult, ...]:
    """The result of each limit of each jurisdiction, and of the limit of proxies, in the order of the policy.

    Without standings every gate refuses; without a policy there is none.
    """
    if policy is None:
        return ()
    found = [_judge(place, limit, standings, policy) for place in policy.jurisdictions for limit in place.limits]
    if policy.proxies is not None:
        found.append(_judge_proxies(policy.proxies.tells, policy.proxies.max_gap, proxies))
    return tuple(found)


def _pairs(standing: MeasureStanding) -> list[tuple[JudgedGroup, JudgedGroup]]:
    if standing.measure == "calibration_gap":
        return [(group, group) for group in standing.judged]
    return list(combinations(standing.judged, 2))


def _contrast(
    attribute: str, pair: tuple[JudgedGroup, JudgedGroup], measure: FairnessMeasure, level: float
) -> Contrast:
    first, second = sorted(pair, key=lambda group: group.share.value)
    low, high = first.share.at(level), second.share.at(level)
    if measure == "selection_ratio":
        ratio = low.value / high.value if high.value > 0 else 1.0
        return Contrast(attribute, first.group, second.group, ratio, *ratio_interval(low, high))
    if measure == "calibration_gap":
        gap, below, above = (end - first.predicted for end in (low.value, low.low, low.high))
        return Contrast(attribute, first.group, "", abs(gap), max(below, -above, 0.0), max(-below, above))
    return Contrast(
        attribute, second.group, first.group, high.value - low.value, *difference_interval(high, low)
    )  # fmt: skip


def _judge(
    place: Jurisdiction, limit: Limit, standings: Sequence[AttributeStanding], policy: FairnessPolicy
) -> GateResult:
    name, bar, _ = gate_name(place.name, limit)
    at_least = bar == "at_least"
    found = contrasts(standings, limit, policy.confidence)
    unjudged, accepted = _unjudged(standings, limit, policy)
    beyond = [one for one in found if _is_beyond(one, limit)]
    if beyond:
        worst = (min if at_least else max)(beyond, key=lambda one: one.value)
        words = f"{_told(worst, limit.measure, len(found))}; {bar.replace('_', ' ')} {limit.bound:.4g} is required"
        reason = f"{name}: {words} by {place.legal_basis}"
        if len(beyond) > 1:
            reason = f"{reason}; {len(beyond)} of {len(found)} comparisons are beyond it"
        return GateResult(name, worst.value, limit.bound, bar, False, reason)
    if unjudged or not found:
        why = listed(unjudged, separator="; ") or "fewer than two groups have enough rows to be compared"
        return GateResult(name, None, limit.bound, bar, False, f"{name}: cannot be judged: {why}")
    worst = (min if at_least else max)(found, key=lambda one: one.value)
    met = f"{bar.replace('_', ' ')} {limit.bound:.4g} is {_MET[limit.refuse_when]}"
    rest = f"; accepted unjudged: {listed(accepted, separator='; ')}" if accepted else ""
    return GateResult(
        name, worst.value, limit.bound, bar, True, f"{name}: {_told(worst, limit.measure, len(found))}; {met}{rest}"
    )


_MET = {
    "shown_beyond": "not shown to be missed",
    "estimate_beyond": "met by every estimate",
    "not_shown_within": "shown to be met",
}


def _is_beyond(one: Contrast, limit: Limit) -> bool:
    if limit.measure == "selection_ratio":
        judged = {"shown_beyond": one.high, "estimate_beyond": one.value, "not_shown_within": one.low}
        return judged[limit.refuse_when] < limit.bound
    judged = {"shown_beyond": one.low, "estimate_beyond": one.value, "not_shown_within": one.high}
    return judged[limit.refuse_when] > limit.bound


def _told(one: Contrast, measure: FairnessMeasure, comparisons: int) -> str:
    words = _WORDS[measure].format(one.group, one.against)
    return (
        f"{one.attribute}: {words} is {one.value:.4g} (interval {one.low:.4g} to {one.high:.4g}, corrected for "
        f"{comparisons} comparisons)"
    )


def _unjudged(
    standings: Sequence[AttributeStanding], limit: Limit, policy: FairnessPolicy
) -> tuple[list[str], list[str]]:
    """What refuses because it cannot be judged, and what the policy accepts unjudged, both in words."""
    over = [one for one in standings if limit.crossed or not one.crossed]
    small = [(one, found) for one in over if (found := one.measures[limit.measure].unjudged) is not None]
    level = (1.0 - policy.confidence) / max(len(small), 1)
    refused, accepted = [], []
    for standing, groups in small:
        test = "" if groups.p_value is None else f"; exact test against all others: p = {groups.p_value:.3g}"
        words = f"{standing.attribute}: {listed(groups.groups)} together have {groups.missing}{test}"
        reasons = [_accepted(standing, group, policy) for group in groups.groups]
        if groups.p_value is not None and groups.p_value < level:
            refused.append(f"{words}, which shows a difference")
        elif all(reasons):
            accepted.append(f"{words} ({listed(tuple(dict.fromkeys(reasons)), separator='; ')})")
        else:
            refused.append(words)
    return refused, accepted


def _accepted(standing: AttributeStanding, group: str, policy: FairnessPolicy) -> str:
    """Why the policy accepts that a group cannot be judged, itself or as part of a crossing; empty if it does not."""
    known = policy.accepted_unjudged
    parts = zip(standing.attribute.split(" and "), group.split(", "), strict=False) if standing.crossed else ()
    whole = known.get(f"{standing.attribute}={group}", "")
    return whole or next((known[key] for one in parts if (key := "=".join(one)) in known), "")


def _judge_proxies(tells: float, max_gap: float, proxies: Sequence[ProxyReport]) -> GateResult:
    name = PROXIES
    groups = [(report.attribute, group) for report in proxies for group in report.groups]
    if not groups:
        reason = f"{name}: cannot be judged: no group has enough rows"
        return GateResult(name, None, max_gap, "at_most", False, reason)
    attribute, worst = max(groups, key=lambda one: one[1].through_proxies)
    value = worst.through_proxies
    features = [f"{one.feature} (AUC {one.auc:.3f})" for one in worst.features if one.auc >= tells]
    if not features:
        words = f"no feature alone tells a group with an AUC of {tells:g} or above"
        return GateResult(name, value, max_gap, "at_most", True, f"{name}: {words}")
    words = (
        f"{value:.4g} of the gap of {worst.gap:.4g} in accepted share between '{worst.group}' ({attribute}) and all "
        f"others goes through {listed(features)}"
    )
    met = f"at most {max_gap:.4g} is {'met' if value <= max_gap else 'required'}"
    return GateResult(name, value, max_gap, "at_most", value <= max_gap, f"{name}: {words}; {met}")
