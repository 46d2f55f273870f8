"""Two compared versions, as one self-contained HTML file.

Belongs here: its sections and pictures. Does not belong here: the figures (`comparison.py`), parts that pages share
(`assets.pages`).
"""

from html import escape

from assets.evaluation.report.curve_sections import band_pair
from assets.evaluation.report.facts import cards, share_ticks
from assets.evaluation.versions.comparison import Pair, VersionComparison
from assets.evaluation.versions.flips import Flip
from assets.pages.document import document, navigation, section
from assets.pages.drawing import Axes, axes_of, chart, dot, level, line, plot_figure, upright, wide_table
from assets.pages.words import fixed, number, percent

_SECTIONS = (
    ("figures", "Figures"), ("calibration", "Calibration"), ("features", "Features"), ("slices", "Slices"),
    ("decisions", "Decisions"),
)  # fmt: skip
_MOST_FEATURES = 20


def comparison_page(found: VersionComparison) -> str:
    """The page."""
    title = f"{found.product}: version {found.other} beside version {found.one}"
    contents = {
        "figures": _figures(found), "calibration": _calibration(found), "features": _features(found),
        "slices": _slices(found), "decisions": _decisions(found),
    }  # fmt: skip
    body = "".join(section(key, name, contents[key]) for key, name in _SECTIONS)
    sets = ", ".join(f"version {name} of {of}" for name, of in found.training_sets.items())
    left = f"; {found.learned + found.absent:,} more are left out" if found.learned + found.absent else ""
    return document(
        title,
        f"<header><h1>{escape(title)}</h1><p>{found.rows:,} rows of {found.entities:,} entities from {found.first} to "
        f"{found.last}, {found.bad:,} of them bad, from which neither version learned{left}.</p></header>\n"
        f"{navigation(_SECTIONS, ())}<main>{_headline(found)}\n{body}</main>"
        f"<footer>Both versions on the same rows. Intervals are of 95%, by drawing the same entities for both. "
        f"Training sets: {escape(sets)}.</footer>",
    )


def _headline(found: VersionComparison) -> str:
    auc, profit = found.figures["auc"], found.figures["profit"]
    told = f"AUC {_told(auc, fixed, '.3f')}; profit {_told(profit, number, ',.0f')}"
    flipped = sum(flip.rows for flip in found.flips)
    worse = auc.difference.high is not None and auc.difference.high < 0.0
    return (
        f"<div class='headline{' look' if worse else ''}'><strong>Version {escape(found.other)} "
        f"{_verdict(auc)}</strong>"
        f"<ul><li>{told}</li><li>{flipped:,} of {found.rows:,} decisions differ</li></ul></div>"
    )


def _verdict(auc: Pair) -> str:
    low, high = auc.difference.low, auc.difference.high
    if low is None or high is None:
        return "cannot be told from the other: there are too few rows"
    return "ranks better" if low > 0.0 else "ranks worse" if high < 0.0 else "ranks as well, as far as can be told"


def _told(pair: Pair, words: object, form: str) -> str:
    one, other = (str(words(side.value)) if callable(words) else "" for side in (pair.one, pair.other))
    low, high = pair.difference.low, pair.difference.high
    reach = "" if low is None or high is None else f", {low:+{form}} to {high:+{form}}"
    return f"{one} and {other} ({pair.difference.value:+{form}}{reach})"


def _figures(found: VersionComparison) -> str:
    rows = []
    for name, pair in found.figures.items():
        form = ",.0f" if name == "profit" else ".4f"
        low, high = pair.difference.low, pair.difference.high
        reach = "–" if low is None or high is None else f"{low:+{form}} to {high:+{form}}"
        rows.append(
            (name.replace("_", " "), f"{pair.one.value:{form}}", f"{pair.other.value:{form}}",
             f"{pair.difference.value:+{form}}", reach)
        )  # fmt: skip
    heads = ("", f"version {found.one}", f"version {found.other}", "difference", "95% interval")
    keys = [("reference", f"version {found.one}"), ("model", f"version {found.other}"), ("band", "its 95% interval")]
    one, other = found.curves
    roc = band_pair(one["roc"], other["roc"], "ROC of both versions")
    precision = band_pair(one["precision"], other["precision"], "Precision over recall of both versions")
    return (
        f"{wide_table(heads, rows)}<div class=pair>"
        + plot_figure("ROC", "Bad rows found over good rows flagged.", roc, keys=keys)
        + plot_figure("Precision over recall", "Share of flagged rows that are bad.", precision, keys=keys)
        + "</div>"
    )


