"""Runs without pictures: what nobody looks at on a simulated day is not drawn.

Belongs here: leaving out pictures. Does not belong here: what is drawn (`assets`), the page of a game day, whose
pictures are drawn when it is over.

A day of two products has some twenty pictures for the Dagster UI, and they cost a third of it. Figures, tables and
verdicts are made as ever.
"""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FunctionType
from typing import IO
from unittest import mock

from matplotlib.figure import Figure

import assets.evaluation.dependence_plot
import assets.evaluation.importance_plot
import assets.evaluation.plots
import assets.monitoring.distributions.plots
import assets.monitoring.performance.plots
import assets.monitoring.plots
import assets.monitoring.reviews.plots
import assets.rollout.plots
from assets.metrics.plot_style import png

_INCHES = 0.1
_OF_PICTURES = (
    assets.evaluation.dependence_plot, assets.evaluation.importance_plot, assets.evaluation.plots,
    assets.monitoring.distributions.plots, assets.monitoring.performance.plots, assets.monitoring.plots,
    assets.monitoring.reviews.plots, assets.rollout.plots,
)  # fmt: skip


@contextmanager
def without_pictures() -> Iterator[None]:
    """Within the block every picture is an empty one, a PNG of a few pixels.

    A function that draws one is not called at all: an empty picture with its axes takes as long as a day's figures.
    """
    empty = png(Figure(figsize=(_INCHES, _INCHES)))

    def save(_figure: Figure, file: IO[bytes], **_terms: object) -> None:
        file.write(empty)

    def draw(*_arguments: object, **_terms: object) -> bytes:
        return empty

    drawing = {id(one) for module in _OF_PICTURES for one in vars(module).values() if _draws(one, module.__name__)}
    users = [module for name, module in [*sys.modules.items()] if name.startswith("assets.")]
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(Figure, "savefig", save))
        for module in users:
            for name in [name for name, one in vars(module).items() if id(one) in drawing]:
                stack.enter_context(mock.patch.object(module, name, draw))
        yield


def _draws(one: object, module: str) -> bool:
    """Whether something is a function of this module that returns a picture."""
    return isinstance(one, FunctionType) and one.__module__ == module and one.__annotations__.get("return") is bytes
