"""Which approvals count: by person, age, version, role and share."""

from dataclasses import replace
from datetime import timedelta

import pytest

from assets.bundle.registration import Approval, RegistrationError
from assets.governance.approvals import NOT_AUDITED, counting, ends, objection
from assets.product import Governance, Product, ProductError, SignOff
from assets.product.governance import Terms, terms_of
from tests.support.models.evaluated_bundle import NOW, PRODUCT

POLICY = Governance(
    exposure="high", purpose="decides_about_people", inherent_risk="medium",
    sign_off={"low": SignOff(0), "medium": SignOff(1), "high": SignOff(2, ("risk", "business"))},
    people={"risk": ("Ada Risk", "Bea Chief"), "business": ("Cem Sales", "Ada Risk")},
    approvals_hold=timedelta(days=90),
)  # fmt: skip
TERMS = terms_of(POLICY, "high")
ONE = terms_of(None, "high")
ADA = Approval(version="4", answer="approve", by="Ada Risk", reason="reviewed", at=NOW)
CEM = replace(ADA, by="Cem Sales")
SOON = NOW + timedelta(days=1)


def said(*answers: Approval, terms: Terms = TERMS, share: float = 1.0, author: str = "dan", after: int = 1) -> str:
    now = NOW + timedelta(days=after)
    return objection(answers, version="4", author=author, terms=terms, share=share, now=now)


@pytest.mark.parametrize(
    ("exposure", "purpose", "risk", "tier"),
    [
        ("low", "informs", "low", "low"),
        ("low", "decides", "low", "medium"),
        ("high", "informs", "low", "high"),
        ("low", "decides_about_people", "low", "high"),
        ("low", "informs", "high", "high"),
    ],
)
def test_the_tier_is_the_higher_of_materiality_and_inherent_risk(
    exposure: str, purpose: str, risk: str, tier: str
) -> None:
    policy = Governance(exposure=exposure, purpose=purpose, inherent_risk=risk)  # type: ignore[arg-type]
    assert policy.tier == tier
    assert terms_of(policy, "standard").sign_off.approvers == {"low": 0, "medium": 1, "high": 2}[tier]


def test_each_role_and_every_person_of_the_tier_must_approve() -> None:
    assert said(ADA, CEM) == ""
    assert said(ADA) == "1 of 2 approvers for tier 'high'"
    assert "1 of 2 approvers for tier 'high', with the role business" in said(replace(ADA, by="Bea Chief"))
    assert said(ADA, replace(ADA, by=" ADA  risk ")) == "1 of 2 approvers for tier 'high'"
    assert said(replace(ADA, by="Eve")) == "Eve approved it, but holds none of the roles risk, business"
    assert said() == "0 of 2 approvers for tier 'high', with the role risk and business"


def test_an_author_is_told_by_name_and_by_account() -> None:
    assert said(replace(ADA, by="Dan"), terms=ONE, author="dan") == (
        "Dan trained it and may not approve it; ask another person"
    )
    borrowed = replace(ADA, account="dan")
    assert "Ada Risk trained it and may not approve it" in said(borrowed, terms=ONE, author="dan")
    assert said(ADA, terms=ONE, author="dan") == ""
    assert "who started its training is not recorded" in said(ADA, terms=ONE, author="unknown")


def test_two_names_from_one_account_are_one_person() -> None:
    both = (replace(ADA, account="ada"), replace(CEM, account=" ADA "))
    assert said(*both) == (
        "Ada Risk and Cem Sales approved it from one account, ada, and count as one person; 1 of 2 approvers for tier "
        "'high', with the role risk"
    )
    assert said(both[0], replace(CEM, account="cem")) == ""
    assert said(ADA, CEM) == "", "where no account is known there is none to compare"


@pytest.mark.parametrize("name", ["Ada\u200b Risk", "ADA\u00a0RISK", "\uff21da Risk", "Ada Ri\u00adsk"])
def test_a_name_in_other_letters_that_look_the_same_is_the_same_person(name: str) -> None:
    assert said(ADA, replace(ADA, by=name)) == "1 of 2 approvers for tier 'high'"
    assert "trained it and may not approve it" in said(replace(ADA, by=name), terms=ONE, author="Ada Risk")
    with pytest.raises(RegistrationError, match="give --by and --reason"):
        replace(ADA, by="\u200b\u2060")


def test_an_approval_ahead_of_the_clock_does_not_count() -> None:
    ahead = replace(ADA, at=NOW + timedelta(days=3650))
    assert "Ada Risk is dated 2036-04-28 08:30 UTC, ahead of the clock" in said(ahead, terms=ONE)
    assert said(replace(ADA, at=SOON + timedelta(minutes=10)), terms=ONE) == ""


def test_an_approval_written_by_hand_takes_none_of_the_log_away() -> None:
    assert said(ADA, CEM, replace(ADA, max_share=0.01, entry=NOT_AUDITED)) == ""


def test_a_stale_approval_is_refused_by_name() -> None:
    assert said(ADA, CEM, after=89) == ""
    assert said(ADA, CEM, after=90).startswith("Cem Sales's approval of 2026-05-01 is stale: it held until 2026-07-30")
    again = replace(ADA, at=NOW + timedelta(days=80))
    assert "Cem Sales's approval of 2026-05-01 is stale" in said(ADA, CEM, again, after=91)
    assert said(ADA, CEM, again, replace(CEM, at=NOW + timedelta(days=85)), after=91) == ""
    short = replace(ADA, until=NOW + timedelta(days=7))
    assert "is stale: it held until 2026-05-08" in said(short, terms=ONE, after=7)
    assert said(ADA, terms=ONE, after=5000) == "", "without a declared policy an approval has no end"
    assert ends(replace(ADA, until=NOW + timedelta(days=900)), TERMS) == NOW + timedelta(days=90)


def test_an_approval_up_to_a_share_ends_there() -> None:
    quarter = replace(ADA, max_share=0.25)
    assert said(quarter, CEM, share=0.25) == ""
    assert said(quarter, CEM, share=0.5) == (
        "Ada Risk approved it only up to a share of 25%; 1 of 2 approvers for tier 'high', with the role risk for a "
        "share of 50%"
    )
    assert said(quarter, CEM, replace(ADA, at=SOON), share=1.0, after=2) == "", "she approved it again without a bound"
    assert said(quarter, terms=ONE, share=0.0) == ""


def test_no_approver_is_asked_for_where_the_tier_wants_none() -> None:
    assert said(terms=terms_of(None, "standard")) == ""
    assert counting([ADA, CEM], version="5", author="dan", terms=TERMS, now=SOON) == ()


def built(**changes: object) -> Product:
    return replace(PRODUCT, **changes)  # type: ignore[arg-type]


def test_a_policy_that_contradicts_itself_is_refused_at_load() -> None:
    low = Governance(exposure="low", purpose="informs", inherent_risk="low")
    with pytest.raises(ProductError, match="product loans: impact is 'high', but its tier 'low' asks for no approver"):
        built(governance=low)
    assert built(governance=low, impact="standard").terms.tier == "low"
    with pytest.raises(ProductError, match="1 approvers cannot hold the roles risk, business"):
        SignOff(1, ("risk", "business"))
    with pytest.raises(ProductError, match="wants the role 'risk', which nobody holds"):
        replace(POLICY, people={})
    with pytest.raises(ProductError, match="exposure='huge'; write one of low, medium, high"):
        replace(POLICY, exposure="huge")  # type: ignore[arg-type]
    with pytest.raises(ProductError, match="sign_off has no entry for high"):
        replace(POLICY, sign_off={"low": SignOff(0), "medium": SignOff(1)})
