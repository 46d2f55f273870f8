"""A shared group: its features carry its name and owner, and what contradicts that is refused."""

from dataclasses import replace

import pytest

from assets.vocabulary import Events, FeatureError, FeatureGroup, FeatureSet, History, days
from assets.vocabulary.feature_set import same_computation

card = Events("payments", key="card_id")
count = card.count(days(7), name="payments_7d")
GROUP = FeatureGroup("payments", owner="cards", description="Payments of a card", features=(count,))


def test_a_group_is_unpacked_and_computed_as_a_feature_of_ones_own() -> None:
    shared, own = FeatureSet(history=(*GROUP,), owner="risk"), FeatureSet(history=(count,), owner="risk")
    assert (GROUP.key, GROUP.sources) == ("card_id", ("payments",))
    assert (shared.owner_of("payments_7d"), own.owner_of("payments_7d")) == ("cards", "risk")
    assert shared.computation == own.computation
    assert shared.digest != own.digest
    assert FeatureSet.from_dict(shared.to_dict()) == shared
    assert "group" not in own.to_dict()["history"][0], "bundles of products without groups stay as they were"


def test_the_same_computation_is_told_from_another() -> None:
    assert same_computation(count, replace(count, owner="x", description="y", group="z"))
    assert not same_computation(count, card.count(days(8), name="payments_7d"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"features": ()}, "needs features over events"),
        ({"features": count}, "needs features over events"),
        ({"owner": " "}, "has no owner; write owner="),
        ({"description": ""}, "has no description"),
        ({"features": (count, count)}, "declares 'payments_7d' twice"),
        ({"features": (count, Events("payments", key="shop").count(days(1)))}, "has the keys card_id, shop"),
        ({"features": (*GROUP,)}, "'payments_7d' is of group 'payments'; a shared feature has one group"),
        ({"features": (replace(count, owner="someone"),)}, "has the owner 'someone'"),
        ({"name": "A Group"}, "feature group"),
    ],
)
def test_a_group_that_contradicts_itself_is_refused(changes: dict[str, History], said: str) -> None:
    given = {"name": "others", "owner": "cards", "description": "Payments", "features": (count,)}
    with pytest.raises(FeatureError, match=said):
        FeatureGroup(**{**given, **changes})  # type: ignore[arg-type]
