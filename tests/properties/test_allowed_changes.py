"""No change that is tried breaks the policy or the contract: random policies, random requests."""

from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
from hypothesis import given

from assets.bundle.bundle import Bundle
from assets.bundle.contract import BundleContract, ColumnRule, SourceRules
from assets.product import Change, Recourse
from assets.serving.earlier.allowed import MOST_CHANGES, allowed_values, changes_of
from tests.support.models.serving_samples import bundle_of, sample_parts

PARTS = sample_parts("1", rounds=2)
NUMBERS = st.floats(0, 30_000, allow_nan=False, width=32)
STEPS = st.sampled_from([0.01, 0.1, 0.5, 1.0, 7.0, 250.0])


@st.composite
def number_changes(draw: st.DrawFn) -> Change:
    low, high = sorted((draw(NUMBERS), draw(NUMBERS)))
    way: Any = draw(st.sampled_from(["rise", "fall", "either", "never"]))
    if way == "never":
        return Change("never")
    return Change(way, low=low, high=high, by=draw(st.one_of(st.none(), st.floats(0.01, 2))), step=draw(STEPS))


@given(st.data())
def test_every_change_keeps_to_policy_and_contract(data: st.DataObject) -> None:
    amount, income = data.draw(number_changes()), data.draw(number_changes())
    purpose = data.draw(st.sampled_from([Change("never"), Change("either"), Change("either", to=("home",))]))
    policy = Recourse(
        {"amount": amount, "income_monthly": income, "purpose": purpose}, at_once=data.draw(st.integers(1, 3))
    )
    low, high = sorted((data.draw(NUMBERS), data.draw(NUMBERS)))
    inputs: dict[str, float | str | None] = {
        "amount": data.draw(st.one_of(st.none(), NUMBERS)),
        "income_monthly": data.draw(NUMBERS),
        "purpose": data.draw(st.sampled_from(["car", "home", None])),
    }
    bundle = _bundle(policy, ColumnRule("number", low=low, high=high))
    changes = changes_of(allowed_values(bundle, policy, inputs), policy.at_once)
    assert len(changes) <= MOST_CHANGES
    assert len({tuple(sorted(change.items())) for change in changes}) == len(changes), "no change twice"
    for change in changes:
        assert 1 <= len(change) <= policy.at_once
        for name, value in change.items():
            _check(policy.columns[name], inputs[name], value)
            if name == "amount":
                assert low <= value <= high  # type: ignore[operator]


def _check(change: Change, present: object, value: object) -> None:
    assert change.way != "never"
    assert present is not None, "a missing value stays missing"
    assert value != present
    if isinstance(present, str):
        assert value in (change.to or ("car", "home", "education"))
        return
    assert isinstance(present, float)
    assert isinstance(value, float)
    assert change.low is not None
    assert change.high is not None
    assert value > present if change.way == "rise" else value < present if change.way == "fall" else True
    assert change.low <= value <= change.high
    if change.by is not None:
        assert abs(value - present) <= change.by * present * (1 + 1e-12)
    assert abs(value / change.step - round(value / change.step)) < 1e-6


def _bundle(policy: Recourse, amount: ColumnRule) -> Bundle:
    contract = BundleContract("applications", {"applications": SourceRules("t", "k", {"amount": amount})})
    return bundle_of(replace(PARTS, recourse=policy, contract=contract))
