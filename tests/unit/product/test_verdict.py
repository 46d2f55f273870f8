"""A verdict always has a reason, and plain values for records."""

import pytest

from assets.product import Verdict


def test_a_verdict_without_a_reason_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="'none' has no reason"):
        Verdict("none", ())


def test_a_verdict_as_plain_values() -> None:
    assert Verdict("retrain", ("drift",)).to_dict() == {"action": "retrain", "reasons": ["drift"]}
