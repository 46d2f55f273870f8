"""JSON records of features."""

import json
from collections.abc import Callable

import pytest

from assets.vocabulary import (
    Clip,
    Events,
    FeatureError,
    FeatureSet,
    HashedCategory,
    Hour,
    LearnedCategory,
    Number,
    Sum,
    days,
    hours,
    last_events,
    last_months,
    this_month,
    today,
)
from tests.unit.vocabulary.samples import FEATURES, tx


def test_every_window_is_read_back_from_json() -> None:
    """Also lags and record keys."""
    corrected = Events("transactions", key="customer_id", record_key="transaction_id")
    windows = (this_month("Asia/Tokyo"), last_months(2), last_events(5), today(), None, days(2))
    lagged = (corrected.count(days(3), lag=days(1)), corrected.count(lag=hours(1)))
    features = FeatureSet(history=[*lagged, *(corrected.count(window) for window in windows)])
    again = FeatureSet.from_dict(json.loads(json.dumps(features.to_dict())))
    assert again == features
    assert again.digest == features.digest
    assert {feature.record_key for feature in again.history} == {"transaction_id"}


def test_every_parameter_is_read_back_from_json() -> None:
    """Sets that differ in one parameter have different digests."""
    sets = [
        FeatureSet(
            request=[LearnedCategory("shop", top=top), HashedCategory("iban", buckets=64), Number("a"), Number("b")],
            history=[
                tx.quantile("amount", level), tx.mode("kind", values=("a", "b")), tx.streak(days(3), status="late"),
                tx.decayed_sum("amount", half_life, name="decayed"), tx.time_between("mean"),
            ],
            derived=[Sum("s", of=("a", "b")), Clip("c", of="a", high=5), Hour("h", zone=zone)],
        )
        for top, level, half_life, zone in (
            (20, 0.9, days(7), "Asia/Kathmandu"), (21, 0.9, days(7), "Asia/Kathmandu"),
            (20, 0.8, days(7), "Asia/Kathmandu"), (20, 0.9, days(8), "Asia/Kathmandu"), (20, 0.9, days(7), "UTC"),
        )
    ]  # fmt: skip
    assert [FeatureSet.from_dict(json.loads(json.dumps(features.to_dict()))) for features in sets] == sets
    assert len({features.digest for features in sets}) == len(sets)
    assert sets[0].categories == {"shop": (), "iban": (), "transactions_mode_kind": ("a", "b")}


def test_a_record_omits_fields_at_their_default() -> None:
    """A record without lag and record key is that of a version without these fields, so that its digest stays."""
    assert set(FEATURES.to_dict()["history"][0]) & {"lag", "record_key"} == set()
    assert FEATURES.to_dict()["history"][0]["window"] == 7 * 86_400_000_000


def test_later_fields_do_not_change_recorded_digests() -> None:
    """The digest of a set without them is still the recorded one."""
    assert FEATURES.digest == "aab6b837517a75093bda0a580e5fb1d8eee0bf00a20fa9a74bcc57023ef28777"
    recorded = FEATURES.to_dict()
    assert not {"level", "half_life", "values"} & {name for record in recorded["history"] for name in record}
    assert "zone" not in recorded["derived"][2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda record: record.pop("owner"), "differs in owner"),
        (lambda record: record["request"][0].update(type="Secret"), "type 'Secret'; one of"),
        (lambda record: record["request"][0].update(colour="red"), "has no colour"),
        (lambda record: record["history"][0].update(window=-5), "write days"),
        (lambda record: record["history"][0].update(window=10**30), "10+ is not a window"),
        (lambda record: record["history"][0].update(window={"weeks": 2}), "{'weeks': 2} is not a window"),
        (lambda record: record["history"][0].update(lag={"events": 2}), "write lag=days"),
    ],
)
def test_a_wrong_record_is_refused(change: Callable[..., object], message: str) -> None:
    record = json.loads(json.dumps(FEATURES.to_dict()))
    change(record)
    with pytest.raises(FeatureError, match=message):
        FeatureSet.from_dict(record)
