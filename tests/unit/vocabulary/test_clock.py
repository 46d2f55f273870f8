"""Features of the decision time: what is refused."""

from collections.abc import Callable

import pytest

from assets.vocabulary import FeatureError, Hour, Night


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: Night("night", until_hour=24), "hour from 0 to 23"),
        (lambda: Night("night", zone="Mars/Base"), "feature 'night': zone='Mars/Base' is no time zone; write an IANA"),
        (lambda: Hour("h", zone="../etc/passwd"), "feature 'h': zone='../etc/passwd' is no time zone"),
    ],
)  # fmt: skip
def test_a_wrong_feature_of_the_decision_time_is_refused_with_the_remedy(
    declare: Callable[..., object], message: str
) -> None:
    with pytest.raises(FeatureError, match=message):
        declare()
