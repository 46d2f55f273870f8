"""Runs without pictures: what nobody looks at on a simulated day is not drawn.

Belongs here: leaving out the pixels of pictures. Does not belong here: what is drawn (`assets`), the page of a game
day, whose pictures are drawn when it is over.

A day of two products has some twenty pictures for the Dagster UI, and they cost a third of it. Figures, tables and
verdicts are made as ever.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO
from unittest import mock

from matplotlib.figure import Figure

from assets.metrics.plot_style import png

_INCHES = 0.1


@contextmanager
def without_pictures() -> Iterator[None]:
    """Within the block every picture is an empty one, a PNG of a few pixels."""
    empty = png(Figure(figsize=(_INCHES, _INCHES)))

    def save(_figure: Figure, file: IO[bytes], **_terms: object) -> None:
        file.write(empty)

    with mock.patch.object(Figure, "savefig", save):
        yield
