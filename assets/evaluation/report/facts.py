"""What the sections of a model's report are made of.

Belongs here: the frozen value that each section is given, cards for figures and bars. Does not belong here: a section.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from assets.bundle.bundle import BundleParts
from assets.evaluation.evaluate import Evaluation
from assets.evaluation.study.study import Study
from assets.product import Product


@dataclass(frozen=True, eq=False)
class Reported:
    """A model with everything that is told of it."""

    product: Product
    parts: BundleParts
    figures: Evaluation
    study: Study


def card(title: str, value: str, note: str) -> str:
    """A figure."""
    return f'<div class="card"><h3>{escape(title)}</h3><p class="value">{escape(value)}</p><p>{escape(note)}</p></div>'


def cards(shown: Sequence[tuple[str, str, str]]) -> str:
    """Figures side by side: title, value and note of each."""
    return f'<div class="cards">{"".join(card(*one) for one in shown)}</div>'


def share_ticks(last: float = 1.0) -> list[tuple[float, str]]:
    """Places of an axis of shares."""
    return [(last * at / 4, f"{100 * last * at / 4:.3g}%") for at in range(5)]


def bar_rows(rows: Sequence[tuple[str, float, str]], note: str) -> str:
    """Bars, the longest full: name, length and the words beside it.

    Args:
        note: What they show, for a reader who does not see them.
    """
    longest = max((max(length, 0.0) for _, length, _ in rows), default=0.0) or 1.0
    drawn = "".join(
        f'<div class="row"><span title="{escape(name)}">{escape(name)}</span><div class="bar">'
        f'<i style="width:{100 * max(length, 0.0) / longest:.4g}%"></i></div><b>{escape(words)}</b></div>'
        for name, length, words in rows
    )
    return f'<div class="strips" role="img" aria-label="{escape(note)}">{drawn}</div>'
