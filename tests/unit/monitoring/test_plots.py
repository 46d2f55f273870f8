import io
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from assets.bundle.profile import ReferenceProfile
from assets.metrics.plot_style import figure
from assets.monitoring.distributions.figures import DRIFT_SCHEMA, drift_table
from assets.monitoring.distributions.plots import psi_bars, psi_strip
from assets.monitoring.performance.figures import PERFORMANCE_SCHEMA
from assets.monitoring.plots import dated, dates_of, performance_over_time
from tests.support.data.monitored_rows import FIRST, figures_by_day

Draw = Callable[..., Any]


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def reddish(png: bytes) -> int:
    """How many pixels have the colour of a bar over its limit."""
    image = pixels(png).astype(int)
    return int(((image[..., 0] > 150) & (image[..., 1] < 110) & (image[..., 2] < 90)).sum())


def test_bars_are_red_only_over_the_limit(profile: ReferenceProfile, by_day: Draw) -> None:
    last = FIRST + timedelta(days=9)
    calm = figures_by_day(profile, by_day(40, 10), [last], 10)[last]
    moved = figures_by_day(profile, by_day(40, 10, shift=4.0), [last], 10)[last]
    assert reddish(psi_bars(calm, day=FIRST)) == 0
    assert reddish(psi_bars(moved, day=FIRST)) > 5_000


def test_the_strip_shows_the_day_on_which_a_feature_moved(profile: ReferenceProfile, by_day: Draw) -> None:
    table = pa.concat_tables([by_day(60, 20).slice(0, 600), by_day(60, 20, shift=5.0).slice(600)])
    days = [FIRST + timedelta(days=i) for i in range(20)]
    image = pixels(psi_strip(drift_table(dict(figures_by_day(profile, table, days, 3))), min_rows=100)).astype(int)
    plot = image[:, 150:1000]
    red = (plot[..., 0] - plot[..., 2] > 60) & (plot[..., 0] > 90)
    columns = np.flatnonzero(red.any(axis=0))
    assert columns.min() > plot.shape[1] * 0.4
    assert len(columns) > plot.shape[1] * 0.2


def test_too_few_rows_and_no_rows_still_make_a_picture(profile: ReferenceProfile, by_day: Draw) -> None:
    figures = drift_table(dict(figures_by_day(profile, by_day(5, 2), [FIRST], 3)))
    for png in (
        psi_strip(figures, min_rows=1000),
        psi_strip(DRIFT_SCHEMA.empty_table(), min_rows=1),
        psi_bars((), day=FIRST),
        performance_over_time(PERFORMANCE_SCHEMA.empty_table(), approved_auc=None, max_auc_loss=0.05),
    ):
        assert pixels(png).std() > 0


@pytest.mark.parametrize("days", [1, 2, 40])
def test_an_axis_of_days_has_no_hours(days: int) -> None:
    picture, (axes,) = figure("title", "subtitle", rows=1, height=3.0)
    axes.plot(dates_of([FIRST + timedelta(days=i) for i in range(days)]), np.arange(days), marker="o")
    dated(axes)
    picture.canvas.draw()
    shown = [label.get_text() for label in axes.get_xticklabels()]
    assert shown
    assert not [text for text in shown if ":" in text]


def performance(auc: list[float | None]) -> pa.Table:
    days = [date(2025, 1, 1) + timedelta(days=i) for i in range(len(auc))]
    rows = [
        {"day": day, "rows": 300, "labelled": 300, "positives": 30, "auc": value, "bad_rate": 0.1, "acceptance": 0.8}
        for day, value in zip(days, auc, strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=PERFORMANCE_SCHEMA)


def test_performance_is_drawn_with_its_gaps() -> None:
    whole = pixels(performance_over_time(performance([0.78] * 9), approved_auc=0.8, max_auc_loss=0.05))
    gaps = performance([0.78, 0.78, None, 0.78, None, None, 0.78, 0.78, 0.78])
    assert (whole != pixels(performance_over_time(gaps, approved_auc=0.8, max_auc_loss=0.05))).any()
