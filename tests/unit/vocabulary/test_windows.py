"""Windows and lags: what is refused."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from assets.vocabulary import FeatureError, days, last_events, last_months, this_month, today
from tests.unit.vocabulary.samples import tx


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: tx.count(days(0)), "count of 'transactions': window .* write days"),
        (lambda: tx.count(30), "write days"),
        (lambda: tx.count(days(800_000)), "window of 800000 days; write at most 365000, or None for all"),
        (lambda: replace(tx.count(), window=days(365_001)), "'transactions_count': window of 365001 days; write"),
        (lambda: tx.count(days(364_999), lag=days(2)), "a lag of 2 days; .* at most 365000 days together"),
        (lambda: tx.count(days(3), lag=timedelta.max), "a lag of 999999999 days; write one that is at most"),
        (lambda: tx.count(lag=days(365_001)), "a lag of 365001 days; write one that is at most 365000 days"),
        (lambda: tx.count(days(3), lag=7), "count of 'transactions': lag=7; write lag=days\\(7\\)"),
        (lambda: tx.count(days(3), lag=days(0)), "write lag=days"),
        (lambda: tx.count(this_month(), lag=days(1)), "a lag goes with a length of time"),
        (lambda: tx.count(last_events(3), lag=days(1)), "a lag goes with a length of time"),
        (lambda: tx.count(last_events(0)), "write last_events\\(10\\)"),
        (lambda: tx.count(last_events(True)), "write last_events\\(10\\)"),
        (lambda: tx.count(last_months(0)), "write this_month\\(\\) or last_months\\(1\\)"),
        (lambda: tx.count(last_months(-1)), "write last_months\\(3\\)"),
        (lambda: tx.count(today("Berlin")), "'Berlin', which is not known; write an IANA name"),
        (lambda: tx.count(today("../../etc/passwd")), "write an IANA name"),
        (lambda: tx.median("amount", 30), "write days"),
    ],
)  # fmt: skip
def test_a_wrong_window_is_refused_with_the_remedy(declare: Callable[..., object], message: str) -> None:
    with pytest.raises(FeatureError, match=message):
        declare()
