"""What a person gets wrong with `run` and `backfill` ends in one sentence."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.pipelines.cli.conftest import Refused

pytestmark = pytest.mark.usefixtures("environment")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("run nothing", "there is no product 'nothing'"),
        ("run credit_risk --through nowhere", "--through nowhere: write one of ingestion, validation"),
        ("run credit_risk --from yesterday", "day 'yesterday' is not a date"),
        ("run credit_risk --from 2024-09-30", "credit_risk has no day 2024-09-30: the first is 2024-10-01, and"),
        ("run credit_risk --from 2024-12-02 --to 2024-12-01", "--to 2024-12-01 is before --from 2024-12-02"),
        (
            "run credit_risk --from 2025-01-01-05:00",
            "by the day and has no hour 2025-01-01-05:00: write 2025-01-01",
        ),
        ("run credit_risk --from 2025-01-01-24:00", "the last one is 2025-01-01-23:00"),
        ("backfill nothing --from 2025-01-01 --to 2025-01-01", "there is no product 'nothing'"),
        ("backfill credit_risk --from 2025-01-02 --to 2025-01-01", "--to 2025-01-01 is before --from 2025-01-02"),
        ("backfill credit_risk --from 2025-01-01 --to 2025-01-01-05:00 --plan", "has no hour 2025-01-01-05:00"),
        ("backfill credit_risk --from 2024-09-30 --to 2025-01-01", "credit_risk has no day 2024-09-30"),
        ("backfill credit_risk --from 2025-01-01 --to 2025-01-01 --select gone", "no daily asset 'gone'"),
    ],
)
def test_a_mistake_is_one_sentence(command: str, said: str, refused: Refused) -> None:
    """The sentence names the thing, its value and what would be right."""
    assert said in refused(command)


@pytest.mark.parametrize("command", ["run credit_risk --to {0}", "backfill credit_risk --from {0} --to {0}"])
@pytest.mark.parametrize("ahead", [0, 40])
def test_a_day_that_is_not_over_is_refused(command: str, ahead: int, refused: Refused) -> None:
    """Today is no day yet, and no later one is; the sentence names the last one that is over."""
    today = datetime.now(UTC).date()
    day = today + timedelta(days=ahead)
    said = refused(command.format(day))
    assert f"credit_risk has no day {day}: the first is 2024-10-01, and {today - timedelta(days=1)} is the last" in said
