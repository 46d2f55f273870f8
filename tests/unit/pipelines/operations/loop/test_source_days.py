"""The days that may be read: those that the product and its sources have, and that are over."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest

from pipelines.connections import clock_of
from pipelines.operations.loop.source_days import ImpossibleDay, readable_days
from pipelines.products import load_product
from resources.environments import Environment, load_environment

PRODUCT = load_product("card_fraud")


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """One whose sources are not the sandbox's."""
    return load_environment({"LOOPLINE_HOME": str(tmp_path)}).model_copy(update={"sandbox": False})


@contextmanager
def days(environment: Environment, first: date | None, last: date | None) -> Iterator[tuple[date, date]]:
    with readable_days(PRODUCT, environment, (first, last), lambda _: None) as found:
        yield found


def test_all_days_of_real_sources_end_yesterday(environment: Environment) -> None:
    yesterday = clock_of(PRODUCT, environment).now().date() - timedelta(days=1)
    with days(environment, None, None) as found:
        assert found == (PRODUCT.start, yesterday)
    with days(environment, date(2026, 1, 1), None) as found:
        assert found == (date(2026, 1, 1), yesterday)


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        (PRODUCT.start - timedelta(days=1), None, "card_fraud has no day 2018-03-31: the first is 2018-04-01"),
        (None, date(2999, 1, 1), "card_fraud has no day 2999-01-01"),
        (date(2026, 1, 2), date(2026, 1, 1), "--to 2026-01-01 is before --from 2026-01-02"),
    ],
)
def test_a_day_that_there_is_not_is_refused(
    environment: Environment, first: date | None, last: date | None, message: str
) -> None:
    with pytest.raises(ImpossibleDay, match=message), days(environment, first, last):
        pass
