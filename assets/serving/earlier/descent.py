"""A closer search for a recourse where the spread changes of a request have none.

Belongs here: moving one number after the other along all of its allowed values, from the best of the tried changes.
Does not belong here: the allowed values (`allowed.py`), judging a change (`recourse.py`).

Of a number with very many allowed values some are tried, evenly spaced. A model of trees may accept between two of
them; the changes with the lowest scores are the likeliest to be near.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from assets.serving.earlier.allowed import Allowed, Changed

STARTS = 6
"""From so many of the tried changes, those with the lowest scores."""
_ROUNDS = 3
Judged = Callable[[Sequence[Changed]], tuple[NDArray[np.float64], NDArray[np.bool_]]]


def descended(
    changes: Sequence[Changed], scores: NDArray[np.float64], allowed: Mapping[str, Allowed], judged: Judged
) -> Iterator[tuple[Changed, float, bool]]:
    """Further changes, each once, with its score and whether it is accepted; ends with the scan that finds one.

    Args:
        changes: Those that were tried, none of which is accepted.
        scores: Their scores.
        judged: Scores and acceptance of changes.
    """
    seen = {_key(change) for change in changes}
    for place in np.argsort(scores, kind="stable")[:STARTS]:
        present, score = changes[int(place)], float(scores[place])
        for _ in range(_ROUNDS):
            before = score
            for name in present:
                scan = [one for one in _along(present, name, allowed) if _key(one) not in seen]
                if not scan:
                    continue
                seen |= {_key(one) for one in scan}
                found, accepted = judged(scan)
                yield from zip(scan, found.tolist(), accepted.tolist(), strict=True)
                if accepted.any():
                    return
                lowest = int(np.argmin(found))
                if found[lowest] < score:
                    present, score = scan[lowest], float(found[lowest])
            if score == before:
                break


def _along(change: Changed, name: str, allowed: Mapping[str, Allowed]) -> list[Changed]:
    """The change with each allowed value of one number."""
    of = allowed[name]
    return [{**change, name: value} for value in of.values] if of.is_number else []


def _key(change: Changed) -> tuple[tuple[str, object], ...]:
    return tuple(sorted(change.items()))