def _calibration(found: VersionComparison) -> str:
    parts = []
    top = 1.06 * max(max(one.high, one.predicted) for bins in found.calibration.values() for one in bins)
    for name, bins in found.calibration.items():
        axes = Axes(0.0, top, 0.0, top)
        drawn = line(axes, [0.0, top], [0.0, top], "reference")
        for one in bins:
            drawn += upright(axes, one.predicted, one.low, one.high, "reach model")
            drawn += dot(axes, one.predicted, one.observed, "model dot")
        said = f"Observed over predicted rates of version {name}"
        picture = chart(axes, drawn, said, x_ticks=share_ticks(top), y_words=percent)
        pair = found.figures["calibration_error"]
        error = (pair.one if name == found.one else pair.other).value
        parts.append(plot_figure(f"Version {name}: off by {percent(error)}", "Observed over predicted rates.", picture))
    return f"<div class=pair>{''.join(parts)}</div>"


def _features(found: VersionComparison) -> str:
    shown = [
        ("Added", str(len(found.added)), ", ".join(found.added) or "none"),
        ("Dropped", str(len(found.dropped)), ", ".join(found.dropped) or "none"),
    ]
    rows = [
        (
            one.feature,
            "none" if one.one is None else percent(one.one),
            "none" if one.other is None else percent(one.other),
            f"{100 * one.change:+z.2f}",
        )
        for one in found.features[:_MOST_FEATURES]
    ]
    heads = ("share of importance", f"version {found.one}", f"version {found.other}", "points")
    return cards(shown) + wide_table(heads, rows)


def _slices(found: VersionComparison) -> str:
    if not found.slices:
        return "<p>No slice has enough rows.</p>"
    axes = axes_of(
        [-0.5, len(found.slices) - 0.5], [0.0, *(end for one in found.slices for end in (one.low, one.high))]
    )
    drawn = level(axes, 0.0, "reference")
    for place, one in enumerate(found.slices):
        kind = "reach" if one.low > 0.0 else "reach model"
        drawn += upright(axes, place, one.low, one.high, kind) + dot(
            axes, place, one.difference, "bad dot" if one.low > 0.0 else "model dot"
        )
    ticks = [(float(place), str(place + 1)) for place in range(len(found.slices))]
    picture = chart(axes, drawn, "Difference of the log loss by slice", x_ticks=ticks, y_words=number)
    rows = [
        (str(place), one.slice, f"{one.rows:,}", f"{one.bad:,}", f"{fixed(one.one_auc)} to {fixed(one.other_auc)}",
         f"{one.one_loss:.4f} to {one.other_loss:.4f}",
         f"{one.difference:+z.4f} ({one.low:+z.4f} to {one.high:+z.4f})")
        for place, one in enumerate(found.slices, 1)
    ]  # fmt: skip
    better = sum(one.high < 0.0 for one in found.slices)
    worse = sum(one.low > 0.0 for one in found.slices)
    title = f"Version {found.other} is surely better in {better} and surely worse in {worse} of these slices"
    note = "Log loss of a row, less that of the other version; intervals are corrected for all slices looked at."
    heads = ("", "slice", "rows", "bad", "AUC", "log loss", "difference")
    return plot_figure(title, note, picture, table=wide_table(heads, rows))


def _decisions(found: VersionComparison) -> str:
    if not found.flips:
        return "<p>Both versions decide every row alike.</p>"
    told = ", ".join(
        f"version {name} refers from {one:.4g} and refuses from {two:.4g} on"
        if one < two
        else f"version {name} refuses from {two:.4g} on"
        for name, (one, two) in found.thresholds.items()
    )
    intro = f"<p>{percent(found.same_answers)} of the decisions are the same; {escape(told)}.</p>"
    return intro + "".join(_flip(flip) for flip in found.flips)


def _flip(flip: Flip) -> str:
    causes = ", ".join(f"{name} ({count:,})" for name, count in flip.causes.items() if count)
    rows = [(one.feature, f"{one.log_odds:+z.3f}", percent(one.leads)) for one in flip.features]
    table = wide_table(("feature", "log odds, toward the new answer", "first in"), rows) if rows else ""
    note = (
        f"{flip.bad:,} of them bad; {flip.gain:+z,.0f} in profit. Because of: {escape(causes)}. "
        f"Rows: {escape(', '.join(flip.examples))}."
    )
    return plot_figure(f"{flip.rows:,} from {flip.before} to {flip.after}", note, table)
