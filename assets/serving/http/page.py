"""The page that shows the OpenAPI document to people.

Belongs here: reading the page from the package. Does not belong here: the document (`openapi.py`), which the page
fetches by itself. It loads nothing from anywhere else.
"""

from functools import cache
from importlib.resources import files

PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""A key is typed into the page: a browser lets it reach this service and nobody else."""


@cache
def page() -> str:
    """The page's HTML."""
    return (files("assets.serving.http") / "page.html").read_text(encoding="utf-8")
