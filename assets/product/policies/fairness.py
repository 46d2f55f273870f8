"""The policy of fairness: to which jurisdictions a product answers, what they limit, and what is done about disparity.

Belongs here: the limits, their legal basis and the mitigation, as frozen values that people answer for. Does not belong
here: the protected attributes (`policies.Protected`), the figures and the gates (`assets.evaluation.fairness`),
training under a mitigation (`assets.training.mitigation`).

No limit is built in: law differs by place and changes, so each product declares those that it answers to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from assets.product.policies.model import ProductError, Protected
from resources.naming import checked_name

FairnessMeasure = Literal["selection_ratio", "true_positive_gap", "false_positive_gap", "calibration_gap"]
RefuseWhen = Literal["shown_beyond", "estimate_beyond", "not_shown_within"]
MitigationMethod = Literal["reweighing", "penalty", "reduction"]
MitigatedMeasure = Literal["selection_gap", "true_positive_gap", "false_positive_gap"]


@dataclass(frozen=True)
class Limit:
    """A bound of a measure between groups; it becomes a gate of its own.

    Attributes:
        measure: `selection_ratio`: the accepted share of one group over that of another, where a referred row is not
            accepted. `true_positive_gap`, `false_positive_gap`: the difference between two groups in the share of their
            bad, or good, rows that were not accepted. `calibration_gap`: the difference within a group between its
            observed rate of the bad outcome and the mean of its scores.
        bound: The least ratio, or the largest gap; both are from 0 to 1.
        refuse_when: A model is refused where an interval lies wholly beyond the bound (`shown_beyond`), where an
            estimate does (`estimate_beyond`), or unless all intervals lie wholly within it (`not_shown_within`).
        crossed: Whether the bound holds between the groups of crossed attributes too ("female, under 25").
    """

    measure: FairnessMeasure
    bound: float
    refuse_when: RefuseWhen = "shown_beyond"
    crossed: bool = True

    def __post_init__(self) -> None:
        if self.measure not in get_args(FairnessMeasure) or self.refuse_when not in get_args(RefuseWhen):
            raise ProductError(
                f"fairness: Limit({self.measure!r}, refuse_when={self.refuse_when!r}); write a measure of "
                f"{', '.join(get_args(FairnessMeasure))}, and one of {', '.join(get_args(RefuseWhen))}"
            )
        if not 0.0 < self.bound < 1.0:
            raise ProductError(f"fairness: Limit({self.measure!r}, {self.bound!r}); write a bound between 0 and 1")


@dataclass(frozen=True)
class Jurisdiction:
    """A place whose rules the product answers to. A measure without a limit is reported, and refuses nothing.

    Attributes:
        name: Lower-case identifier; its gates begin with it ("eu_selection_ratio").
        legal_basis: The rules, and why these measures are limits there, for the model card and the gates' reasons.
        limits: At most one of each measure.
    """

    name: str
    legal_basis: str
    limits: tuple[Limit, ...] = ()

    def __post_init__(self) -> None:
        checked_name(self.name, "jurisdiction")
        if not self.legal_basis:
            raise ProductError(f"fairness: jurisdiction '{self.name}' has no legal_basis; name the rules")
        measures = [limit.measure for limit in self.limits]
        if len(set(measures)) != len(measures):
            raise ProductError(f"fairness: jurisdiction '{self.name}' limits a measure twice in {measures}; keep one")


@dataclass(frozen=True)
class ProxyLimit:
    """When a feature is a proxy of a protected group, and how much of a gap may go through proxies.

    Attributes:
        tells: The AUC from which on a feature that alone tells a group from all others is a proxy of it.
        max_gap: The largest part of the gap in accepted share, between a group and all others, that goes through its
            proxies: what of the gap vanishes if each proxy contributes to the group what it does to the others.
    """

    tells: float = 0.7
    max_gap: float = 0.1

    def __post_init__(self) -> None:
        if not 0.5 < self.tells <= 1.0 or not 0.0 < self.max_gap <= 1.0:
            raise ProductError(
                f"fairness: ProxyLimit(tells={self.tells!r}, max_gap={self.max_gap!r}); write an AUC above 0.5, and a "
                "share above 0, each 1 at most"
            )


@dataclass(frozen=True)
class Mitigation:
    """How training reduces disparity. The model that it makes needs no protected attribute when it decides.

    Each strength of the method gives a model; their profit and disparity on the calibration rows are the frontier. A
    candidate within the bound is kept. Else the model within the bound that earns the most is taken, and without any
    the one with the least disparity.

    Attributes:
        method: `reweighing`: rows are weighted so that group and label are independent (Kamiran and Calders 2012).
            `penalty`: the loss has a penalty on the covariance of score and group. `reduction`: the grid search of
            Fairlearn's reductions (Agarwal 2018), whose models are one booster each.
        attribute: The protected attribute.
        bound: The largest disparity, from 0 to 1.
        measure: The disparity: the largest difference between groups in accepted share, or in one of the two rates.
        strengths: How many strengths are tried, beside none at all.
    """

    method: MitigationMethod
    attribute: str
    bound: float
    measure: MitigatedMeasure = "selection_gap"
    strengths: int = 6

    def __post_init__(self) -> None:
        if self.method not in get_args(MitigationMethod) or self.measure not in get_args(MitigatedMeasure):
            raise ProductError(
                f"fairness: Mitigation({self.method!r}, measure={self.measure!r}); write a method of "
                f"{', '.join(get_args(MitigationMethod))}, and a measure of {', '.join(get_args(MitigatedMeasure))}"
            )
        if not 0.0 <= self.bound < 1.0 or not 2 <= self.strengths <= 50:
            raise ProductError(
                f"fairness: Mitigation(bound={self.bound!r}, strengths={self.strengths!r}); write a share below 1, and "
                "from 2 to 50 strengths"
            )


@dataclass(frozen=True)
class FairnessPolicy:
    """What the product answers for in how its decisions treat groups of people.

    Intervals are over rows as independent as they are: several rows of one entity count as fewer. Those that decide a
    gate hold together, over all pairs of groups that it compares (Bonferroni). Groups with fewer rows than
    `GatePolicy.min_group_rows` are pooled with the other small ones of their attribute, and the pool is judged as a
    group; a pool that is too small is compared by an exact test and cannot be judged, which refuses the model.

    Attributes:
        jurisdictions: Those that the product answers to.
        confidence: Of the intervals, and of the exact test.
        crossed: How many attributes are crossed at most; 1 for none.
        accepted_unjudged: Groups for which it is accepted that they cannot be judged, as "sex=other" or "sex and
            age=female, under 25", each with the reason. It does not help a group that the exact test shows to differ.
        proxies: The limit of proxies; `None` reports them only.
        mitigation: How training reduces disparity; `None` trains for the best fit alone.
    """

    jurisdictions: tuple[Jurisdiction, ...]
    confidence: float = 0.95
    crossed: int = 2
    accepted_unjudged: Mapping[str, str] = field(default_factory=dict)
    proxies: ProxyLimit | None = field(default_factory=ProxyLimit)
    mitigation: Mitigation | None = None

    def __post_init__(self) -> None:
        names = [one.name for one in self.jurisdictions]
        if not names or len(set(names)) != len(names):
            raise ProductError(f"fairness: jurisdictions are {names}; name each that the product answers to once")
        if not 0.5 <= self.confidence < 1.0 or self.crossed < 1:
            raise ProductError(
                f"fairness: confidence={self.confidence!r}, crossed={self.crossed!r}; write a share from 0.5 to below "
                "1, and at least 1 attribute"
            )
        for group, reason in self.accepted_unjudged.items():
            if "=" not in group or not reason:
                raise ProductError(
                    f"fairness: accepted_unjudged has {group!r}: {reason!r}; write attribute=group and the reason"
                )


def check_fairness(product: str, policy: FairnessPolicy | None, protected: Sequence[Protected]) -> None:
    """Checks that a policy of fairness speaks of the product's protected attributes.

    Raises:
        ProductError: It does not; the message names the attribute.
    """
    if policy is None:
        return
    known = [attribute.column for attribute in protected]
    if not known:
        raise ProductError(f"product {product}: fairness= is declared, but protected= is empty; name the attributes")
    asked = [group.split("=")[0].split(" and ") for group in policy.accepted_unjudged]
    wanted = [*(name for names in asked for name in names)]
    if policy.mitigation is not None:
        wanted.append(policy.mitigation.attribute)
    for name in wanted:
        if name not in known:
            raise ProductError(f"product {product}: fairness names '{name}', which is not among protected {known}")
