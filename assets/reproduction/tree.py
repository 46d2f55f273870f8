"""A tree of facts: what a trace shows on the terminal, as JSON and as a page.

Belongs here: the tree as a value and its forms for programs and browsers. Does not belong here: what is in it
(`lineage.py`), the terminal (`pipelines.cli.render`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

from assets.pages.document import document
from assets.pages.words import sentence


@dataclass(frozen=True)
class Node:
    """A thing, what is known of it, and what it was made from.

    Attributes:
        kind: One word, for programs: `decision`, `bundle`, `table`.
        title: For people.
        facts: JSON values by name; `None` where there is none.
    """

    kind: str
    title: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    children: "tuple[Node, ...]" = ()

    def to_dict(self) -> dict[str, Any]:
        """A JSON value."""
        return {
            "kind": self.kind, "title": self.title, "facts": dict(self.facts),
            "children": [child.to_dict() for child in self.children],
        }  # fmt: skip


def fact_text(value: Any) -> str:
    """A fact for people."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(fact_text, value)) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {fact_text(one)}" for name, one in value.items()) or "none"
    return str(value)


def to_html(root: Node) -> str:
    """The tree as one self-contained page: no script, nothing from another host."""
    head = f"<header><h1>{escape(sentence(root.title))}</h1></header>\n"
    return document(root.title, f"{head}{_facts(root)}{''.join(map(_details, root.children))}")


def _details(node: Node) -> str:
    inner = _facts(node) + "".join(map(_details, node.children))
    return f"<details class=part open><summary>{escape(node.title)}</summary>{inner}</details>\n"


def _facts(node: Node) -> str:
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(fact_text(of))}</dd>" for name, of in node.facts.items())
    return f"<dl>{listed}</dl>" if listed else ""
