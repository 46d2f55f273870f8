"""The report of a model of an amount, as one self-contained HTML file: no script, nothing from another host.

Belongs here: its sections and their order. Does not belong here: the figures (`figures.py`), the report of a binary
target (`assets.evaluation.report`), where the page is kept (`assets.evaluation.assets`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape

import numpy as np

from assets.bundle.bundle import BundleParts
from assets.evaluation.amounts.figures import AmountEvaluation
from assets.evaluation.gates import GateVerdict
from assets.evaluation.report.facts import bar_rows, cards
from assets.evaluation.report.frame import Framed, framed_page
from assets.metrics.amount_answers import NEVER
from assets.metrics.resampling import Interval
from assets.pages.drawing import Axes, axes_of, chart, data_table, dot, line, plot_figure, wide_table
from assets.pages.words import fixed, number, percent
from assets.product import Amount, Product

_MOST_FEATURES = 15
_PLACES: Mapping[str, str] = {
    "skill": "errors", "better_than_constant": "errors", "skill_not_too_good": "errors", "overfit": "errors",
    "champion_comparison": "errors", "mean_calibration": "calibration", "decile_calibration": "calibration",
    "profit_gain": "threshold", "group_error": "groups", "single_feature_auc": "features",
    "explanation_stability": "features", "score_stability": "rows", "unseen_rows": "rows", "noise_flips": "threshold",
}  # fmt: skip
"""The section on which a gate's figure is; of any other gate it is the origin of the model."""


@dataclass(frozen=True, eq=False)
class ReportedAmounts:
    """A model with everything that is told of it."""

    product: Product
    target: Amount
    parts: BundleParts
    figures: AmountEvaluation


def amount_page(told: ReportedAmounts, verdict: GateVerdict, *, made: datetime) -> str:
    """The page.

    Args:
        made: When the model was evaluated.
    """
    figures, unit = told.figures, told.target.unit
    test = figures.test
    return framed_page(
        told.product, told.parts, verdict,
        Framed(
            said=f"On {test.rows:,} rows later than those that it learned from it saves {percent(test.skill)} of the "
            f"loss of the best constant ({_range(figures.intervals['skill'], percent)}); the scorecard "
            f"{percent(figures.scorecard.skill)}. It is wrong by {number(test.mae)} {unit} on average, and by "
            f"{percent(test.mean_error)} in the mean.",
            sections=[(key, title, draw(told)) for key, title, draw in _SECTIONS if key != "groups" or figures.groups],
            places=_PLACES,
            looks={"slices"} if any(one.confirmed for one in figures.slices) else set(),
            entities=figures.entities,
            of_intervals=f". Amounts are in {unit}",
        ),
        made=made,
    )  # fmt: skip


def _errors(told: ReportedAmounts) -> str:
    """Figures with intervals, beside training rows and scorecard; the comparison with the champion."""
    found, unit = told.figures, told.target.unit
    words: tuple[tuple[str, str, Callable[[float | None], str], str], ...] = (
        ("skill", "Skill", percent, "share of the loss of the best constant that the model saves"),
        ("mae", f"MAE, {unit}", number, "mean absolute error"),
        ("rmse", f"RMSE, {unit}", number, "root mean squared error"),
        ("r2", "R2", fixed, "share of the variance explained"),
        ("bias", f"Bias, {unit}", number, "mean of predicted less actual"),
    )
    shown = [
        (title, told_as(found.intervals[name].value), f"{_range(found.intervals[name], told_as)}; {note}")
        for name, title, told_as, note in words
    ]
    parts = (("training", found.train), ("calibration", found.calibrate), ("test", found.test),
             ("scorecard on the test rows", found.scorecard))  # fmt: skip
    rows = [
        (name, f"{one.rows:,}", number(one.mean_actual), number(one.mean_predicted), number(one.bias), number(one.mae),
         number(one.rmse), fixed(one.r2), percent(one.skill))
        for name, one in parts
    ]  # fmt: skip
    compared = (
        "There was no champion to compare with."
        if found.comparison is None
        else f"On the same rows its loss is {found.comparison.value:+.1%} beside the champion's "
        f"({_range(found.comparison, percent)})."
    )
    low, high = (float(end) for end in _percentiles(found))
    errors = f"Of the errors (actual less predicted) 90% lie between {number(low)} and {number(high)} {unit}."
    heads = ("rows of", "rows", "mean actual", "mean predicted", "bias", "MAE", "RMSE", "R2", "skill")
    return f"{cards(shown)}<p>{escape(compared)} {escape(errors)}</p>{wide_table(heads, rows)}"


def _percentiles(found: AmountEvaluation) -> tuple[float, float]:
    low, high = np.percentile(found.actual - found.predicted, [5.0, 95.0])
    return float(low), float(high)


