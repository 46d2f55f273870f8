"""Names of features and entity keys: what is refused."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from assets.vocabulary import Events, FeatureError, days
from tests.unit.vocabulary.samples import tx


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: tx.count(days(1), name="Count"), "'Count' is not a name"),
        (lambda: tx.count(days(1), name="day"), "its own column of that name"),
        (lambda: Events("t", key="sequence"), "events of 't': key 'sequence'; .* give the source's column another one"),
        (lambda: replace(tx.count(), key="as_of"), "'transactions_count': key 'as_of'; .* another one"),
    ],
)  # fmt: skip
def test_a_wrong_name_is_refused_with_the_remedy(declare: Callable[..., object], message: str) -> None:
    with pytest.raises(FeatureError, match=message):
        declare()
