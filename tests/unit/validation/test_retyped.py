"""A column that changed its type is told with what to write; a few bad values are not."""

import pytest

from assets.validation.retyped import retyped_text
from tests.unit.validation.test_audit import contract, row, run


def told(bad: int) -> str:
    outcome = run([row(id=str(n), amount="EUR 3" if n < bad else "3") for n in range(10)], max_quarantined=0.1)
    return retyped_text(contract(file="t.yaml"), outcome.quarantine, outcome.days[0])


@pytest.mark.parametrize("bad", [0, 4])
def test_single_values_of_another_type_are_no_change_of_schema(bad: int) -> None:
    assert told(bad) == ""


@pytest.mark.parametrize("bad", [5, 10])
def test_a_column_of_another_type_is_told_with_what_to_write(bad: int) -> None:
    assert told(bad) == (
        f"  ~ amount: number in the contract, {bad} of 10 texts are none\n"
        "In contracts/t.yaml:\n"
        "  if the new form of amount is right: amount: {type: string, ...}, and change the features that read it; if "
        "not, o@bank.example delivers the day again"
    )
