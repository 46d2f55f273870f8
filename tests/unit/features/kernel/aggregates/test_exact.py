"""Sums beyond 64 bits."""

from assets.vocabulary import days
from tests.unit.features.one_person import events, tx, value


def test_sums_beyond_64_bits_are_exact() -> None:
    """Over thousands of years, and with amounts at the end of their range, no sum wraps around."""
    largest, century = 90_071_992_547_409.0, 36_525 * 24
    history = events([15 * century, 8 * century, century, 1], amount=[-largest, largest, largest, largest])
    for feature in (tx.slope("amount"), tx.decayed_sum("amount", days(3_000)), tx.time_between("std")):
        assert value(feature, history) > 0
    assert value(tx.median("amount"), history) == largest
