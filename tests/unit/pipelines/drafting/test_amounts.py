"""A draft whose label is an amount: the objective that the sample suggests, and a product that loads."""

import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from assets.product import Amount, AmountGates, Product
from pipelines.drafting.parts import Draft
from pipelines.drafting.render import files_of
from pipelines.drafting.roles import Given, RoleUnclear
from tests.unit.pipelines.drafting.test_draft import FIRST, draft, write


def claims(folder: Path, amounts: Sequence[float]) -> Path:
    rows = [
        (f"C{n}", f"P{n % 50}", FIRST + timedelta(hours=3 * n), n % 80 + 0.5, "car" if n % 3 else "bike", amount)
        for n, amount in enumerate(amounts)
    ]
    header = ("claim_id", "policy_id", "reported_at", "insured_value", "kind", "paid")
    return write(folder / "data" / "claims.csv", header, rows)


def drafted(folder: Path, amounts: Sequence[float]) -> Draft:
    given = Given(label="paid", entities=("policy_id",), target="amount")
    return draft(claims(folder, amounts), given=given)


GAMMA = np.random.default_rng(2).gamma(2.0, 300.0, 600).round(2) + 0.01


@pytest.mark.parametrize(
    ("amounts", "objective"),
    [
        (GAMMA, "gamma"),
        (np.where(np.arange(600) % 3 == 0, 0.0, GAMMA), "tweedie"),
        (GAMMA - 400.0, "squared_error"),
    ],
    ids=("gamma", "tweedie", "squared_error"),
)
def test_the_objective_is_the_one_that_the_amounts_suggest(
    tmp_path: Path, amounts: Sequence[float], objective: str
) -> None:
    found = drafted(tmp_path, amounts)
    assert found.amount is not None
    assert found.amount.objective == objective


def test_the_product_of_an_amount_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = files_of(drafted(tmp_path, GAMMA))
    for name in ("features", "product"):
        module = ModuleType(f"pipelines.shop.{name}")
        module.__file__ = str(tmp_path / f"{name}.py")
        monkeypatch.setitem(sys.modules, f"pipelines.shop.{name}", module)
        exec(compile(files[f"{name}.py"], f"{name}.py", "exec"), module.__dict__)
    product = sys.modules["pipelines.shop.product"].PRODUCT
    assert isinstance(product, Product)
    assert isinstance(product.gates, AmountGates)
    assert product.model.target == Amount(unit="EUR", objective="gamma")
    assert product.question == "What will paid be?"
    assert product.decision.profit.good == pytest.approx(float(GAMMA.mean()), rel=0.01)
    assert product.label.at_least == pytest.approx(float(np.quantile(GAMMA, 0.9)), rel=0.01)


def test_a_label_without_two_numbers_is_no_amount(tmp_path: Path) -> None:
    with pytest.raises(RoleUnclear, match="two different numbers"):
        drafted(tmp_path, [5.0] * 100)
