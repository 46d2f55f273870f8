"""Whether a number of a text is one of a record.

Belongs here: the numbers that a record has, in the forms in which documents print them. Does not belong here: which
record a line names (`document.py`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True)
class Numbers:
    """The numbers of some records.

    Attributes:
        words: As they are written in texts, names and whole numbers.
        values: Those that a text may round.
    """

    words: frozenset[str]
    values: tuple[float, ...]

    def has(self, word: str) -> bool:
        """Whether a number of a text is one of them: written alike, or one of them rounded to its decimals.

        A share may be written in per cent. A whole number must be written alike.
        """
        plain = word.replace(",", "")
        if word in self.words or plain in self.words:
            return True
        if plain.count(".") != 1:
            return False
        decimals, number = len(plain.partition(".")[2]), float(plain)
        step = 0.5000001 * 10.0**-decimals
        return any(abs(value - number) <= step or abs(100.0 * value - number) <= step for value in self.values)


def numbers_in(text: str) -> list[str]:
    """The numbers of a text, as they are written."""
    return _NUMBER.findall(text)


def numbers_of(*records: Any) -> Numbers:
    """The numbers of records: JSON values, and their names."""
    words: set[str] = set()
    values: set[float] = set()
    for leaf in (leaf for record in records for leaf in _leaves(record)):
        if isinstance(leaf, str):
            words.update(numbers_in(leaf))
        elif isinstance(leaf, (int, float)) and not isinstance(leaf, bool) and isfinite(leaf):
            values.add(abs(float(leaf)))
            for form in (f"{leaf}", f"{leaf:,}", f"{leaf:g}", f"{leaf:.4g}", f"{leaf:,.0f}", f"{leaf:.0%}"):
                words.update(numbers_in(form))
    return Numbers(frozenset(words), tuple(values))


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for name, one in value.items():
            yield str(name)
            yield from _leaves(one)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for one in value:
            yield from _leaves(one)
    else:
        yield value
