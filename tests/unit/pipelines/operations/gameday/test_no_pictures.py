"""No picture is drawn within the block, whoever asks for it, and all are drawn after it."""

import io
from typing import Any

from matplotlib.figure import Figure

import assets.evaluation.plots
import assets.monitoring.performance.plots
from assets.rollout.plots import share_steps
from pipelines.operations.gameday.no_pictures import without_pictures

WRONG: Any = None
"""Nothing that can be drawn: a function that draws would fail."""


def test_functions_that_draw_are_not_called_and_return_a_picture() -> None:
    with without_pictures():
        for empty in (assets.monitoring.performance.plots.kpi_plot(WRONG), assets.evaluation.plots.fairness(WRONG)):
            assert empty.startswith(b"\x89PNG")
            assert len(empty) < 400


def test_a_picture_that_is_drawn_elsewhere_has_no_pixels() -> None:
    with without_pictures():
        out = io.BytesIO()
        Figure(figsize=(8, 8)).savefig(out, format="png")
    assert 0 < len(out.getvalue()) < 400


def test_pictures_are_drawn_again_afterwards() -> None:
    with without_pictures():
        pass
    assert len(share_steps((), 0.0)) > 1_000
