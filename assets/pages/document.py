"""The frame of a self-contained page: one HTML file without a script, with nothing from another host.

Belongs here: the document around the sections, its links to them, and a line with a mark. Does not belong here: what a
page says (`assets.monitoring.page`, `assets.evaluation.report`).
"""

from collections.abc import Collection, Mapping, Sequence
from html import escape
from typing import Literal

from assets.pages.style import STYLE

State = Literal["good", "look", "unknown"]
"""As it should be; a person should look; nobody knows, which is not good."""
_MARKS: Mapping[State, tuple[str, str]] = {
    "good": ("✓", "as it should be"), "look": ("!", "look"), "unknown": ("?", "unknown"),
}  # fmt: skip


def document(title: str, body: str) -> str:
    """The file.

    Args:
        title: The browser's title, as text.
        body: HTML.
    """
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>\n{body}</body></html>\n"
    )


def navigation(sections: Sequence[tuple[str, str]], looks: Collection[str]) -> str:
    """Links to the sections, (key, title) each; those at which a person should look stand out."""
    links = "".join(f'<a href="#{key}"{" class=look" if key in looks else ""}>{title}</a>' for key, title in sections)
    return f'<nav aria-label="Sections">{links}</nav>\n'


def marked_line(state: State, name: str, place: str, text: str) -> str:
    """A line of a list of the class `lines`, with a mark and a link to a section."""
    mark, words = _MARKS[state]
    return (
        f'<li class="{state}"><span class="mark" role="img" aria-label="{words}" title="{words}">{mark}</span>'
        f'<a href="#{place}">{escape(name)}</a><span>{escape(text)}</span></li>'
    )


def section(key: str, title: str, content: str) -> str:
    """One section; the content is HTML."""
    return f'<section id="{key}"><h2>{title}</h2>{content}</section>\n'