def _calibration(told: ReportedAmounts) -> str:
    """Mean actual amounts over predicted ones, by tenths of the rows, and how often the interval held."""
    curve, found = told.figures.deciles, told.figures
    predicted, actual = curve.predicted.tolist(), curve.actual.tolist()
    ends = axes_of(predicted, [*predicted, *actual], zero=True)
    axes = Axes(ends.low, ends.high, ends.low, ends.high)
    drawn = line(axes, [ends.low, ends.high], [ends.low, ends.high], "reference")
    drawn += "".join(dot(axes, x, y, "model dot") for x, y in zip(predicted, actual, strict=True))
    step = (ends.high - ends.low) / 4
    ticks = [(ends.low + step * at, number(ends.low + step * at)) for at in range(5)]
    picture = chart(axes, drawn, "Actual over predicted amounts", x_ticks=ticks, y_words=number, tall="tall")
    rows = [
        (f"{place}", f"{count:,}", number(x), number(y), f"{(x / y - 1.0):+.1%}" if y else "–")
        for place, (count, x, y) in enumerate(zip(curve.rows.tolist(), predicted, actual, strict=True), 1)
    ]
    heads = ("tenth", "rows", "predicted", "actual", "predicted beside actual")
    interval = told.parts.policy.interval
    covered = (
        ""
        if interval is None
        else f"<p>The interval of {percent(interval.coverage)} holds the amounts of {percent(found.coverage)} of the "
        "test rows.</p>"
    )
    return covered + plot_figure(
        f"Predictions are off by {percent(found.test.mean_error)} in the mean",
        f"Test rows in tenths by predicted amount; the worst is off by {percent(found.decile_error)} of the mean "
        "amount. The line is a perfect prediction.",
        picture, table=data_table(heads, rows),
    )  # fmt: skip


def _threshold(told: ReportedAmounts) -> str:
    chosen, tested = told.figures.chosen, told.figures.tested
    if chosen.threshold == NEVER:
        return "<p>Nobody is refused by the amount.</p>"
    shown = [
        ("Threshold", number(chosen.threshold), f"{told.target.unit}; amounts from it on are refused"),
        ("Refused", percent(tested.refused_share), "of the test rows"),
        ("Profit", number(tested.profit), f"on the test rows; accepting everybody {number(tested.profit_accept_all)}"),
        ("Moved by noise", percent(told.figures.flipped_share), "of the decisions, by noise of 1%"),
    ]
    return cards(shown)


def _features(told: ReportedAmounts) -> str:
    shares = told.figures.explanation.table().to_pylist()[:_MOST_FEATURES]
    bars = bar_rows([(row["feature"], row["share"], percent(row["share"])) for row in shares], "importance of features")
    steady = told.figures.steadiness
    said = (
        "There are too few features or rows to say whether the importances hold on other rows."
        if steady is None
        else f"Between random halves of the rows the ranks of the importances agree by {steady.agreement:.3f}."
    )
    of = "logarithm of the amount" if told.target.link == "log" else "amount"
    title = f"'{shares[0]['feature']}' moves the {of} most"
    return plot_figure(title, "Share of all mean absolute SHAP values.", bars) + f"<p>{escape(said)}</p>"


def _slices(told: ReportedAmounts) -> str:
    rows = [
        (one.condition, f"{one.rows:,}", f"{one.found:+.1%}", f"{one.low:+.1%} to {one.high:+.1%}",
         "confirmed" if one.confirmed else "on one half alone")
        for one in told.figures.slices
    ]  # fmt: skip
    note = (
        "Values and quarters of each feature, searched on one half of the entities for errors in the mean; the largest "
        "were tried on the other half, with intervals corrected for their number."
    )
    heads = ("rows", "how many", "error where found, of the mean amount", "on the other half", "")
    return f"<p>{note}</p>{wide_table(heads, rows)}"


def _groups(told: ReportedAmounts) -> str:
    parts = []
    for report in told.figures.groups:
        rows = [
            (group.group + ("" if group.judged else " (too few to judge)"), f"{group.rows:,}",
             number(group.mean_actual), number(group.mean_predicted), number(group.mae), percent(group.mean_error),
             f"{percent(group.mean_error_low)} to {percent(group.mean_error_high)}")
            for group in report.groups
        ]  # fmt: skip
        heads = (report.attribute, "rows", "mean actual", "mean predicted", "MAE", "error in the mean", "95% interval")
        parts.append(f"<h4>{escape(report.attribute)}</h4>{wide_table(heads, rows)}")
    return "".join(parts)


def _rows(told: ReportedAmounts) -> str:
    stands, windows = told.figures.representativeness, told.figures.windows
    shown = [
        ("Told apart", fixed(stands.auc), "AUC of a classifier between training and test rows"),
        ("Outside", percent(stands.outside), "of the test rows hardly occur among the training rows"),
        ("Score PSI", number(told.figures.score_psi), "stability index of the amount, training against test"),
    ]
    rows = [
        (name, str(window["first"])[:10], str(window["end"])[:10], f"{window['rows']:,}")
        for name, window in windows.items()
        if isinstance(window, dict)
    ]
    return cards(shown) + wide_table(("part", "from", "to (not included)", "rows"), rows)


def _origin(told: ReportedAmounts) -> str:
    pins = told.parts.pins
    facts = [
        ("training set", f"version {pins.get('version', 'not recorded')}"),
        *((f"table {table}", f"version {version}") for table, version in sorted(pins.get("pins", {}).items())),
        ("MLflow run", str(pins.get("mlflow_run", "not recorded"))),
        ("Dagster run", str(pins.get("dagster_run", "not recorded"))),
        ("objective", told.target.objective),
        ("score", told.parts.policy.scale),
        ("served otherwise than trained", percent(told.figures.serving_skew)),
    ]
    return wide_table(("", "recorded"), facts)


_SECTIONS: tuple[tuple[str, str, Callable[[ReportedAmounts], str]], ...] = (
    ("errors", "Errors", _errors),
    ("calibration", "Predicted and actual", _calibration),
    ("threshold", "Threshold", _threshold),
    ("features", "Features", _features),
    ("slices", "Wrong slices", _slices),
    ("groups", "Groups of people", _groups),
    ("rows", "Rows", _rows),
    ("origin", "Origin", _origin),
)


def _range(found: Interval, words: Callable[[float | None], str]) -> str:
    return "no interval" if found.low is None else f"{words(found.low)} to {words(found.high)}"
