"""The sections that show how well a model tells bad from good: ranking, calibration, profit, ageing.

Belongs here: their pictures and sentences. Does not belong here: the figures (`assets.evaluation.study`), other
sections (`model_sections.py`).
"""

import numpy as np
from sklearn.metrics import precision_recall_curve, roc_curve

from assets.evaluation.report.facts import Reported, cards, share_ticks
from assets.evaluation.study.ageing import Ageing
from assets.metrics.calibration import reliability, wilson_interval
from assets.metrics.resampling import GRID, Band, Figure, Interval
from assets.pages.drawing import Axes, axes_of, band, chart, data_table, dot, level, line, plot_figure, upright
from assets.pages.words import fixed, number, percent

_NAMES: tuple[tuple[Figure, str, str], ...] = (
    ("auc", "AUC", "1 ranks every bad row above every good one, 0.5 is chance"),
    ("average_precision", "Average precision", "area under precision and recall; by chance the share of bad rows"),
    ("ks", "Kolmogorov-Smirnov", "largest distance between the scores of good and bad rows"),
    ("brier", "Brier score", "mean squared error of the probability"),
)
_UNIT = Axes(0.0, 1.0, 0.0, 1.0)


def ranking_section(reported: Reported) -> str:
    """Figures with intervals, ROC and precision-recall of model and scorecard."""
    figures, study, scored = reported.figures, reported.study, reported.figures.scored
    shown = [
        (title, fixed(study.figures[name].value), f"{interval(study.figures[name])}; {note}")
        for name, title, note in _NAMES
    ]
    false, true, _ = roc_curve(scored.y, scored.scorecard_scores)
    base = np.interp(GRID, false, true).tolist()
    roc = _curve(study.curves["roc"], base, "ROC: the share of bad rows found, by the share of good rows flagged")
    precision, recall, _ = precision_recall_curve(scored.y, scored.scorecard_scores)
    base = np.interp(GRID, recall[::-1], precision[::-1]).tolist()
    found = _curve(
        study.curves["precision"], base, "Precision: the share of flagged rows that are bad, by that of bad rows found"
    )
    gap = (
        f"On the rows that it learned from its AUC is {fixed(figures.train.auc)}, {study.overfit:.3f} more than on "
        f"these; at least {max(study.overfit_low, 0.0):.3f} of that is no chance."
    )
    keys = [("model", "model"), ("band", "95% interval"), ("reference", "scorecard")]
    base_precision = fixed(figures.scorecard.average_precision)
    half = float(np.interp(0.5, GRID, study.curves["precision"].value))
    return (
        f"{cards(shown)}<p>{gap}</p><div class=pair>"
        + plot_figure(
            f"The model ranks {percent(figures.test.auc)} of bad-good pairs rightly",
            "ROC curve: bad rows found over good rows flagged", roc, keys=keys,
            table=_table(study.curves["roc"], "good rows flagged", "bad rows found"),
        )
        + plot_figure(
            f"Half of the bad rows are found at a precision of {percent(half)}",
            f"Precision over recall; the scorecard's average precision is {base_precision}", found, keys=keys,
            table=_table(study.curves["precision"], "bad rows found", "precision"),
        )
        + "</div>"
    )  # fmt: skip


def calibration_section(reported: Reported) -> str:
    """Observed rates over predicted ones, with intervals by resampled entities."""
    scored, study = reported.figures.scored, reported.study
    curve, observed = reliability(scored.y, scored.scores), study.curves["observed"]
    low, high = (
        (observed.low, observed.high)
        if np.isfinite(observed.low).all()
        else wilson_interval(curve.observed, curve.rows)
    )
    top = 1.06 * float(max(high.max(), curve.predicted.max()))
    axes = Axes(0.0, top, 0.0, top)
    drawn = line(axes, [0.0, top], [0.0, top], "reference")
    points = list(zip(curve.predicted.tolist(), curve.observed.tolist(), low.tolist(), high.tolist(), strict=True))
    drawn += "".join(upright(axes, x, a, b, "reach model") + dot(axes, x, y, "model dot") for x, y, a, b in points)
    picture = chart(
        axes, drawn, "Observed over predicted rates", x_ticks=share_ticks(top), y_words=percent, tall="tall"
    )
    error, ratio = study.figures["calibration_error"], study.figures["observed_over_expected"]
    rows = [
        (percent(x), percent(y), f"{percent(a)} to {percent(b)}", f"{n:,}")
        for (x, y, a, b), n in zip(points, curve.rows.tolist(), strict=True)
    ]
    table = data_table(("predicted", "observed", "95% interval", "rows"), rows)
    note = (
        f"Expected calibration error {percent(error.value)} ({interval(error, percent)}); bad rows observed over "
        f"expected {number(ratio.value)} ({interval(ratio, number)})."
    )
    title = f"Predicted and observed rates differ by {percent(error.value)} on average"
    keys = [("model dot", "observed, with its 95% interval"), ("reference", "perfect")]
    return plot_figure(title, note, picture, keys=keys, table=table)


