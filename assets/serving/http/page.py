"""The page that shows the OpenAPI document to people.

Belongs here: reading the page from the package. Does not belong here: the document (`openapi.py`), which the page
fetches by itself. It loads nothing from anywhere else.
"""

from functools import cache
from importlib.resources import files


@cache
def page() -> str:
    """The page's HTML."""
    return (files("assets.serving.http") / "page.html").read_text(encoding="utf-8")
