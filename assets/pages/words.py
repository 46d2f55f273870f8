"""Numbers and moments as words, the same on the page and in the terminal.

Belongs here: the form of a number. Does not belong here: sentences (`summary.py`).
"""

import math
from datetime import datetime

_SIZES = ((1e9, "bn"), (1e6, "M"), (1e4, "k"))
_COUNT = "decisions"
_SHARES = frozenset({"approval_rate", "review_share", "refused_share"})


def number(value: float | None) -> str:
    """A number in three digits; a dash where there is none."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "any"
    for size, unit in _SIZES:
        if abs(value) >= size:
            return f"{value / (1e3 if unit == 'k' else size):,.3g}{unit}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def percent(value: float | None) -> str:
    """A share in percent."""
    if value is None or math.isnan(value):
        return "–"
    return "any" if math.isinf(value) else f"{100 * value:.3g}%"


def fixed(value: float | None) -> str:
    """A figure such as an AUC, in three decimals."""
    return "–" if value is None or math.isnan(value) else f"{value:.3f}"


def business(figure: str, value: float | None) -> str:
    """A business figure: a share in percent, decisions as a whole number, everything else as a number."""
    if figure == _COUNT and value is not None and math.isfinite(value):
        return f"{value:,.0f}"
    return percent(value) if figure in _SHARES else number(value)


def sentence(text: str) -> str:
    """A text as the beginning of a sentence."""
    return text[:1].upper() + text[1:]


def counted(number: int, thing: str) -> str:
    """A number of things: `1 product`, `2 products`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def minute(moment: datetime) -> str:
    """A moment, to the minute."""
    return f"{moment:%Y-%m-%d %H:%M}"
