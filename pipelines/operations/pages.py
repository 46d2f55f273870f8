"""Pages that commands write, of the kind that the file's name says.

Belongs here: whether a page can be written to a file, and writing it whole. Does not belong here: the content of pages
(`assets`).
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from resources.errors import LooplineError


class NoPage(LooplineError):
    """The page cannot be written to that file; the message says why, and what to write."""


def write_text_page(file: Path, kinds: Mapping[str, Callable[[], str]]) -> None:
    """Writes a page; arguments and errors as for `write_page`, with text in UTF-8."""
    write_page(file, {end: _encoded(make) for end, make in kinds.items()})


def write_page(file: Path, kinds: Mapping[str, Callable[[], bytes]]) -> None:
    """Writes a page. The file appears complete or not at all.

    Args:
        kinds: By the end of the file's name, what makes the content of that kind.

    Raises:
        NoPage: The file's name has another end, or its folder does not exist.
    """
    require_file(file, kinds)
    unfinished = file.with_name(f".{file.name}.new")
    try:
        unfinished.write_bytes(kinds[file.suffix]())
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)


def require_file(file: Path, ends: Iterable[str]) -> None:
    """Returns if a page can be written to the file.

    Args:
        ends: The ends that the file's name may have, as `.html`.

    Raises:
        NoPage: The file's name has another end, or its folder does not exist.
    """
    known = tuple(ends)
    if file.suffix not in known:
        raise NoPage(f"{file}: unknown kind of page; write a name that ends in {' or '.join(known)}")
    if not file.parent.is_dir():
        raise NoPage(f"{file}: there is no folder {file.parent}; create it first")


def _encoded(make: Callable[[], str]) -> Callable[[], bytes]:
    return lambda: make().encode("utf-8")
