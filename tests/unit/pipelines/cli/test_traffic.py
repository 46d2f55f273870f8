"""What a person gets wrong with `traffic` ends in one sentence."""

import pytest

from tests.unit.pipelines.cli.conftest import Refused


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--rate 5", "Missing option '--for'"),
        ("--rate 5 --for 30", "--for 30: write a number with s, m or h, as 30s, 5m or 2h"),
        ("--rate 5 --for -1s", "--for -1s: write a number"),
        ("--rate 0 --for 1s", "rate 0: write requests a second, above 0"),
        ("--rate 5 --for 0s", "traffic for 0 s: write a length above 0"),
        ("--rate 5 --for 1s --in-flight 0", "0 requests in flight: write a whole number from 1 on"),
        ("--rate 5 --for 1s --from-day yesterday", "day 'yesterday' is not a date: write YYYY-MM-DD"),
        ("--rate 5 --for 1s --json", "does not answer ([Errno 111] Connection refused); start it: loopline up"),
        ("--rate 5 --for 1s", "start it: loopline up"),
    ],
)
@pytest.mark.usefixtures("environment")
def test_a_mistake_is_one_sentence(options: str, said: str, refused: Refused) -> None:
    assert said in refused(f"traffic credit_risk {options}")


@pytest.mark.usefixtures("environment")
def test_a_product_that_does_not_exist(refused: Refused) -> None:
    assert "there is no product 'nothing'" in refused("traffic nothing --rate 5 --for 1s")
