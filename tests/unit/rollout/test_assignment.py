"""Which arm decides for an entity."""

import pytest

from assets.rollout.assignment import CHAMPION, arm_of, place


def test_the_place_of_an_entity_is_the_same_everywhere() -> None:
    assert place("loans", ["C1"]) == pytest.approx(0.3764031449512286, abs=1e-15)
    places = [place("loans", [n]) for n in range(4000)]
    assert 0.45 < sum(places) / 4000 < 0.55
    assert place("loans", ["a", "b"]) != place("loans", ["ab"])


def test_an_entity_keeps_its_arm_while_the_share_grows() -> None:
    taken = {share: {n for n in range(1000) if arm_of("loans", [n], [share]) == 0} for share in (0.0, 0.1, 0.5, 1.0)}
    assert taken[0.0] == set()
    assert taken[0.0] < taken[0.1] < taken[0.5] < taken[1.0]
    assert len(taken[1.0]) == 1000


def test_another_rollout_has_other_entities() -> None:
    """Of the entities that one rollout gives to its challenger, the next one gives its share, and not all again."""
    first, second = ({n for n in range(4000) if arm_of(name, [n], [0.2]) == 0} for name in ("a/1/2", "a/1/3"))
    assert 0.15 < len(first & second) / len(first) < 0.25


def test_several_challengers_share_the_entities() -> None:
    arms = [arm_of("loans", [n], [0.2, 0.3]) for n in range(4000)]
    assert 0.17 < arms.count(0) / 4000 < 0.23
    assert 0.27 < arms.count(1) / 4000 < 0.33
    assert 0.47 < arms.count(CHAMPION) / 4000 < 0.53
