"""A recourse that lies between two of the tried values is found; no change is judged twice."""

from collections.abc import Sequence

import numpy as np

from assets.serving.earlier.allowed import Allowed, Changed
from assets.serving.earlier.descent import STARTS, Judged, descended

ALLOWED = {
    "amount": Allowed(tuple(float(n) for n in range(1_000)), is_number=True),
    "debt": Allowed(tuple(float(n) for n in range(1_000)), is_number=True),
    "channel": Allowed(("app", "branch"), is_number=False),
}


def tried() -> list[Changed]:
    """Every fiftieth amount with every fiftieth debt, and amounts with a channel."""
    steps = [float(n) for n in range(0, 1_000, 50)]
    return [{"amount": a, "debt": d} for a in steps for d in steps] + [{"amount": a, "channel": "app"} for a in steps]


def judge(best: tuple[float, float], seen: list[Changed]) -> Judged:
    """The nearer to the best amount and debt the lower the score; accepted are these two alone."""

    def judged(changes: Sequence[Changed]) -> tuple[np.ndarray, np.ndarray]:
        seen.extend(changes)
        far = [abs(_number(one, "amount") - best[0]) + abs(_number(one, "debt") - best[1]) for one in changes]
        return np.array(far), np.array(far) == 0.0

    return judged


def _number(change: Changed, name: str) -> float:
    """A column of a change; a debt that does not change is 900."""
    value = change.get(name, 900.0)
    assert isinstance(value, float)
    return value


def test_a_change_between_two_of_the_tried_ones_is_found() -> None:
    seen: list[Changed] = []
    judged = judge((437.0, 613.0), seen)
    scores, accepted = judged(tried())
    assert not accepted.any()
    found = list(descended(tried(), scores, ALLOWED, judged))
    assert [change for change, _, is_accepted in found if is_accepted] == [{"amount": 437.0, "debt": 613.0}]
    assert len({tuple(sorted(one.items())) for one in seen}) == len(seen), "a change was judged twice"
    assert len(found) < 4_000


def test_where_nothing_is_accepted_the_search_ends() -> None:
    judged = judge((437.5, 613.5), [])
    scores, _ = judged(tried())
    found = list(descended(tried(), scores, ALLOWED, judged))
    assert 0 < len(found) <= STARTS * 3 * 2 * 1_000
    assert not any(is_accepted for _, _, is_accepted in found)
    assert list(descended([], np.array([]), ALLOWED, judged)) == []
