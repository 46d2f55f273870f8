"""The pages of the service: its interface as a document, and the cases that people review.

Belongs here: reading the pages from the package. Does not belong here: the document (`openapi.py`) and the cases
(`assets.serving.reviewing`), which the pages fetch by themselves. They load nothing from anywhere else.
"""

from functools import cache
from importlib.resources import files
from typing import Literal

Page = Literal["page", "review"]

PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""A key is typed into a page: a browser lets it reach this service and nobody else."""


@cache
def page(name: Page = "page") -> str:
    """The HTML of a page: `page` shows the interface, `review` the cases."""
    return (files("assets.serving.http") / f"{name}.html").read_text(encoding="utf-8")