def profit_section(reported: Reported) -> str:
    """Profit by the share refused, with the chosen threshold."""
    curve, tested = reported.study.curves["profit"], reported.figures.tested
    xs = GRID.tolist()
    axes = axes_of(xs, [*curve.value.tolist(), *_known(curve)])
    drawn = band(axes, xs, _gaps(curve.low), _gaps(curve.high), "band") + line(axes, xs, curve.value.tolist(), "model")
    drawn += level(axes, tested.profit_accept_all, "reference") + upright(
        axes, tested.refused_share, axes.low, tested.profit, "reach"
    )
    drawn += dot(axes, tested.refused_share, tested.profit, "bad dot")
    picture = chart(axes, drawn, "Profit by the share of rows refused", x_ticks=share_ticks(), y_words=number)
    gain = (
        ""
        if tested.gain is None
        else f", {percent(abs(tested.gain))} {'more' if tested.gain >= 0 else 'less'} than accepting everybody"
    )
    title = f"Refusing {percent(tested.refused_share)} earns {number(tested.profit)}{gain}"
    note = "On the test rows, by the score alone; the threshold was chosen on the calibration rows."
    keys = [
        ("model", "profit"),
        ("band", "95% interval"),
        ("reference", "accepting everybody"),
        ("bad dot", "the answers as they are"),
    ]
    rows = [(percent(x), number(value)) for x, value in zip(xs, curve.value.tolist(), strict=True)]
    return plot_figure(title, note, picture, keys=keys, table=data_table(("refused", "profit"), rows))


def ageing_section(reported: Reported) -> str:
    """The staleness curve: AUC and observed over expected by age."""
    aged = reported.study.ageing
    if aged is None:
        return ""
    xs = [period.days for period in aged.periods]
    auc = _ages(
        aged, [(period.auc, period.auc_low, period.auc_high) for period in aged.periods], reported.figures.test.auc
    )
    ratio = _ages(aged, [(period.ratio, period.ratio_low, period.ratio_high) for period in aged.periods], 1.0)
    rows = [
        (f"{period.days:.0f}", f"{period.rows:,}", f"{period.bad:,}", fixed(period.auc), number(period.ratio),
         percent(period.calibration_error), number(period.score_psi))
        for period in aged.periods
    ]  # fmt: skip
    table = data_table(
        ("days since training", "rows", "bad", "AUC", "observed over expected", "calibration error", "score PSI"), rows
    )
    span = f"{min(xs):.0f} to {max(xs):.0f} days after the last row that it learned from, by {aged.unit} days."
    keys = [("model dot", "with its 95% interval")]
    return (
        "<div class=pair>"
        + plot_figure(_aged(aged), f"AUC {span}", auc, keys=[*keys, ("reference", "all test rows")], table=table)
        + plot_figure(
            "Bad rows observed, over those expected", f"Calibration {span}", ratio,
            keys=[*keys, ("reference", "as expected")],
        )
        + "</div>"
    )  # fmt: skip


def _ages(aged: Ageing, values: list[tuple[float | None, float | None, float | None]], usual: float) -> str:
    xs = [period.days for period in aged.periods]
    axes = axes_of([min(xs) - 3, max(xs) + 3], [usual, *(one for value in values for one in value)])
    drawn = level(axes, usual, "reference")
    for x, (value, low, high) in zip(xs, values, strict=True):
        if value is not None and low is not None and high is not None:
            drawn += upright(axes, x, low, high, "reach model") + dot(axes, x, value, "model dot")
    drawn += line(axes, xs, [value for value, _, _ in values], "model thin")
    return chart(axes, drawn, "By days since the training", x_ticks=[(x, f"{x:.0f} d") for x in xs], y_words=number)


def _aged(aged: Ageing) -> str:
    if aged.loss_a_month is None or aged.low is None or aged.high is None:
        return "Too few periods to tell whether ranking falls with age"
    if aged.low > 0.0:
        return f"The AUC falls by {aged.loss_a_month:.3f} a month ({aged.low:.3f} to {aged.high:.3f})"
    return f"No fall of the AUC with age can be told ({-aged.high:+z.3f} to {-aged.low:+z.3f} a month)"


def interval(found: Interval, words: object = fixed) -> str:
    """The interval in words."""
    if found.low is None or found.high is None or not callable(words):
        return "too few rows for an interval"
    return f"{words(found.low)} to {words(found.high)}"


def _curve(curve: Band, base: list[float], said: str) -> str:
    xs = GRID.tolist()
    drawn = band(_UNIT, xs, _gaps(curve.low), _gaps(curve.high), "band") + line(_UNIT, xs, base, "reference")
    drawn += line(_UNIT, xs, curve.value.tolist(), "model")
    return chart(_UNIT, drawn, said, x_ticks=share_ticks(), y_words=percent, tall="tall")


def band_pair(one: Band, other: Band, said: str) -> str:
    """Two curves, the second one with its interval."""
    return _curve(other, one.value.tolist(), said)


def _table(curve: Band, x: str, y: str) -> str:
    rows = [
        (percent(at), percent(value), f"{percent(low)} to {percent(high)}")
        for at, value, low, high in zip(
            GRID.tolist(), curve.value.tolist(), curve.low.tolist(), curve.high.tolist(), strict=True
        )
    ]
    return data_table((x, y, "95% interval"), rows)


def _known(curve: Band) -> list[float]:
    both = np.concatenate([curve.low, curve.high])
    return [float(one) for one in both[np.isfinite(both)]]


def _gaps(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> list[float | None]:
    return [float(one) if np.isfinite(one) else None for one in values]
