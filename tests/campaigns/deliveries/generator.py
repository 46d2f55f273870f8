"""Deliveries by the number: from a seed the same files and the same expectations each time.

Belongs here: the choice of kinds and days. Does not belong here: the kinds (`kinds_text.py` and its
neighbours), the run (`judge.py`).
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from random import Random

from tests.campaigns.deliveries import kinds_columns, kinds_files, kinds_parquet, kinds_text, kinds_values
from tests.campaigns.deliveries.cases import Case
from tests.campaigns.deliveries.product import START

KINDS = (*kinds_text.KINDS, *kinds_values.KINDS, *kinds_parquet.KINDS, *kinds_columns.KINDS, *kinds_files.KINDS)


def deliveries(seed: int, rounds: int) -> Iterator[Case]:
    """In each round one delivery of every kind, each on days of its own.

    Yields:
        Cases that depend on seed, kind and round alone.
    """
    free: dict[str, date] = defaultdict(lambda: START + timedelta(days=1))
    for turn in range(rounds):
        for kind in KINDS:
            if kind.fixed:
                day = kind.fixed[turn % len(kind.fixed)]
            else:
                day = free[kind.source]
                free[kind.source] += timedelta(days=kind.days)
            name = f"{kind.name}, seed {seed}, round {turn}, {day}"
            yield Case(name, kind.source, tuple(kind.make(Random(f"{seed} {kind.name} {turn}"), day)))
