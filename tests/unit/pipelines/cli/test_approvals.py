"""What a person gets wrong with `approve` and `reject` ends in one sentence."""

import pytest

from tests.unit.pipelines.cli.conftest import Refused


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("approve nothing 1 --by Ada --reason why", "there is no product 'nothing'"),
        ("approve credit_risk 9 --by Ada --reason why", "credit_risk has no version 9"),
        ("reject credit_risk 9 --by Ada --reason why", "credit_risk has no version 9"),
    ],
)
@pytest.mark.usefixtures("environment")
def test_a_mistake_is_one_sentence(command: str, said: str, refused: Refused) -> None:
    """The sentence names the thing, its value and what would be right."""
    assert said in refused(command)
