"""The frame of a model's report: head, gates, navigation and foot, the same for every kind of target.

Belongs here: the page around the sections, and the section of the gates. Does not belong here: a section, the sentence
about the figures, which gate belongs to which section (`page.py`, `assets.evaluation.amounts.report`).
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from html import escape

from assets.bundle.bundle import BundleParts
from assets.evaluation.gates import GateResult, GateVerdict
from assets.pages.document import State, document, marked_line, navigation, section
from assets.pages.words import minute
from assets.product import Product

_ORIGIN = "origin"


@dataclass(frozen=True, kw_only=True)
class Framed:
    """What the frame holds.

    Attributes:
        said: The figures of the test rows in a sentence or two.
        sections: For each section its key, title and HTML.
        places: The section on which a gate's figure is; of any other gate it is the origin of the model.
        looks: Sections that need a look beside those of failed gates.
        entities: How many entities the test rows are of.
        of_intervals: What follows the sentence about the intervals; empty for nothing.
    """

    said: str
    sections: Sequence[tuple[str, str, str]]
    places: Mapping[str, str]
    looks: AbstractSet[str]
    entities: int
    of_intervals: str


def framed_page(product: Product, parts: BundleParts, verdict: GateVerdict, framed: Framed, *, made: datetime) -> str:
    """The page.

    Args:
        parts: The candidate that was evaluated.
        made: When it was evaluated.
    """
    failed = {framed.places.get(gate.name, _ORIGIN) for gate in verdict.results if gate.passed is False}
    named = [("gates", "Gates"), *((key, title) for key, title, _ in framed.sections)]
    body = "".join(section(key, title, html) for key, title, html in framed.sections)
    return document(
        f"Model of {product.title}, {made:%Y-%m-%d}",
        f"<header><h1>{escape(product.title)}: the candidate of {made:%-d %B %Y}</h1>"
        f"<p>{escape(product.question)} Trained {minute(parts.created_at)} UTC; owner {escape(product.owner)}.</p>"
        f"</header>\n{navigation(named, failed | framed.looks)}"
        f"<main>{_gates(verdict, framed)}\n{body}</main>"
        f"<footer>Intervals are of 95%, by drawing the {framed.entities:,} entities of the test rows again"
        f"{escape(framed.of_intervals)}. Made when the model was evaluated; what it does since is on the monitoring "
        "page.</footer>",
    )


def _gates(verdict: GateVerdict, framed: Framed) -> str:
    failed = [gate for gate in verdict.results if gate.passed is False]
    passed = sum(gate.passed is True for gate in verdict.results)
    headline = (
        f"Refused by {len(failed)} of {len(verdict.results)} gates"
        if failed
        else f"Passed all {passed} gates it was asked"
    )
    listed = "".join(f"<li>{escape(gate.reason)}</li>" for gate in failed)
    lines = "".join(
        marked_line(
            _state(gate), gate.name.replace("_", " "), framed.places.get(gate.name, _ORIGIN),
            gate.reason.removeprefix(f"{gate.name}: "),
        )
        for gate in verdict.results
    )  # fmt: skip
    return (
        f'<section id="gates"><div class="headline{" look" if failed else ""}"><strong>{headline}</strong>'
        f"{f'<ul>{listed}</ul>' if listed else ''}</div><p>{escape(framed.said)}</p><ul class=lines>{lines}</ul>"
        "</section>"
    )


def _state(gate: GateResult) -> State:
    return "unknown" if gate.passed is None else "good" if gate.passed else "look"
