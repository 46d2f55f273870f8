"""The governance of a product: its risk tier, who must approve a version, and what people state about its models.

Belongs here: the policy as frozen values, and the tier that follows. Does not belong here: whether the approvals of a
version suffice (`assets.governance.approvals`), the documents (`assets.governance.documents`), the gates
(`policies.GatePolicy`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, get_args

from assets.product.policies.model import ProductError

RiskTier = Literal["low", "medium", "high"]
Purpose = Literal["informs", "decides", "decides_about_people"]
Impact = Literal["high", "standard"]
RISK_TIERS: tuple[RiskTier, ...] = get_args(RiskTier)
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)


@dataclass(frozen=True)
class SignOff:
    """Who must approve a version before it decides.

    Attributes:
        approvers: How many different people; none of them is the version's author.
        roles: Roles of which each must be held by one of them (`Governance.people`); nobody else may approve then.
    """

    approvers: int
    roles: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.approvers < len(self.roles):
            raise ProductError(
                f"governance: {self.approvers} approvers cannot hold the roles {', '.join(self.roles)}; write "
                f"approvers={len(self.roles)} or more"
            )
        if self.approvers < 0:
            raise ProductError(f"governance: approvers={self.approvers!r}; write 0 or more")


def _sign_offs() -> dict[RiskTier, SignOff]:
    return {"low": SignOff(0), "medium": SignOff(1), "high": SignOff(2)}


@dataclass(frozen=True, kw_only=True)
class Statements:
    """What people state about a product's models; documents print it as it is, and "not recorded" where it is empty.

    Attributes:
        assumptions: What must hold for the model to be right.
        limits: For what it is not to be used.
        users: Who uses the decisions, and how they are told of them.
        oversight: How people watch over the decisions, and stop them.
        risks: The risks to people and to the business, each with what is done about it.
        standards: Standards and laws that are applied, in full or in part.
        declaration: Where the declaration of conformity is kept.
        third_parties: Models, data and services of others that the model depends on.
        after_market: The plan by which its behaviour is watched after it was put to use.
    """

    assumptions: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    users: str = ""
    oversight: str = ""
    risks: tuple[str, ...] = ()
    standards: tuple[str, ...] = ()
    declaration: str = ""
    third_parties: tuple[str, ...] = ()
    after_market: str = ""


@dataclass(frozen=True, kw_only=True)
class Governance:
    """How risky a product's models are, and who answers for them.

    Materiality is the higher of exposure and purpose; the tier is the higher of materiality and inherent risk.

    Attributes:
        exposure: How much money, or how many people, the decisions reach.
        purpose: `informs` people who decide (low), `decides` by itself (medium), or `decides_about_people` (high).
        inherent_risk: Of the model itself: its complexity, and how uncertain data and assumptions are.
        sign_off: For each tier, who must approve a version.
        people: For each role the names of the people who hold it.
        approvals_hold: How long an approval holds; an older one is stale, and no longer lets a version go further.
        review_every: How long after its newest approval, or its training, a version that decides is reviewed again.
        statements: What people state about the models, for the documents.
    """

    exposure: RiskTier
    purpose: Purpose
    inherent_risk: RiskTier
    sign_off: Mapping[RiskTier, SignOff] = field(default_factory=_sign_offs)
    people: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    approvals_hold: timedelta = timedelta(days=365)
    review_every: timedelta = timedelta(days=365)
    statements: Statements = field(default_factory=Statements)

    def __post_init__(self) -> None:
        for name, value, known in (
            ("exposure", self.exposure, RISK_TIERS),
            ("purpose", self.purpose, PURPOSES),
            ("inherent_risk", self.inherent_risk, RISK_TIERS),
        ):
            if value not in known:
                raise ProductError(f"governance: {name}={value!r}; write one of {', '.join(known)}")
        missing = [tier for tier in RISK_TIERS if tier not in self.sign_off]
        if missing:
            raise ProductError(f"governance: sign_off has no entry for {', '.join(missing)}; write one for each tier")
        for tier, wanted in self.sign_off.items():
            for role in wanted.roles:
                if not self.people.get(role):
                    raise ProductError(
                        f"governance: sign_off of tier '{tier}' wants the role '{role}', which nobody holds; write "
                        f"people={{'{role}': ('NAME', ...)}}"
                    )
        for name, span in (("approvals_hold", self.approvals_hold), ("review_every", self.review_every)):
            if span <= timedelta(0):
                raise ProductError(f"governance: {name}={span!r}; write a time above 0")

    @property
    def materiality(self) -> RiskTier:
        """The higher of exposure and purpose."""
        return _higher(self.exposure, RISK_TIERS[PURPOSES.index(self.purpose)])

    @property
    def tier(self) -> RiskTier:
        """The higher of materiality and inherent risk."""
        return _higher(self.materiality, self.inherent_risk)


@dataclass(frozen=True)
class Terms:
    """What a product asks of the approvals of a version.

    Attributes:
        holds: How long an approval holds; `None` for no bound.
        review_every: `None` where nothing is declared.
    """

    tier: RiskTier
    sign_off: SignOff
    people: Mapping[str, tuple[str, ...]]
    holds: timedelta | None
    review_every: timedelta | None


def terms_of(governance: Governance | None, impact: Impact) -> Terms:
    """The terms of a product: those of its tier, or where none is declared one approver for high impact, else none."""
    if governance is None:
        high = impact == "high"
        return Terms("high" if high else "low", SignOff(1 if high else 0), {}, None, None)
    tier = governance.tier
    return Terms(tier, governance.sign_off[tier], governance.people, governance.approvals_hold, governance.review_every)


def check_governance(name: str, governance: Governance | None, impact: Impact) -> None:
    """Checks that impact and tier agree.

    Raises:
        ProductError: The product is of high impact, and its tier asks for no approver.
    """
    if governance is not None and impact == "high" and not terms_of(governance, impact).sign_off.approvers:
        raise ProductError(
            f"product {name}: impact is 'high', but its tier '{governance.tier}' asks for no approver; write another "
            "exposure, purpose or sign_off, or impact='standard'"
        )


def _higher(one: RiskTier, other: RiskTier) -> RiskTier:
    return max(one, other, key=RISK_TIERS.index)
